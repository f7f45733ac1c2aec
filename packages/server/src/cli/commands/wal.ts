/** `quorate wal`: looks at the log of a data directory, also a damaged one or one in use. */
import type { CliCommand } from "../command.ts";
import { flag } from "../environment.ts";

/** `quorate wal dump`. */
export const walCommand: CliCommand = {
  register(program, run) {
    const wal = program
      .command("wal")
      .description("Look into the write-ahead log of a data directory.")
      .helpOption("-h, --help", "Print help.")
      .helpCommand(false);
    wal
      .command("dump")
      .description(
        "Print every record of the log, and where it is torn or damaged. Only reads; the member may run.",
      )
      .argument("<data-dir>", "Data directory of a member.")
      .addOption(flag("WAL_DUMP", "--json", "One JSON object a line.", false))
      .addOption(
        flag(
          "WAL_DUMP",
          "--encryption-key-file <file>",
          "Also try the keys in this file on every encrypted entry.",
        ),
      )
      .helpOption("-h, --help", "Print help.")
      .action((dataDir: string, options: { json: boolean; encryptionKeyFile?: string }) =>
        run(async () => {
          const { runWalDump } = await import("../run-wal-dump.ts");
          return runWalDump({ dataDir, json: options.json, keyFile: options.encryptionKeyFile ?? null });
        }),
      );
  },
};
