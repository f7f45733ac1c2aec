/**
 * The words of etcd's data model: requests, commands and results as plain data. Names follow etcd's messages, so that a
 * reader of its API finds every field; nothing here knows how anything is stored.
 */
import type { AuthRequest, AuthResult } from "./auth/auth-types.ts";
import type { KvErrorCode } from "./errors.ts";
import type { Revision } from "./revision.ts";

/** What a client may ask to order a range by. `unknown` stands for a wire value that etcd has no name for. */
export type SortOrder = "none" | "ascend" | "descend" | "unknown";

/** What a range is ordered by. `unknown` stands for a wire value that etcd has no name for. */
export type SortTarget = "key" | "version" | "create" | "mod" | "value" | "unknown";

/** How a compare relates what is stored to what is given. ETCD: an `unknown` relation holds always. */
export type CompareResult = "equal" | "greater" | "less" | "not-equal" | "unknown";

/**
 * Sets one key.
 *
 * @example
 * ```ts
 * import { type PutRequest } from "@quorate/kv";
 * import { utf8Encode } from "@quorate/base";
 * const put: PutRequest = {
 *   type: "put", key: utf8Encode("k"), value: utf8Encode("v"), lease: 0n,
 *   prevKv: false, ignoreValue: false, ignoreLease: false,
 * };
 * ```
 */
export interface PutRequest {
  readonly type: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Lease that the key is attached to, an int64; 0n attaches to none and detaches from any. */
  readonly lease: bigint;
  /** Answer with what the key held before. */
  readonly prevKv: boolean;
  /** Keep the value the key has; the key must exist. */
  readonly ignoreValue: boolean;
  /** Keep the lease the key has; the key must exist. */
  readonly ignoreLease: boolean;
}

/**
 * Reads keys in `[key, rangeEnd)`: empty `rangeEnd` means the one key, a single zero byte means all keys from `key` on.
 * Numbers that clients choose arrive saturated to safe integers.
 */
