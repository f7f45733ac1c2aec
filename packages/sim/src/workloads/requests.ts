/** Requests with etcd's defaults, from text. */
import { emptyBytes, utf8Encode } from "@quorate/base";
import type {
  Compare,
  CompareResult,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "@quorate/kv";

/** A put. */
export function putOf(key: string, value: string, options: Partial<PutRequest> = {}): PutRequest {
  const defaults = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  return { type: "put", key: utf8Encode(key), value: utf8Encode(value), ...defaults, ...options };
}

/** A range; without an end it is one key. */
export function rangeOf(key: string, rangeEnd = "", options: Partial<RangeRequest> = {}): RangeRequest {
  return {
    type: "range",
    key: utf8Encode(key),
    rangeEnd: utf8Encode(rangeEnd),
    limit: 0,
    revision: 0,
    sortOrder: "none",
    sortTarget: "key",
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...options,
  };
}

/** A delete. */
export function deleteOf(key: string, rangeEnd = "", prevKv = false): DeleteRangeRequest {
  return { type: "delete-range", key: utf8Encode(key), rangeEnd: utf8Encode(rangeEnd), prevKv };
}

/** A transaction. */
export function txnOf(
  compares: readonly Compare[],
  success: readonly RequestOp[],
  failure: readonly RequestOp[] = [],
): TxnRequest {
  return { type: "txn", compares, success, failure };
}

/** A compare of a number that a key has. */
export function compareOf(
  target: "version" | "create" | "mod",
  key: string,
  value: number,
  result: CompareResult = "equal",
): Compare {
  return { target, value, key: utf8Encode(key), rangeEnd: emptyBytes, result };
}

/** A compare of a key's value. */
export function valueIs(key: string, value: string, result: CompareResult = "equal"): Compare {
  return { target: "value", value: utf8Encode(value), key: utf8Encode(key), rangeEnd: emptyBytes, result };
}
