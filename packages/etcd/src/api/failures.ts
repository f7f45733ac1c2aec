/** From outcomes to etcd's errors: one place, because clients decide by code and text whether to try again. */
import { DecodeError } from "@quorate/base";
import { type KvErrorCode, kvErrors } from "@quorate/kv";
import type { ApiCall, RefusalReason, ReplicationStatus, SubmitOutcome } from "../ports.ts";

/** gRPC codes that are not in etcd's table. */
const codeUnknown = 2;
const codeUnimplemented = 12;
const codeInternal = 13;

/** Fails `call` with a row of etcd's table. */
export function failWith(call: ApiCall, code: KvErrorCode): void {
  const { grpc, text } = kvErrors[code];
  call.fail(grpc, text);
}

/** Fails `call` with a text that is in no table. ETCD: errors without a code of their own. */
export function failUnknown(call: ApiCall, text: string): void {
  call.fail(codeUnknown, text);
}

/** Fails `call` as grpc-go fails a request that does not decode. */
function failUndecodable(call: ApiCall, error: DecodeError): void {
  call.fail(codeInternal, `grpc: error unmarshalling request: ${error.message}`);
}

/** Fails `call` because nothing stands behind its path yet. */
export function failUnimplemented(call: ApiCall): void {
  call.fail(codeUnimplemented, `etcdserver: ${call.path} is not implemented`);
}

/** protobuf-es reports malformed bytes by errors of several kinds; here they are all the same: input that does not decode. */
export function decodeMessage<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new DecodeError(error instanceof Error ? error.message : "malformed message", 0);
  }
}

/** Runs `decode`; null when the bytes do not decode, the call then failed. */
export function decodeOrFail<T>(
  call: ApiCall,
  input: Uint8Array,
  decode: (input: Uint8Array) => T,
): T | null {
  try {
    return decode(input);
  } catch (error) {
    if (!(error instanceof DecodeError)) {
      throw error;
    }
    failUndecodable(call, error);
    return null;
  }
}

const refusals: { readonly [R in RefusalReason]: KvErrorCode } = {
  "no-leader": "KV_NO_LEADER",
  // The proposal went to a member that no longer led; the client finds the new leader by trying again.
  "not-leader": "KV_LEADER_CHANGED",
  "leader-changed": "KV_LEADER_CHANGED",
  transferring: "KV_LEADER_CHANGED",
  "uncommitted-limit": "KV_REQUEST_TOO_MANY_REQUESTS",
  "too-many-requests": "KV_REQUEST_TOO_MANY_REQUESTS",
  "too-large": "KV_REQUEST_TOO_LARGE",
  "not-a-member": "KV_STOPPED",
  stopped: "KV_STOPPED",
};

/** What a client is told of a request that certainly had no effect. */
export function refusalCode(reason: RefusalReason): KvErrorCode {
  return refusals[reason];
}

type UnknownReason = Extract<SubmitOutcome, { readonly kind: "unknown" }>["reason"];

const unknowns: { readonly [R in UnknownReason]: KvErrorCode } = {
  "leader-changed": "KV_TIMEOUT_DUE_TO_LEADER_FAIL",
  timeout: "KV_TIMEOUT",
  "connection-lost": "KV_TIMEOUT_DUE_TO_CONNECTION_LOST",
  stopped: "KV_STOPPED",
};

/** What a client is told of a command that may have been applied. Only texts that promise nothing are used. */
export function unknownCode(reason: UnknownReason): KvErrorCode {
  return unknowns[reason];
}

/**
 * Why a command that was sent at `startMs` has timed out. ETCD: an election around that time is the likeliest cause, then a
 * broken connection to the leader.
 */
export function timeoutCode(
  status: ReplicationStatus,
  startMs: number,
  electionTimeoutMs: number,
): KvErrorCode {
  const previousLostMs = status.leaderSinceMs - 2 * electionTimeoutMs;
  if (status.leader !== 0 && startMs > previousLostMs && startMs < status.leaderSinceMs) {
    return "KV_TIMEOUT_DUE_TO_LEADER_FAIL";
  }
  const connected = status.connectedSinceMs !== null && status.connectedSinceMs <= startMs;
  return status.leader === 0 || connected ? "KV_TIMEOUT" : "KV_TIMEOUT_DUE_TO_CONNECTION_LOST";
}
