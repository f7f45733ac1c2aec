/** The checklist of docs/seeds.md: what someone who knows one of the four earlier systems looks for here. */

/** One item. */
interface SeedItem {
  /** `S1.3`. */
  readonly id: string;
  readonly what: string;
}

/** One system, with its items in order. */
export interface SeedSystem {
  readonly title: string;
  /** Test files that hold its known mistakes. */
  readonly mistakes: readonly string[];
  readonly items: readonly SeedItem[];
}

function items(system: string, whats: readonly string[]): SeedItem[] {
  return whats.map((what, position) => ({ id: `${system}.${position + 1}`, what }));
}

/** Everything that must be recorded. */
export const seedSystems: readonly SeedSystem[] = [
  {
    title: "S1: a replicated state machine with a key-value database over HTTP",
    mistakes: ["packages/raft/test/seeds/s1.test.ts"],
    items: items("S1", [
      "`kv-http start` with address, peers, id and HTTP port; three of them elect one leader in under 2 s",
      "store, delete, inspect and status over HTTP; 200 only after commit and apply; a follower forwards, or answers 421",
      "`kv-http store` writes concurrently with progress; killing the leader midway loses no acknowledged write",
      "members come as learners and are promoted, are removed, also the leader; a second change is refused by name",
      "leadership is handed over; writes meanwhile wait or get a clear error",
      "kill -9 and restart of one and of all keeps every acknowledged write; Ctrl-C exits 0",
      "the log is compacted; a wiped node added again catches up by snapshot",
      "LMDB as storage and gRPC between the nodes, beside the defaults",
      "the library: state machine, log store, stable store, node types, a config builder that names every wrong field",
      "a typed channel to the node: apply, change members, hand over",
    ]),
  },
  {
    title: "S2: a library with a register and a map as examples",
    mistakes: ["packages/raft/test/seeds/s2.test.ts"],
    items: items("S2", [
      "`register`: server, put, get and cas on a single node",
      "`hashmap`: put, get and cas through any address; the client finds the leader and passes over dead nodes",
      "`DEBUG=raft` prints every transition and message, a line each",
      "state machine and log as ports; an own log and an own state machine in at most 60 lines each",
      "refusals are typed",
      "the whole test bank by one command (`npm test`), verbose by one flag; API documentation by `npm run docs`, complete or `npm run verify` fails",
    ]),
  },
  {
    title: "S3: a cluster in one process on the command line, and a raw node",
    mistakes: ["packages/raft/test/seeds/s3.test.ts"],
    items: items("S3", [
      "`quorate cluster -n 5` tells the story of real nodes; 0 is an error; Ctrl-C shuts down with exit code 0",
      "`--kill-leader-after` and keys: real votes elect another leader",
      "election time-out 150 to 300 ms and heartbeat 15 ms as defaults; the same in ticks",
      "RawNode, Storage, progress, hard state and snapshot metadata as public API (raw-node); a storage of one's own (own-log), snapshots (own-machine), hand-over and members that come and go (kv-http)",
      "nine lessons, each with a command to run",
    ]),
  },
  {
    title: "S4: three containers",
    mistakes: ["packages/raft/test/seeds/s4.test.ts", "deploy/test/config.test.ts"],
    items: items("S4", [
      "`deploy/compose.yaml`: three services from one image by environment variables; a fourth joins by the same pattern. Here as plain processes; as containers, with podman: `npm run test:deploy`",
      "each instance greets and names the same leader; stopping one elects another, starting it again brings back its data",
      "laid out by library and service",
    ]),
  },
];