export interface RangeRequest {
  readonly type: "range";
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** Most keys to answer with; 0 and below mean no limit. */
  readonly limit: number;
  /** Revision to read at; 0 and below mean now. */
  readonly revision: number;
  readonly sortOrder: SortOrder;
  readonly sortTarget: SortTarget;
  /** Answered from local state, without asking for the commit index. Of no meaning inside the store. */
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Bounds on the answered keys' revisions, applied after reading; 0 means unbounded. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

/** Deletes keys in `[key, rangeEnd)`, read as in {@link RangeRequest}. */
export interface DeleteRangeRequest {
  readonly type: "delete-range";
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** Answer with what was deleted, in key order. */
  readonly prevKv: boolean;
}

/** An operation whose wire form carried none of the four. */
export interface EmptyRequest {
  readonly type: "none";
}

/** One operation of a transaction. */
export type RequestOp = RangeRequest | PutRequest | DeleteRangeRequest | TxnRequest | EmptyRequest;

/** What a compare looks at, with the value it is compared to. ETCD: an `unknown` target compares as equal. */
export type CompareOperand =
  | { readonly target: "version" | "create" | "mod"; readonly value: number }
  | { readonly target: "value"; readonly value: Uint8Array }
  | { readonly target: "lease"; readonly value: bigint }
  | { readonly target: "unknown" };

/** A condition on one key, or on every key of a range. */
export type Compare = CompareOperand & {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly result: CompareResult;
};

/** Runs `success` when every compare holds, `failure` otherwise; all of it in one revision or not at all. */
export interface TxnRequest {
  readonly type: "txn";
  readonly compares: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

/** Forgets what is not visible at `revision` or later. */
export interface CompactionRequest {
  readonly type: "compaction";
  readonly revision: number;
  /** Answer only when the space is swept. Of no meaning inside the store. */
  readonly physical: boolean;
}

/** A member tells the others its name and where clients find it. */
export interface MemberPublish extends MemberAttributes {
  readonly type: "member-publish";
}

/** What a member has published of itself. */
export interface MemberAttributes {
  /** The member's node id, 1 … 2^53−1. */
  readonly id: number;
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
}

/** Grants a lease. Whoever proposes it has chosen the id and raised the time to live to the least that is granted. */
export interface LeaseGrantRequest {
  readonly type: "lease-grant";
  /** An int64; 0n is refused. */
  readonly id: bigint;
  /** Above 0. */
  readonly ttlSeconds: number;
}

/** Ends a lease; its keys are deleted with it. */
export interface LeaseRevokeRequest {
  readonly type: "lease-revoke";
  readonly id: bigint;
  /**
   * For an expiry, the term of the leader that saw it: in an entry of a later term the command is refused. 0 when a client
   * asked.
   */
  readonly fenceTerm: number;
}

/** Notes what is left of leases, for the next leader to go on from. */
export interface LeaseCheckpointRequest {
  readonly type: "lease-checkpoint";
  /** The term of the leader that proposes it, as in {@link LeaseRevokeRequest}. */
  readonly fenceTerm: number;
  /** 0 seconds stand for all that was granted. */
  readonly remaining: readonly { readonly id: bigint; readonly remainingSeconds: number }[];
}

/** What a member has found: no room within its quota, or a state that is not the others'. */
export interface KvAlarm {
  readonly memberId: number;
  readonly alarm: "no-space" | "corrupt";
}

/** Raises an alarm, or takes it back. */
export interface AlarmRequest extends KvAlarm {
  readonly type: "alarm";
  readonly action: "activate" | "deactivate";
}

/** Begins to go down to an older version, or with null ends that. */
export interface DowngradeRequest {
  readonly type: "downgrade";
  /** As `3.6.0`. */
  readonly targetVersion: string | null;
}

/** What stands in the replicated log. */
export type Command =
  | PutRequest
  | DeleteRangeRequest
  | TxnRequest
  | CompactionRequest
  | MemberPublish
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | LeaseCheckpointRequest
  | AlarmRequest
  | DowngradeRequest
  | AuthRequest;

/** Any request that {@link checkRequest} looks at before it is proposed or read. */
export type KvRequest = RangeRequest | PutRequest | DeleteRangeRequest | TxnRequest;

/**
 * One key as it stood at a revision. `key` and `value` are views into the store's arena: encode or copy them before the
 * event loop turns, for the next sweep moves what they show.
 */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** Puts since the key was created, 1 for the first. */
  readonly version: number;
  readonly value: Uint8Array;
  /** 0n when attached to no lease. */
  readonly lease: bigint;
}

/** What a put answers. */
export interface PutResult {
  readonly type: "put";
  readonly revision: Revision;
  /** What the key held, when asked for and existing. A view, see {@link KeyValue}. */
  readonly prevKv: KeyValue | null;
}

/** What a range answers. */
export interface RangeResult {
  readonly type: "range";
  /** The store's revision, also when an older one was read. */
  readonly revision: Revision;
  /** Views, see {@link KeyValue}. */
  readonly kvs: readonly KeyValue[];
  /** Whether the limit cut something off. */
  readonly more: boolean;
  /** Keys in the range, before limit and revision bounds. */
  readonly count: number;
}

/** What a delete answers. */
export interface DeleteRangeResult {
  readonly type: "delete-range";
  readonly revision: Revision;
  readonly deleted: number;
  /** What was deleted, when asked for. Views, see {@link KeyValue}. */
  readonly prevKvs: readonly KeyValue[];
}

/** What one operation of a transaction answers. */
export type ResponseOp = RangeResult | PutResult | DeleteRangeResult | TxnResult;

/** What a transaction answers: one response per operation of the branch that ran. */
export interface TxnResult {
  readonly type: "txn";
  readonly revision: Revision;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

/** What a compaction answers. */
export interface CompactionResult {
  readonly type: "compaction";
  readonly revision: Revision;
}

/** What publishing answers. */
export interface MemberPublishResult {
  readonly type: "member-publish";
  readonly revision: Revision;
}

/** What a grant answers. */
export interface LeaseGrantResult {
  readonly type: "lease-grant";
  readonly revision: Revision;
  readonly id: bigint;
  readonly ttlSeconds: number;
}

/** What a revocation answers. */
export interface LeaseRevokeResult {
  readonly type: "lease-revoke";
  readonly revision: Revision;
}

/** What a checkpoint answers. */
export interface LeaseCheckpointResult {
  readonly type: "lease-checkpoint";
  readonly revision: Revision;
}

/** What a change of an alarm answers. */
export interface AlarmResult {
  readonly type: "alarm";
  readonly revision: Revision;
  /** The alarm that was raised or taken back; none when there was nothing to take back. */
  readonly alarms: readonly KvAlarm[];
}

/** What the beginning or the end of a downgrade answers. */
export interface DowngradeResult {
  readonly type: "downgrade";
  readonly revision: Revision;
}

/** The command was refused and changed nothing. */
export interface KvRefusal {
  readonly type: "refused";
  readonly code: KvErrorCode;
}

/** What the proposer of a command is told. */
export type KvResult =
  | PutResult
  | DeleteRangeResult
  | TxnResult
  | CompactionResult
  | MemberPublishResult
  | LeaseGrantResult
  | LeaseRevokeResult
  | LeaseCheckpointResult
  | AlarmResult
  | DowngradeResult
  | AuthResult
  | KvRefusal;
