/** Every client command, the groups they stand in, and the chapters of help. */
import type { CtlChapter, CtlCommand, CtlGroup } from "../command-tree.ts";
import { authCommands } from "./auth.ts";
import { clusterCommands } from "./cluster.ts";
import { concurrencyCommands, utilityCommands } from "./concurrency.ts";
import { kvCommands } from "./kv.ts";
import { leaseCommands } from "./lease.ts";
import { maintenanceCommands } from "./maintenance.ts";

/** All commands. */
export const ctlCommands: readonly CtlCommand[] = [
  ...kvCommands,
  ...leaseCommands,
  ...clusterCommands,
  ...maintenanceCommands,
  ...authCommands,
  ...concurrencyCommands,
  ...utilityCommands,
];

/** The words that have commands under them. */
export const ctlGroups: readonly CtlGroup[] = [
  { word: "lease", summary: "Leases: time to live for keys." },
  { word: "member", summary: "The members of the cluster." },
  { word: "endpoint", summary: "Health, status and hashes of endpoints." },
  { word: "alarm", summary: "Alarms: no space, corruption." },
  { word: "snapshot", summary: "Save the state to a file, look into it, restore it." },
  { word: "downgrade", summary: "Going down to an older version." },
  { word: "check", summary: "How the cluster performs." },
  { word: "auth", summary: "Turn authentication on and off." },
  { word: "user", summary: "Users." },
  { word: "role", summary: "Roles." },
];

/** How help groups the commands. */
export const ctlChapters: readonly CtlChapter[] = [
  { title: "Keys", words: ["get", "put", "del", "txn", "compaction", "watch", "lease"] },
  {
    title: "Cluster",
    words: ["member", "endpoint", "alarm", "defrag", "downgrade", "move-leader", "snapshot"],
  },
  { title: "Concurrency", words: ["lock", "elect"] },
  { title: "Authentication", words: ["auth", "user", "role"] },
  { title: "Utilities", words: ["check", "completion", "make-mirror", "options", "version"] },
];
