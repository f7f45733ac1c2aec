/** How much of everything: bytes, operations, history, calls, waiting; and who speaks HTTP/2. */
import type { FlagRows } from "../flag-row.ts";
import { booleanKind, choiceKind, durationKind, integerKind, retentionKind } from "../value-kind.ts";

/** The settings of this group. */
export interface LimitValues {
  /** 0: the default of 2 GiB; negative: no quota. */
  readonly quotaBackendBytes: number;
  readonly autoDisarmNoSpace: boolean;
  readonly autoCompactionMode: "periodic" | "revision";
  /** ETCD: revisions; or a time, whole hours when it has no unit. 0: nothing is compacted by itself. */
  readonly autoCompactionRetention: string;
  /** Records that are swept in one go after a compaction. */
  readonly compactionBatchLimit: number;
  readonly compactionSleepIntervalMs: number;
  readonly watchProgressNotifyIntervalMs: number;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly maxConcurrentStreams: number;
  /** 0: never probed. */
  readonly grpcKeepaliveIntervalMs: number;
  /** 0: never given up. */
  readonly grpcKeepaliveTimeoutMs: number;
  readonly grpcImplementation: "own" | "node";
}

const mib = 1024 * 1024;

/** Its rows. */
export const limitFlags: FlagRows<LimitValues> = {
  quotaBackendBytes: {
    name: "quota-backend-bytes",
    group: "Limits",
    kind: integerKind("bytes", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    defaultValue: 0,
    etcdDefault: "0",
    isEtcds: true,
    differs: "it counts keys and values with all kept versions, not the size of a file",
    help: "Bytes that keys and values may take, all kept versions of them. Beyond it the alarm NOSPACE is raised and writes are refused until it is disarmed. 0: 2 GiB. Negative: no quota.",
  },
  autoDisarmNoSpace: {
    name: "auto-disarm-nospace",
    group: "Limits",
    kind: booleanKind,
    defaultValue: false,
    etcdDefault: "",
    isEtcds: false,
    help: "Take the alarm NOSPACE back by itself once a tenth of --quota-backend-bytes is free again. Without it an operator disarms, as with etcd.",
  },
  autoCompactionMode: {
    name: "auto-compaction-mode",
    group: "Limits",
    kind: choiceKind(["periodic", "revision"]),
    defaultValue: "periodic",
    etcdDefault: "periodic",
    isEtcds: true,
    help: "What --auto-compaction-retention counts: time, or revisions.",
  },
  autoCompactionRetention: {
    name: "auto-compaction-retention",
    group: "Limits",
    kind: retentionKind,
    defaultValue: "0",
    etcdDefault: "0",
    isEtcds: true,
    help: "How much history is kept; what is older is compacted by the leader. A time such as 30m (a number alone: hours), or with mode revision a number of revisions. 0: nothing is compacted by itself.",
  },
  compactionBatchLimit: {
    name: "compaction-batch-limit",
    group: "Limits",
    kind: integerKind("count", 1, 1_000_000),
    defaultValue: 4000,
    etcdDefault: "1000",
    isEtcds: true,
    differs: "default 4000, about a millisecond's work",
    help: "Records that are swept in one go after a compaction; requests are answered between two.",
  },
  compactionSleepIntervalMs: {
    name: "compaction-sleep-interval",
    group: "Limits",
    kind: durationKind(0),
    defaultValue: 0,
    etcdDefault: "10ms",
    isEtcds: true,
    differs: "default 0: a sweep gives way to requests by itself",
    help: "Time between two such goes. 0: the next one comes after the requests that wait.",
  },
  watchProgressNotifyIntervalMs: {
    name: "watch-progress-notify-interval",
    group: "Limits",
    kind: durationKind(100),
    defaultValue: 600_000,
    etcdDefault: "10m",
    isEtcds: true,
    help: "Time between progress notifications to idle watchers that asked for them.",
  },
  maxRequestBytes: {
    name: "max-request-bytes",
    group: "Limits",
    kind: integerKind("bytes", 1, 10 * mib),
    defaultValue: 1.5 * mib,
    etcdDefault: "1572864",
    isEtcds: true,
    differs: "at most 10 MiB, where etcd only advises against more",
    help: "Largest request that is taken into the log.",
  },
  maxTxnOps: {
    name: "max-txn-ops",
    group: "Limits",
    kind: integerKind("count", 1, 1_000_000),
    defaultValue: 128,
    etcdDefault: "128",
    isEtcds: true,
    help: "Most operations in one part of a transaction.",
  },
  maxConcurrentStreams: {
    name: "max-concurrent-streams",
    group: "Limits",
    kind: integerKind("count", 1, 2 ** 32 - 1),
    defaultValue: 2 ** 32 - 1,
    etcdDefault: "4294967295",
    isEtcds: true,
    help: "Calls at once on one connection.",
  },
  grpcKeepaliveIntervalMs: {
    name: "grpc-keepalive-interval",
    group: "Limits",
    kind: durationKind(0),
    defaultValue: 7_200_000,
    etcdDefault: "2h",
    isEtcds: true,
    help: "A connection is probed when nothing came for this time. 0: never.",
  },
  grpcKeepaliveTimeoutMs: {
    name: "grpc-keepalive-timeout",
    group: "Limits",
    kind: durationKind(0),
    defaultValue: 20_000,
    etcdDefault: "20s",
    isEtcds: true,
    help: "A connection whose probe stays unanswered for this time is closed. 0: it is not probed.",
  },
  grpcImplementation: {
    name: "grpc-implementation",
    group: "Limits",
    kind: choiceKind(["own", "node"]),
    defaultValue: "own",
    etcdDefault: "",
    isEtcds: false,
    help: "Experimental: who speaks HTTP/2 with clients. own: this program. node: Node.js's http2, which costs 20 times as much CPU for each call and 6 MB, to tell whose fault a client's trouble is.",
  },
};
