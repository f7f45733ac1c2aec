/** Commands that look after a cluster's data. */
import type { CtlCommand } from "../command-tree.ts";
import type { CtlFlag } from "../flags.ts";

const loads: CtlFlag = {
  name: "load",
  kind: "string",
  preset: "s",
  help: "How much: s(mall), m(edium), l(arge) or xl(arge).",
};
const loadWords = ["s", "m", "l", "xl"] as const;
const tidyUp: readonly CtlFlag[] = [
  { name: "auto-compact", kind: "bool", help: "Compact to the last revision afterwards." },
  { name: "auto-defrag", kind: "bool", help: "Defragment afterwards." },
];

const restoreFlags: readonly CtlFlag[] = [
  {
    name: "data-dir",
    kind: "string",
    help: "Folder to make; it must not exist, or be empty. Preset: <name>.etcd.",
  },
  { name: "name", kind: "string", preset: "default", help: "Name of this member, as in --initial-cluster." },
  {
    name: "initial-cluster",
    kind: "string",
    preset: "default=http://localhost:2380",
    help: "All members of the new cluster as name=peer-url, divided by commas.",
  },
  {
    name: "initial-cluster-token",
    kind: "string",
    preset: "etcd-cluster",
    help: "Keeps the new cluster apart from others.",
  },
  {
    name: "initial-advertise-peer-urls",
    kind: "string",
    preset: "http://localhost:2380",
    help: "Peer URLs of this member, as in --initial-cluster.",
  },
  {
    name: "skip-hash-check",
    kind: "bool",
    help: "Take the file although its checksum does not fit. What is inside is still checked.",
  },
  {
    name: "bump-revision",
    kind: "int",
    help: "Raise the revision by this much, so that none is given out twice. With --mark-compacted.",
  },
  {
    name: "mark-compacted",
    kind: "bool",
    help: "Compact up to the raised revision, so that watches notice.",
  },
  { name: "encryption-key-file", kind: "string", help: "Encrypt the new data directory with these keys." },
];

/** alarm …, defrag, snapshot …, check …. */
export const maintenanceCommands: readonly CtlCommand[] = [
  {
    words: ["alarm", "list"],
    usage: "",
    summary: "Print the alarms that are on.",
    run: async (context) => (await import("../work/alarm.ts")).alarmList(context),
  },
  {
    words: ["alarm", "disarm"],
    usage: "",
    summary: "Take all alarms back.",
    run: async (context) => (await import("../work/alarm.ts")).alarmDisarm(context),
  },
  {
    words: ["defrag"],
    usage: "",
    summary: "Give back the space of what was compacted, one endpoint after the other.",
    examples: ["defrag", "defrag --cluster"],
    flags: [{ name: "cluster", kind: "bool", help: "At every member that the member list names." }],
    run: async (context) => (await import("../work/defrag.ts")).defrag(context),
  },
  {
    words: ["snapshot", "save"],
    usage: "<filename>",
    summary: "Save the state of one member to a file, and check its SHA-256 on the way.",
    examples: ["snapshot save backup.db", "--endpoints=10.0.0.1:2379 snapshot save backup.db"],
    run: async (context) => (await import("../work/snapshot-save.ts")).snapshotSave(context),
  },
  {
    words: ["snapshot", "status"],
    usage: "<filename>",
    summary: "Check a snapshot file whole, and print what it holds. Only reads.",
    examples: ["snapshot status backup.db -w table"],
    flags: [{ name: "json", kind: "bool", help: "As -w json, with all there is to know." }],
    run: async (context) => (await import("../work/snapshot-status.ts")).snapshotStatus(context),
  },
  {
    words: ["snapshot", "restore"],
    usage: "<filename> --data-dir <folder> [options]",
    summary:
      "Make the data directory of one member of a new cluster from a snapshot file. Run it once for each member, with the same file.",
    examples: [
      "snapshot restore backup.db --data-dir data",
      "snapshot restore backup.db --name m1 --data-dir m1.etcd --initial-cluster m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380 --initial-advertise-peer-urls http://10.0.0.1:2380",
    ],
    flags: restoreFlags,
    run: async (context) => (await import("../work/snapshot-restore.ts")).snapshotRestore(context),
  },
  {
    words: ["check", "perf"],
    usage: "[options]",
    summary: "Write for a minute, and judge throughput and delays.",
    examples: ["check perf --load s"],
    flags: [
      loads,
      {
        name: "prefix",
        kind: "string",
        preset: "/etcdctl-check-perf/",
        help: "What the keys begin with. They are removed afterwards.",
      },
      ...tidyUp,
    ],
    choices: { load: loadWords },
    run: async (context) => (await import("../work/check-perf.ts")).checkPerf(context),
  },
  {
    words: ["check", "datascale"],
    usage: "[options]",
    summary: "Write many keys to one endpoint, and judge how much memory its process took for them.",
    examples: ["check datascale --load s"],
    flags: [
      loads,
      {
        name: "prefix",
        kind: "string",
        preset: "/etcdctl-check-datascale/",
        help: "What the keys begin with. They are removed afterwards.",
      },
      ...tidyUp,
    ],
    choices: { load: loadWords },
    run: async (context) => (await import("../work/check-datascale.ts")).checkDatascale(context),
  },
];
