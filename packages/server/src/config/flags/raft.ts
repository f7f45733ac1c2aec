/** The times of the protocol, and what is kept of the log. */
import type { FlagRows } from "../flag-row.ts";
import { booleanKind, integerKind, textKind } from "../value-kind.ts";

/** The settings of this group. */
export interface RaftValues {
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly preVote: boolean;
  readonly fastFailover: boolean;
  /** Empty: what is stored is not encrypted. */
  readonly encryptionKeyFile: string;
  /** Applied entries between two snapshots; 0: by size. */
  readonly snapshotCount: number;
  /** Entries kept behind a snapshot that `snapshotCount` asked for. */
  readonly snapshotCatchupEntries: number;
}

/** Its rows. */
export const raftFlags: FlagRows<RaftValues> = {
  heartbeatIntervalMs: {
    name: "heartbeat-interval",
    group: "Raft",
    kind: integerKind("ms", 1, 50_000),
    defaultValue: 100,
    etcdDefault: "100",
    isEtcds: true,
    help: "Milliseconds between two heartbeats of the leader.",
  },
  electionTimeoutMs: {
    name: "election-timeout",
    group: "Raft",
    kind: integerKind("ms", 1, 50_000),
    defaultValue: 1000,
    etcdDefault: "1000",
    isEtcds: true,
    help: "Milliseconds without a leader before a member campaigns (randomized up to twice that). At least 5 times --heartbeat-interval.",
  },
  preVote: {
    name: "pre-vote",
    group: "Raft",
    kind: booleanKind,
    defaultValue: true,
    etcdDefault: "true",
    isEtcds: true,
    differs: "without it --fast-failover is off, too",
    help: "Ask whether an election could be won before unseating anybody. Without it --fast-failover is off, too.",
  },
  fastFailover: {
    name: "fast-failover",
    group: "Raft",
    kind: booleanKind,
    defaultValue: true,
    etcdDefault: "",
    isEtcds: false,
    help: "Elect a new leader as soon as the old one's process is known to be gone (its connections end and its address refuses new ones), without waiting for --election-timeout.",
  },
  encryptionKeyFile: {
    name: "encryption-key-file",
    group: "Raft",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "",
    isEtcds: false,
    help: "Encrypts log and snapshots with the keys in this file: one a line, an id and 64 hexadecimal digits; the highest id is current. Only its owner may read it. Empty: not encrypted.",
  },
  snapshotCount: {
    name: "snapshot-count",
    group: "Raft",
    kind: integerKind("count", 0, Number.MAX_SAFE_INTEGER),
    defaultValue: 0,
    etcdDefault: "10000",
    isEtcds: true,
    differs: "default 0: by size, which costs less than a fixed count",
    help: "Applied entries between two snapshots. 0: when the log has outgrown the live state (at least 64 MiB), which costs less than a fixed count.",
  },
  snapshotCatchupEntries: {
    name: "snapshot-catchup-entries",
    group: "Raft",
    kind: integerKind("count", 0, Number.MAX_SAFE_INTEGER),
    defaultValue: 5000,
    etcdDefault: "5000",
    isEtcds: true,
    differs: "of effect with --snapshot-count only, and never more than that",
    help: "With --snapshot-count: entries kept behind a snapshot for followers that lag, at most that count.",
  },
};
