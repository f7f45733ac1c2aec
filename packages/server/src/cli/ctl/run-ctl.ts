/** A client command from its line to its exit code. */
import { suggestion } from "../../config/suggest.ts";
import type { CliContext } from "../command.ts";
import { CommandError } from "../exit-code.ts";
import type { CtlCommand } from "./command-tree.ts";
import { CtlError, ctlExit } from "./ctl-error.ts";
import { ctlCommands, ctlGroups } from "./definitions/index.ts";
import { type CtlFlag, parseLine } from "./flags.ts";
import { globalFlags, withEnvironment } from "./global-flags.ts";
import { commandHelp, groupHelp, overview, usageLine } from "./help.ts";

/** The first words of client commands. */
const ctlWords: readonly string[] = [...new Set(ctlCommands.map(({ words }) => words[0] ?? ""))];

/** Whether `argv` names a client command, with or without flags before it. */
export function isCtlLine(argv: readonly string[]): boolean {
  const [first, second] = wordPlaces(argv).map((at) => argv[at] ?? "");
  return ctlWords.includes(first ?? "") || (first === "help" && ctlWords.includes(second ?? ""));
}

/** Runs one client command; resolves with its exit code. Nothing is thrown but what nobody expected. */
export async function runCtl(argv: readonly string[], program: string, context: CliContext): Promise<number> {
  const places = wordPlaces(argv);
  const words = places.map((at) => argv[at] ?? "");
  const named = words[0] === "help" ? words.slice(1) : words;
  const command = findCommand(named);
  if (command === null) {
    return tellWithoutCommand(argv, program, words);
  }
  if (words[0] === "help") {
    process.stdout.write(commandHelp(program, command));
    return ctlExit.ok;
  }
  const own = new Set(places.slice(0, command.words.length));
  const rest = argv.filter((_word, at) => !own.has(at));
  try {
    return await runCommand(command, rest, program, context);
  } catch (error) {
    return reportFailure(error, program, command);
  }
}

async function runCommand(
  command: CtlCommand,
  argv: readonly string[],
  program: string,
  { environment }: CliContext,
): Promise<number> {
  const flags: readonly CtlFlag[] = [...(command.flags ?? []), ...globalFlags];
  const line = parseLine(argv, flags);
  const values = withEnvironment(line.values, environment, flags);
  if (values.bool("help")) {
    process.stdout.write(commandHelp(program, command));
    return ctlExit.ok;
  }
  // Loaded when there is work: most of the program, which help and mistakes do without.
  const { runSession } = await import("./session.ts");
  return runSession(command, line, values, { environment, program, commands: ctlCommands });
}

/** Where the words of the command may stand: what is neither a flag nor a flag's value, up to two of it. */
function wordPlaces(argv: readonly string[]): number[] {
  const places: number[] = [];
  for (let i = 0; i < argv.length && places.length < 3; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      places.push(i);
    } else if (takesNext(word)) {
      i++;
    }
  }
  return places;
}

function takesNext(word: string): boolean {
  const flag = globalFlags.find(
    ({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`),
  );
  return flag !== undefined && flag.kind !== "bool";
}

function findCommand(words: readonly string[]): CtlCommand | null {
  return ctlCommands.find((command) => command.words.every((word, at) => word === words[at])) ?? null;
}

function tellWithoutCommand(argv: readonly string[], program: string, words: readonly string[]): number {
  const [first, second] = words[0] === "help" ? words.slice(1) : words;
  if (first === undefined) {
    const flag = argv.find((word) => word.startsWith("-") && !/^(-h|--help)$/.test(word) && !takesNext(word));
    if (flag !== undefined && flag !== "--") {
      return complain(`unknown flag: ${flag}`, [`'${program} --help' lists the commands.`]);
    }
    process.stdout.write(overview(program));
    return ctlExit.ok;
  }
  const group = ctlGroups.find(({ word }) => word === first);
  if (group === undefined) {
    const near = suggestion(first, ctlWords, "");
    return complain(`unknown command "${first}" for "${program}"${near}`, [
      `'${program} --help' lists the commands.`,
    ]);
  }
  if (second === undefined || words[0] === "help") {
    process.stdout.write(groupHelp(program, first));
    return ctlExit.ok;
  }
  const inside = ctlCommands
    .filter(({ words: [word] }) => word === first)
    .map((command) => command.words[1] ?? "");
  return complain(`unknown command "${second}" for "${program} ${first}"${suggestion(second, inside, "")}`, [
    `'${program} ${first} --help' lists the commands.`,
  ]);
}

function reportFailure(error: unknown, program: string, command: CtlCommand): number {
  if (error instanceof CtlError) {
    for (const warning of error.warnings) {
      process.stderr.write(`Warning: ${warning}\n`);
    }
    const help = `'${[program, ...command.words].join(" ")} --help' tells more.`;
    complain(error.message, error.showUsage ? [usageLine(program, command), help] : []);
    return error.code;
  }
  if (error instanceof CommandError) {
    complain(error.message, []);
    return error.code;
  }
  throw error;
}

function complain(message: string, more: readonly string[]): number {
  for (const line of [`Error: ${message}`, ...more]) {
    process.stderr.write(`${line}\n`);
  }
  return ctlExit.error;
}
