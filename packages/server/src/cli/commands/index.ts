/** Every command, in the order of help. */
import type { CliCommand } from "../command.ts";
import { clusterCommand } from "./cluster.ts";
import { recoverCommand } from "./recover.ts";
import { serveCommand } from "./serve.ts";
import { startCommand } from "./start.ts";
import { statusCommand } from "./status.ts";
import { walCommand } from "./wal.ts";

/** The commands of the program. */
export const commands: readonly CliCommand[] = [
  startCommand,
  clusterCommand,
  serveCommand,
  statusCommand,
  recoverCommand,
  walCommand,
];
