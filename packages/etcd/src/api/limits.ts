/** Bounds of the API and their defaults. */
import { assert } from "@quorate/base";

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
}

/** The limits of etcd's defaults, for the given election timeout. */
export function apiLimitsDefault(electionTimeoutMs = 1000): ApiLimits {
  assert(electionTimeoutMs > 0, "api limits: election timeout");
  return {
    requestBytesMax: 1536 * 1024,
    txnOpCountMax: 128,
    applyLagMax: 5000,
    requestTimeoutMs: 5000 + 2 * electionTimeoutMs,
    electionTimeoutMs,
  };
}
