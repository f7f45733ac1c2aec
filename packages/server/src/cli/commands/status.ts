/** `quorate status`: how the members are. */
import type { Command } from "commander";
import type { CliCommand } from "../command.ts";
import { flag } from "../environment.ts";
import { CommandError, exitCode } from "../exit-code.ts";

interface StatusOptions {
  readonly endpoints: string;
  readonly writeOut: "json" | "table";
  readonly timeout: string;
}

/** `quorate status`. */
export const statusCommand: CliCommand = {
  register(program: Command, run) {
    program
      .command("status")
      .description("Show the status of members. Exit code 1 when one of them does not answer.")
      .addOption(flag("status", "--endpoints <urls>", "Members to ask, divided by commas.", "127.0.0.1:2379"))
      .addOption(
        flag("status", "-w, --write-out <format>", "How to print.")
          .choices(["table", "json"])
          .default("table"),
      )
      .addOption(flag("status", "--timeout <ms>", "Milliseconds to wait for each member.", "5000"))
      .helpOption("-h, --help", "Print help.")
      .action((options: StatusOptions) =>
        run(async () => {
          const timeoutMs = Number(options.timeout);
          if (!Number.isSafeInteger(timeoutMs) || timeoutMs <= 0) {
            throw new CommandError(`--timeout "${options.timeout}": needs milliseconds`, exitCode.usage);
          }
          const endpoints = options.endpoints.split(",").filter((endpoint) => endpoint !== "");
          const { runStatus } = await import("../run-status.ts");
          return runStatus({ endpoints, format: options.writeOut, timeoutMs });
        }),
      );
  },
};
