/**
 * Writes and transactions. Each command is checked whole before anything of it is done, so a refusal leaves no trace; then
 * it is applied without a way to fail, and takes one revision if it changed anything, else none.
 */
import { assert, unreachable } from "@quorate/base";
import type { KvErrorCode } from "../errors.ts";
import { toRevision } from "../revision.ts";
import type {
  CompactionRequest,
  CompactionResult,
  DeleteRangeRequest,
  DeleteRangeResult,
  KvRefusal,
  PutRequest,
  PutResult,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResult,
} from "../types.ts";
import { compareHolds } from "./compare.ts";
import { readRange, refuseRevision } from "./range.ts";
import { noRecord } from "./record-table.ts";
import type { MvccStore } from "./store.ts";

/** Tells whether a lease exists. */
interface LeaseView {
  has(lease: bigint): boolean;
}

/** Applies a put as a command of its own. */
export function applyPut(store: MvccStore, leases: LeaseView, put: PutRequest): PutResult | KvRefusal {
  const refused = checkPut(store, leases, put);
  if (refused !== null) {
    return { type: "refused", code: refused };
  }
  const result = doPut(store, put);
  store.finishRevision();
  assert(store.revision === result.revision, "apply: a put takes one revision");
  return result;
}

/** Applies a delete as a command of its own. */
export function applyDeleteRange(store: MvccStore, request: DeleteRangeRequest): DeleteRangeResult {
  const result = doDeleteRange(store, request);
  store.finishRevision();
  assert(store.revision === result.revision, "apply: a delete takes one revision or none");
  return result;
}

/** Applies a transaction. */
export function applyTxn(store: MvccStore, leases: LeaseView, txn: TxnRequest): TxnResult | KvRefusal {
  const path = choosePath(store, txn);
  const refused = checkPath(store, leases, path);
  if (refused !== null) {
    return { type: "refused", code: refused };
  }
  const before = store.revision;
  const result = doTxn(store, path);
  const revision = store.finishRevision();
  assert(revision <= before + 1, "apply: a transaction takes at most one revision");
  assert(revision === result.revision, "apply: a transaction answers with the store's revision");
  return result;
}

/** Moves the compact revision; what it hides is freed by later sweeps. */
export function applyCompaction(store: MvccStore, request: CompactionRequest): CompactionResult | KvRefusal {
  if (request.revision <= store.compactRevision) {
    return { type: "refused", code: "KV_COMPACTED" };
  }
  if (request.revision > store.revision) {
    return { type: "refused", code: "KV_FUTURE_REV" };
  }
  store.setCompactRevision(toRevision(request.revision));
  assert(store.compactRevision === request.revision, "apply: compact revision not taken");
  return { type: "compaction", revision: store.revision };
}

/** A transaction with the branch that its compares chose, on all levels. */
interface TxnPath {
  readonly succeeded: boolean;
  readonly ops: readonly PathOp[];
}

type PathOp = Exclude<RequestOp, TxnRequest> | { readonly type: "txn"; readonly path: TxnPath };

/** ETCD: compares of inner transactions too see the state before the whole transaction. */
function choosePath(store: MvccStore, txn: TxnRequest): TxnPath {
  const succeeded = txn.compares.every((compare) => compareHolds(store, compare));
  const ops = succeeded ? txn.success : txn.failure;
  return {
    succeeded,
    ops: ops.map((op) => (op.type === "txn" ? { type: "txn", path: choosePath(store, op) } : op)),
  };
}

function checkPath(store: MvccStore, leases: LeaseView, path: TxnPath): KvErrorCode | null {
  for (const op of path.ops) {
    const refused = checkOp(store, leases, op);
    if (refused !== null) {
      return refused;
    }
  }
  return null;
}

function checkOp(store: MvccStore, leases: LeaseView, op: PathOp): KvErrorCode | null {
  switch (op.type) {
    case "range":
      return checkTxnRange(store, op.revision);
    case "put":
      return checkTxnPut(store, leases, op);
    case "txn":
      return checkPath(store, leases, op.path);
    case "none":
      return "KV_KEY_NOT_FOUND";
    case "delete-range":
      return null;
    default:
      return unreachable(op);
  }
}

function checkTxnRange(store: MvccStore, revision: number): KvErrorCode | null {
  // ETCD: within a transaction a negative revision counts as a revision, not as now.
  if (revision < 0 && revision < store.compactRevision) {
    return "KV_COMPACTED";
  }
  return refuseRevision(store, revision);
}

function checkPut(store: MvccStore, leases: LeaseView, put: PutRequest): KvErrorCode | null {
  return checkLease(leases, put) ?? checkIgnored(store, put);
}

/** ETCD: within a transaction the key is asked for first, then the lease. */
function checkTxnPut(store: MvccStore, leases: LeaseView, put: PutRequest): KvErrorCode | null {
  return checkIgnored(store, put) ?? checkLease(leases, put);
}

function checkLease(leases: LeaseView, put: PutRequest): KvErrorCode | null {
  return put.lease !== 0n && !leases.has(put.lease) ? "KV_LEASE_NOT_FOUND" : null;
}

function checkIgnored(store: MvccStore, put: PutRequest): KvErrorCode | null {
  const needsKey = put.ignoreValue || put.ignoreLease;
  return needsKey && store.recordOf(put.key, store.revision) === noRecord ? "KV_KEY_NOT_FOUND" : null;
}

function doTxn(store: MvccStore, path: TxnPath): TxnResult {
  const responses = path.ops.map((op) => doOp(store, op));
  assert(responses.length === path.ops.length, "apply: one response per operation");
  return { type: "txn", revision: store.readRevision, succeeded: path.succeeded, responses };
}

function doOp(store: MvccStore, op: PathOp): ResponseOp {
  switch (op.type) {
    case "range": {
      const result = readRange(store, op);
      assert(result.type === "range", "apply: a checked range was refused");
      return result;
    }
    case "put":
      return doPut(store, op);
    case "delete-range":
      return doDeleteRange(store, op);
    case "txn":
      return doTxn(store, op.path);
    case "none":
      return unreachable(op as never);
    default:
      return unreachable(op);
  }
}

function doPut(store: MvccStore, put: PutRequest): PutResult {
  const reads = put.prevKv || put.ignoreValue || put.ignoreLease;
  const record = reads ? store.recordOf(put.key, store.readRevision) : noRecord;
  const prevKv = record === noRecord ? null : store.keyValue(record);
  assert(prevKv !== null || !(put.ignoreValue || put.ignoreLease), "apply: a checked key is missing");
  const value = put.ignoreValue && prevKv !== null ? prevKv.value : put.value;
  const lease = put.ignoreLease && prevKv !== null ? prevKv.lease : put.lease;
  store.put(put.key, value, lease);
  return { type: "put", revision: store.readRevision, prevKv: put.prevKv ? prevKv : null };
}

function doDeleteRange(store: MvccStore, request: DeleteRangeRequest): DeleteRangeResult {
  const records: number[] = [];
  store.scan(request.key, request.rangeEnd, store.readRevision, (record) => {
    records.push(record);
    return true;
  });
  const prevKvs = request.prevKv ? records.map((record) => store.keyValue(record)) : [];
  for (const record of records) {
    store.remove(record);
  }
  assert(
    prevKvs.length === 0 || prevKvs.length === records.length,
    "apply: not all deleted pairs are answered",
  );
  return { type: "delete-range", revision: store.readRevision, deleted: records.length, prevKvs };
}
