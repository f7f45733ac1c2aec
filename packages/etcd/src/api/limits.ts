/** Bounds of the API and their defaults. */
import { assert } from "@quorate/base";
import type { CompactionPolicy } from "../compactor.ts";

/** What the API allows. */
export interface ApiLimits {
  /** Largest command, in bytes. ETCD: --max-request-bytes, 1.5 MiB. */
  readonly requestBytesMax: number;
  /** Operations of a transaction. ETCD: --max-txn-ops. */
  readonly txnOpCountMax: number;
  /** Committed entries that may wait to be applied before new requests are refused. ETCD: 5000. */
  readonly applyLagMax: number;
  /** Milliseconds a request waits for its outcome. ETCD: 5 s, and two election timeouts for a possible election. */
  readonly requestTimeoutMs: number;
  /** Election timeout, for telling why a request timed out. */
  readonly electionTimeoutMs: number;
  /** Milliseconds between progress notifications of idle watchers. ETCD: --watch-progress-notify-interval, 10 minutes. */
  readonly watchProgressNotifyIntervalMs: number;
  /** The shortest time to live of a lease, in seconds: one and a half election timeouts, up to a whole second. */
  readonly leaseTtlSecondsMin: number;
  /**
   * Whether a leader that a majority confirmed a moment ago renews leases without asking it for each. Needs a clock, see
   * `ApiOptions`. ETCD: the feature gate FastLeaseKeepAlive, on.
   */
  readonly fastLeaseKeepAlive: boolean;
  /** Whether the leader notes now and then what is left of leases. ETCD: the feature gate LeaseCheckpoint, off. */
  readonly leaseCheckpoint: boolean;
  /** What the leader compacts by itself. ETCD: --auto-compaction-mode and --auto-compaction-retention, off. */
  readonly autoCompaction: CompactionPolicy;
  /** Learners that may be members at once. ETCD: --max-learners. */
  readonly learnerCountMax: number;
  /** Milliseconds after which a token that was not used ends. ETCD: --auth-token-ttl, 5 minutes. */
  readonly authTokenTtlMs: number;
  /** Refuse changes of the members that put the quorum at risk. ETCD: --strict-reconfig-check. */
  readonly strictReconfigCheck: boolean;
  /** Whether a member takes its alarm NOSPACE back by itself when there is room again. ETCD: never, an operator does. */
  readonly autoDisarmNoSpace: boolean;
  /** Events that watchers are given between two other pieces of work. PERF: a thousand take a millisecond. */
  readonly sliceEventCount: number;
  /** Keys that a range looks at between two other pieces of work. PERF: about 0.5 µs each. */
  readonly sliceKeyCount: number;
}

/** The limits of etcd's defaults, for the given election timeout and heartbeat interval. */
export function apiLimitsDefault(electionTimeoutMs = 1000, heartbeatIntervalMs = 100): ApiLimits {
  assert(electionTimeoutMs > 0, "api limits: election timeout");
  assert(heartbeatIntervalMs > 0, "api limits: heartbeat interval");
  // ETCD: counted in whole heartbeats.
  const electionTicks = Math.floor(electionTimeoutMs / heartbeatIntervalMs);
  const leaseTtlMsMin = Math.floor((3 * electionTicks) / 2) * heartbeatIntervalMs;
  return {
    requestBytesMax: 1536 * 1024,
    txnOpCountMax: 128,
    applyLagMax: 5000,
    requestTimeoutMs: 5000 + 2 * electionTimeoutMs,
    electionTimeoutMs,
    watchProgressNotifyIntervalMs: 10 * 60 * 1000,
    leaseTtlSecondsMin: Math.max(1, Math.ceil(leaseTtlMsMin / 1000)),
    fastLeaseKeepAlive: true,
    leaseCheckpoint: false,
    autoCompaction: { mode: "off" },
    learnerCountMax: 1,
    authTokenTtlMs: 5 * 60 * 1000,
    strictReconfigCheck: true,
    autoDisarmNoSpace: false,
    sliceEventCount: 1000,
    sliceKeyCount: 4096,
  };
}

/** ETCD: what a quota of 0 stands for, 2 GiB. */
const quotaBytesDefault = 2 * 1024 * 1024 * 1024;

/** The quota that a setting stands for; null for none. */
export function quotaBytesOf(setting: number): number | null {
  return setting < 0 ? null : setting === 0 ? quotaBytesDefault : setting;
}
