/** `quorate recover`: the way on when the quorum is lost for good, or when the only copy is damaged. */
import type { CliCommand } from "../command.ts";
import { flag } from "../environment.ts";

/** `quorate recover`. */
export const recoverCommand: CliCommand = {
  register(program, run) {
    program
      .command("recover")
      .description(
        "Make one member's data directory the beginning of a new cluster of its own. For when a majority of the members is lost for good. Shows what may be lost, and asks.",
      )
      .addOption(
        flag(
          "RECOVER",
          "--data-dir <dir>",
          "Data directory of the member that goes on. It must not run.",
        ).makeOptionMandatory(),
      )
      .addOption(flag("RECOVER", "--dry-run", "Only show what would happen.", false))
      .addOption(flag("RECOVER", "--yes", "Do not ask.", false))
      .addOption(
        flag(
          "RECOVER",
          "--discard-damaged",
          "Go on without the damaged part of the log and all behind it.",
          false,
        ),
      )
      .addOption(
        flag("RECOVER", "--encryption-key-file <file>", "The keys of an encrypted data directory.", ""),
      )
      .addOption(flag("RECOVER", "--json", "One JSON object.", false))
      .helpOption("-h, --help", "Print help.")
      .action(
        (options: {
          dataDir: string;
          dryRun: boolean;
          yes: boolean;
          discardDamaged: boolean;
          encryptionKeyFile: string;
          json: boolean;
        }) =>
          run(async () => {
            const { runRecover } = await import("../run-recover.ts");
            return runRecover(options);
          }),
      );
  },
};
