/**
 * Every flag of `quorate serve`, once: its name (also the key in the configuration file, and upper-cased behind
 * `QUORATE_` and `ETCD_` in the environment), type, default and help. Parsing, help text, docs/flags.md and the tests
 * hang on this table; a new flag is a new row.
 */
import type { FlagValues, LogLevel } from "./server-config.ts";
import { parseServerUrl, type ServerUrl } from "./server-url.ts";
import {
  choiceKind,
  durationKind,
  gatesKind,
  integerKind,
  listKind,
  namedTextKind,
  retentionKind,
  textKind,
  urlsKind,
  type ValueKind,
} from "./value-kind.ts";

/** One row of the table. */
export interface Flag<T> {
  /** As on the command line, without dashes, and in the configuration file. */
  readonly name: string;
  readonly group: "Member" | "Clustering" | "Raft" | "Limits" | "Logging" | "Configuration";
  readonly kind: ValueKind<T>;
  readonly defaultValue: T;
  /** What etcd 3.7 takes when the flag is not given; it differs from ours only where `help` says why. */
  readonly etcdDefault: string;
  /** One or two sentences for help and docs. */
  readonly help: string;
}

const mib = 1024 * 1024;

function defaultUrls(text: string): readonly ServerUrl[] {
  const parsed = parseServerUrl(text);
  return "value" in parsed ? [parsed.value] : [];
}

