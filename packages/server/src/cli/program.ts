/** The command line: which commands there are, and how what they throw becomes one line and an exit code. */
import { basename } from "node:path";
import { Command, CommanderError } from "commander";
import type { CliContext } from "./command.ts";
import { commands } from "./commands/index.ts";
import { ctlChapters } from "./ctl/definitions/index.ts";
import { summaryOf } from "./ctl/help.ts";
import { isCtlLine, runCtl } from "./ctl/run-ctl.ts";
import { CommandError, exitCode } from "./exit-code.ts";
import { versionText } from "./version.ts";

/** Runs one command line to its end and returns the exit code. Nothing is thrown; errors are lines on stderr. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const startedAs = basename(context.startedAs);
  const asEtcd = startedAs === "etcd";
  try {
    if (startedAs === "etcdctl" || (!asEtcd && isCtlLine(argv))) {
      return await runCtl(argv, startedAs === "etcdctl" ? "etcdctl" : "quorate", context);
    }
    return await runCommand(asEtcd ? asServe(argv) : argv, context, asEtcd);
  } catch (error) {
    return reportFailure(error);
  }
}

/** ETCD: there are no commands, all words are flags of the server. */
function asServe(argv: readonly string[]): readonly string[] {
  return argv.includes("--version") || argv.includes("-version") ? ["--version"] : ["serve", ...argv];
}

async function runCommand(argv: readonly string[], context: CliContext, asEtcd: boolean): Promise<number> {
  let code: number = exitCode.ok;
  const program = new Command("quorate")
    .description("A replicated key-value server that etcd clients use unchanged.")
    .version(versionText(asEtcd), "-V, --version", "Print the version.")
    .helpOption("-h, --help", "Print help.")
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  for (const command of commands) {
    command.register(program, async (run) => {
      code = await run(context);
    });
  }
  // They are run before this point; here they are for suggestions, and for the list.
  for (const { title, words } of ctlChapters) {
    for (const word of words) {
      program.command(word).description(summaryOf(word)).helpGroup(`${title}:`);
    }
  }
  if (argv.length === 0) {
    process.stderr.write(program.helpInformation());
    return exitCode.usage;
  }
  await program.parseAsync(argv, { from: "user" });
  return code;
}

function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) {
      return exitCode.ok; // Help or version, already printed.
    }
    return report(error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " "), exitCode.usage);
  }
  if (error instanceof CommandError) {
    return report(error.message, error.code);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return report(`internal error: ${text.replaceAll(/\s*\n\s*/g, " | ")}`, exitCode.internal);
}

function report(message: string, code: number): number {
  for (const line of message.split("\n")) {
    process.stderr.write(`quorate: ${line}\n`);
  }
  return code;
}
