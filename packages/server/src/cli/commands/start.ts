/** `quorate start`: a cluster of three server processes on this machine. */

import type { CliCommand } from "../command.ts";
import { flag } from "../environment.ts";
import { CommandError, exitCode } from "../exit-code.ts";

/** `quorate start`. */
export const startCommand: CliCommand = {
  register(program, run) {
    program
      .command("start")
      .description("Run a cluster of three members on loopback, until Ctrl-C. Data is kept between runs.")
      .addOption(flag("start", "--data-dir <folder>", "Folder of the members' data.", "data"))
      .addOption(
        flag(
          "start",
          "--client-ports <ports>",
          "Client port of each member, divided by commas; its peer port is the next one.",
          "2379,22379,32379",
        ),
      )
      .addOption(
        flag(
          "start",
          "--trace <file>",
          "File to append every step of the Raft protocol of all members to (docs/trace.md).",
          "",
        ),
      )
      .helpOption("-h, --help", "Print help.")
      .action((options: { dataDir: string; clientPorts: string; trace: string }) =>
        run(async () => {
          const clientPorts = readPorts(options.clientPorts);
          const { runLocalCluster } = await import("../../local-cluster/run-local-cluster.ts");
          return runLocalCluster({ dataDir: options.dataDir, clientPorts, trace: options.trace });
        }),
      );
  },
};

function readPorts(text: string): readonly number[] {
  const ports = text.split(",").map((port) => (/^\d+$/.test(port.trim()) ? Number(port) : Number.NaN));
  const all = ports.flatMap((port) => [port, port + 1]);
  if (ports.some((port) => !(port >= 1 && port <= 65_534)) || new Set(all).size !== all.length) {
    throw new CommandError(
      `--client-ports "${text}": needs different ports from 1 to 65534 that are not next to each other`,
      exitCode.usage,
    );
  }
  return ports;
}