/** The flags by the setting they fill. The compiler demands a row for each setting. */
export const flagTable: { readonly [K in keyof FlagValues]: Flag<FlagValues[K]> } = {
  name: {
    name: "name",
    group: "Member",
    kind: namedTextKind("<name>"),
    defaultValue: "default",
    etcdDefault: "default",
    help: "Human-readable name of this member, as it stands in --initial-cluster.",
  },
  dataDir: {
    name: "data-dir",
    group: "Member",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "<name>.etcd",
    help: "Folder of everything durable. Empty: <name>.etcd in the working directory.",
  },
  listenClientUrls: {
    name: "listen-client-urls",
    group: "Member",
    kind: urlsKind,
    defaultValue: defaultUrls("http://localhost:2379"),
    etcdDefault: "http://localhost:2379",
    help: "Where clients connect: gRPC and HTTP on the same port.",
  },
  advertiseClientUrls: {
    name: "advertise-client-urls",
    group: "Clustering",
    kind: urlsKind,
    defaultValue: defaultUrls("http://localhost:2379"),
    etcdDefault: "http://localhost:2379",
    help: "Client URLs told to the rest of the cluster. Required when --listen-client-urls is set.",
  },
  listenPeerUrls: {
    name: "listen-peer-urls",
    group: "Member",
    kind: urlsKind,
    defaultValue: defaultUrls("http://localhost:2380"),
    etcdDefault: "http://localhost:2380",
    help: "Where the other members connect. The peers speak a protocol of their own over TCP, not HTTP.",
  },
  initialAdvertisePeerUrls: {
    name: "initial-advertise-peer-urls",
    group: "Clustering",
    kind: urlsKind,
    defaultValue: defaultUrls("http://localhost:2380"),
    etcdDefault: "http://localhost:2380",
    help: "Peer URLs of this member as the others reach it. They must be its URLs in --initial-cluster; the member id is made of them.",
  },
  initialCluster: {
    name: "initial-cluster",
    group: "Clustering",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "default=http://localhost:2380",
    help: "All first members as name=peer-url, divided by commas; a name with several URLs is repeated. Empty: this member alone. Read only while the data directory is empty.",
  },
  initialClusterState: {
    name: "initial-cluster-state",
    group: "Clustering",
    kind: choiceKind(["new", "existing"]),
    defaultValue: "new",
    etcdDefault: "new",
    help: "new: form a cluster. existing: join one that this member was added to, or restart with data.",
  },
  initialClusterToken: {
    name: "initial-cluster-token",
    group: "Clustering",
    kind: namedTextKind("<token>"),
    defaultValue: "etcd-cluster",
    etcdDefault: "etcd-cluster",
    help: "Keeps clusters with equal URLs apart: part of every id. A data directory of another token is refused.",
  },
  strictReconfigCheck: {
    name: "strict-reconfig-check",
    group: "Clustering",
    kind: choiceKind(["true", "false"]),
    defaultValue: "true",
    etcdDefault: "true",
    help: "Refuse to add, remove or promote a member where that would put the quorum at risk.",
  },
  maxLearners: {
    name: "max-learners",
    group: "Clustering",
    kind: integerKind("count", 1, 1000),
    defaultValue: 1,
    etcdDefault: "1",
    help: "Learners that may be members at once.",
  },
  heartbeatIntervalMs: {
    name: "heartbeat-interval",
    group: "Raft",
    kind: integerKind("ms", 1, 50_000),
    defaultValue: 100,
    etcdDefault: "100",
    help: "Milliseconds between two heartbeats of the leader.",
  },
  electionTimeoutMs: {
    name: "election-timeout",
    group: "Raft",
    kind: integerKind("ms", 1, 50_000),
    defaultValue: 1000,
    etcdDefault: "1000",
    help: "Milliseconds without a leader before a member campaigns (randomized up to twice that). At least 5 times --heartbeat-interval.",
  },
  fastFailover: {
    name: "fast-failover",
    group: "Raft",
    kind: choiceKind(["true", "false"]),
    defaultValue: "true",
    etcdDefault: "",
    help: "Elect a new leader as soon as the old one's process is known to be gone (its connections end and its address refuses new ones), without waiting for --election-timeout.",
  },
  encryptionKeyFile: {
    name: "encryption-key-file",
    group: "Raft",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "",
    help: "Encrypts log and snapshots with the keys in this file: one a line, an id and 64 hexadecimal digits; the highest id is current. Only its owner may read it. Empty: not encrypted.",
  },
  snapshotCount: {
    name: "snapshot-count",
    group: "Raft",
    kind: integerKind("count", 0, Number.MAX_SAFE_INTEGER),
    defaultValue: 0,
    etcdDefault: "10000",
    help: "Applied entries between two snapshots. 0: when the log has outgrown the live state (at least 64 MiB), which costs less than a fixed count.",
  },
  quotaBackendBytes: {
    name: "quota-backend-bytes",
    group: "Limits",
    kind: integerKind("bytes", -1, Number.MAX_SAFE_INTEGER),
    defaultValue: 0,
    etcdDefault: "0",
    help: "Bytes that keys and values may take, all kept versions of them. Beyond it the alarm NOSPACE is raised and writes are refused until it is disarmed. 0: 2 GiB. Negative: no quota.",
  },
  autoCompactionMode: {
    name: "auto-compaction-mode",
    group: "Limits",
    kind: choiceKind(["periodic", "revision"]),
    defaultValue: "periodic",
    etcdDefault: "periodic",
    help: "What --auto-compaction-retention counts: time, or revisions.",
  },
  autoCompactionRetention: {
    name: "auto-compaction-retention",
    group: "Limits",
    kind: retentionKind,
    defaultValue: "0",
    etcdDefault: "0",
    help: "How much history is kept; what is older is compacted by the leader. A time such as 30m (a number alone: hours), or with mode revision a number of revisions. 0: nothing is compacted by itself.",
  },
  watchProgressNotifyIntervalMs: {
    name: "watch-progress-notify-interval",
    group: "Limits",
    kind: durationKind(100),
    defaultValue: 600_000,
    etcdDefault: "10m",
    help: "Time between progress notifications to idle watchers that asked for them.",
  },
  featureGates: {
    name: "feature-gates",
    group: "Configuration",
    kind: gatesKind(["LeaseCheckpoint"]),
    defaultValue: [],
    etcdDefault: "",
    help: "Switches by name. LeaseCheckpoint: the leader notes now and then what is left of leases, and a new leader goes on from there instead of granting the full time again.",
  },
  maxRequestBytes: {
    name: "max-request-bytes",
    group: "Limits",
    kind: integerKind("bytes", 1, 10 * mib),
    defaultValue: 1.5 * mib,
    etcdDefault: "1572864",
    help: "Largest request that is taken into the log.",
  },
  maxTxnOps: {
    name: "max-txn-ops",
    group: "Limits",
    kind: integerKind("count", 1, 1_000_000),
    defaultValue: 128,
    etcdDefault: "128",
    help: "Most operations in one part of a transaction.",
  },
  trace: {
    name: "trace",
    group: "Logging",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "",
    help: "File to append every step of the Raft protocol to, one JSON object a line (docs/trace.md). Empty: none. It grows without bound.",
  },
  logLevel: {
    name: "log-level",
    group: "Logging",
    kind: choiceKind<LogLevel>(["debug", "info", "warn", "error", "panic", "fatal"]),
    defaultValue: "info",
    etcdDefault: "info",
    help: "The least important lines to write.",
  },
  logFormat: {
    name: "log-format",
    group: "Logging",
    kind: choiceKind(["json", "console"]),
    defaultValue: "json",
    etcdDefault: "json",
    help: "json: one object a line, with etcd's keys. console: for people.",
  },
  logOutputs: {
    name: "log-outputs",
    group: "Logging",
    kind: listKind,
    defaultValue: ["default"],
    etcdDefault: "default",
    help: "Where lines go: default (stderr), stderr, stdout, or paths of files to append to, divided by commas.",
  },
  configFile: {
    name: "config-file",
    group: "Configuration",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "",
    help: "YAML file with flag names as keys. Flags and environment go before it (etcd ignores them when it has a file).",
  },
};

/** The settings' names, in the order of the table. */
export const settings: readonly (keyof FlagValues)[] = Object.keys(flagTable) as (keyof FlagValues)[];

/** Which setting a flag's name fills, or null. */
export function settingOf(flagName: string): keyof FlagValues | null {
  return settings.find((setting) => flagTable[setting].name === flagName) ?? null;
}

/** The variables that set a flag, the stronger first. */
export function environmentNames(flagName: string): readonly [string, string] {
  const suffix = flagName.toUpperCase().replaceAll("-", "_");
  return [`QUORATE_${suffix}`, `ETCD_${suffix}`];
}
