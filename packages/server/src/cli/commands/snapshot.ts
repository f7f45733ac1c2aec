/** `quorate snapshot`: looks at files that a client saved of a running member. */
import type { CliCommand } from "../command.ts";

/** `quorate snapshot status`. */
export const snapshotCommand: CliCommand = {
  register(program, run) {
    const snapshot = program
      .command("snapshot")
      .description("Look at a snapshot file, as etcd's clients save it from a running member.")
      .helpOption("-h, --help", "Print help.")
      .helpCommand(false);
    snapshot
      .command("status")
      .description("Check a snapshot file whole, and tell what it holds. Only reads.")
      .argument("<file>", "Snapshot file.")
      .option("--json", "One JSON object.", false)
      .helpOption("-h, --help", "Print help.")
      .action((file: string, options: { json: boolean }) =>
        run(async () => {
          const { runSnapshotStatus } = await import("../run-snapshot-status.ts");
          return runSnapshotStatus({ file, json: options.json });
        }),
      );
  },
};
