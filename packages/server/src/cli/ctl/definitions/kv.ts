/** Key-value commands: their words, flags and help. */
import type { CtlCommand } from "../command-tree.ts";
import { delFlags, getFlags, putFlags } from "./key-flags.ts";

/** get, put, del, txn, compaction, watch. */
export const kvCommands: readonly CtlCommand[] = [
  {
    words: ["get"],
    usage: "[options] <key> [range_end]",
    summary: "Read a key or a range of keys.",
    examples: ["get greeting", "get --prefix app/ --keys-only", "get --prefix app/ --limit 10 -w json"],
    flags: getFlags,
    choices: {
      order: ["ASCEND", "DESCEND"],
      "sort-by": ["CREATE", "KEY", "MODIFY", "VALUE", "VERSION"],
      consistency: ["l", "s"],
    },
    run: async (context) => (await import("../work/get.ts")).get(context),
  },
  {
    words: ["put"],
    usage: "[options] <key> <value> (the value may also come from standard input)",
    summary: "Write a key.",
    details:
      "A key or value that begins with '-' stands behind '--'. Without a value, and without --ignore-value, standard input is the value, whole.",
    examples: [
      "put greeting hello",
      "put report < report.json",
      "put -- -key -value",
      "put session x --lease=32695410dcc0ca06",
    ],
    flags: putFlags,
    run: async (context) => (await import("../work/put.ts")).put(context),
  },
  {
    words: ["del"],
    usage: "[options] <key> [range_end]",
    summary: "Remove a key or a range of keys; prints how many.",
    examples: ["del greeting", "del --prefix app/ --prev-kv", "del --range a b"],
    flags: delFlags,
    run: async (context) => (await import("../work/del.ts")).del(context),
  },
  {
    words: ["txn"],
    usage: "[options]",
    summary: "Run a transaction that standard input describes.",
    details:
      'Three parts, each ended by an empty line: compares (`mod("k") > "0"`; targets create, mod, version, value, lease; = != < >), then get, put and del lines for when all of them hold, then lines for when one does not.',
    examples: ["txn < update.txt", "txn --interactive"],
    flags: [{ name: "interactive", short: "i", kind: "bool", help: "Say which part comes next." }],
    run: async (context) => (await import("../work/txn.ts")).txn(context),
  },
  {
    words: ["compaction"],
    usage: "[options] <revision>",
    summary: "Forget the history before a revision.",
    examples: ["compaction 1234", "compaction --physical 1234"],
    flags: [{ name: "physical", kind: "bool", help: "Answer when the space is free, not before." }],
    run: async (context) => (await import("../work/compaction.ts")).compaction(context),
  },
  {
    words: ["watch"],
    usage: "[options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
    summary: "Print changes of keys as they happen, or run a command for each.",
    details:
      "The command finds ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its environment. Without a key, ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END name it. A broken connection is made again, at another member if need be, without a gap.",
    examples: [
      "watch greeting",
      "watch --prefix app/ --rev 100",
      "watch --prefix app/ -- ./on-change.sh",
      "watch -i",
    ],
    flags: [
      { name: "prefix", kind: "bool", help: "Watch all keys that begin with the given one." },
      { name: "rev", kind: "int", help: "First revision to print; without it from now on." },
      { name: "prev-kv", kind: "bool", help: "Also print what each key was before." },
      { name: "progress-notify", kind: "bool", help: "Ask for a sign of life while nothing changes." },
      {
        name: "interactive",
        short: "i",
        kind: "bool",
        help: "Read watch and progress lines from standard input.",
      },
    ],
    run: async (context) => (await import("../work/watch.ts")).watch(context),
  },
];
