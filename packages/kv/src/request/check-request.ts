/**
 * What etcd checks before it proposes or reads: pure functions of the request, the same on every member. What depends on the
 * store's state (compacted, future revision, lease or key not found) is checked where the command is applied.
 */
import type { KvErrorCode } from "../errors.ts";
import type {
  DeleteRangeRequest,
  KvRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../types.ts";
import { KeySet, RangeSet } from "./key-sets.ts";

/** Limits on requests. */
export interface RequestLimits {
  /** Most operations of a transaction, etcd's `--max-txn-ops`. */
  readonly txnOpCountMax: number;
}

/** ETCD: the default limits. */
export const requestLimitsDefault: RequestLimits = { txnOpCountMax: 128 };

/**
 * The reason to refuse `request`, or null.
 *
 * @example
 * ```ts
 * import { checkRequest } from "@quorate/kv";
 * const nothing = new Uint8Array(0);
 * checkRequest({ type: "delete-range", key: nothing, rangeEnd: nothing, prevKv: false }); // "KV_EMPTY_KEY"
 * ```
 */
export function checkRequest(
  request: KvRequest,
  limits: RequestLimits = requestLimitsDefault,
): KvErrorCode | null {
  if (request.type !== "txn") {
    return checkOp(request, 0);
  }
  return checkTxn(request, limits.txnOpCountMax) ?? checkOverlaps(request);
}

function checkOp(op: RequestOp, txnOpCountMax: number): KvErrorCode | null {
  switch (op.type) {
    case "range":
      return checkRange(op);
    case "put":
      return checkPut(op);
    case "delete-range":
      return checkDeleteRange(op);
    case "txn":
      return checkTxn(op, txnOpCountMax);
    case "none":
      // ETCD: an operation that carries nothing is answered this way.
      return "KV_KEY_NOT_FOUND";
  }
}

function checkRange(range: RangeRequest): KvErrorCode | null {
  if (range.key.length === 0) {
    return "KV_EMPTY_KEY";
  }
  const known = range.sortOrder !== "unknown" && range.sortTarget !== "unknown";
  return known ? null : "KV_INVALID_SORT_OPTION";
}

function checkPut(put: PutRequest): KvErrorCode | null {
  if (put.key.length === 0) {
    return "KV_EMPTY_KEY";
  }
  if (put.ignoreValue && put.value.length !== 0) {
    return "KV_VALUE_PROVIDED";
  }
  return put.ignoreLease && put.lease !== 0n ? "KV_LEASE_PROVIDED" : null;
}

function checkDeleteRange(request: DeleteRangeRequest): KvErrorCode | null {
  return request.key.length === 0 ? "KV_EMPTY_KEY" : null;
}

function checkTxn(txn: TxnRequest, opCountMax: number): KvErrorCode | null {
  // ETCD: the longest of the three lists counts, and what is left over limits the transactions within.
  const opCount = Math.max(txn.compares.length, txn.success.length, txn.failure.length);
  if (opCount > opCountMax) {
    return "KV_TOO_MANY_OPS";
  }
  if (txn.compares.some((compare) => compare.key.length === 0)) {
    return "KV_EMPTY_KEY";
  }
  for (const ops of [txn.success, txn.failure]) {
    for (const op of ops) {
      const refused = checkOp(op, opCountMax - opCount);
      if (refused !== null) {
        return refused;
      }
    }
  }
  return null;
}

/** What a list of operations may write. */
interface Writes {
  readonly puts: KeySet;
  readonly deletes: RangeSet;
}

function checkOverlaps(txn: TxnRequest): KvErrorCode | null {
  const disjoint = collectWrites(txn.success) !== null && collectWrites(txn.failure) !== null;
  return disjoint ? null : "KV_DUPLICATE_KEY";
}

/**
 * Keys put and ranges deleted by `ops`, or null where one path puts a key twice or puts a key that it deletes.
 *
 * ETCD: deletes of this level and of earlier transactions within are looked at, those of later ones are not. So a key put by
 * one inner transaction may be deleted by the next.
 */
function collectWrites(ops: readonly RequestOp[]): Writes | null {
  const writes: Writes = { puts: new KeySet(), deletes: new RangeSet() };
  for (const op of ops) {
    if (op.type === "delete-range") {
      writes.deletes.add(op.key, op.rangeEnd);
    }
  }
  for (const op of ops) {
    if (op.type === "txn" && !addBranches(writes, op)) {
      return null;
    }
  }
  for (const op of ops) {
    if (op.type === "put" && !addPut(writes, op.key)) {
      return null;
    }
  }
  return writes;
}

function addBranches(writes: Writes, txn: TxnRequest): boolean {
  const success = collectWrites(txn.success);
  const failure = collectWrites(txn.failure);
  if (success === null || failure === null) {
    return false;
  }
  for (const key of success.puts) {
    if (!addPut(writes, key)) {
      return false;
    }
  }
  for (const key of failure.puts) {
    // Only one of the two branches runs, so they may share keys.
    const shared = success.puts.has(key) && !writes.deletes.contains(key);
    if (!shared && !addPut(writes, key)) {
      return false;
    }
  }
  writes.deletes.addAll(success.deletes);
  writes.deletes.addAll(failure.deletes);
  return true;
}

function addPut(writes: Writes, key: Uint8Array): boolean {
  return !writes.deletes.contains(key) && writes.puts.add(key);
}
