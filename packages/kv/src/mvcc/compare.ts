/** Conditions of transactions. */
import { compareBytes, unreachable } from "@quorate/base";
import { revisionZero } from "../revision.ts";
import type { Compare } from "../types.ts";
import type { MvccStore } from "./store.ts";

/** Whether the condition holds for every key of its range in the store's finished state. */
export function compareHolds(store: MvccStore, compare: Compare): boolean {
  let holds = true;
  let exists = false;
  store.scan(compare.key, compare.rangeEnd, store.revision, (record) => {
    exists = true;
    holds = related(compare, orderOf(store, compare, record));
    return holds;
  });
  return exists ? holds : absentHolds(compare);
}

/** ETCD: a key that does not exist has version, revisions and lease 0, and a value that nothing is related to. */
function absentHolds(compare: Compare): boolean {
  switch (compare.target) {
    case "value":
      return false;
    case "lease":
      return related(compare, order(0n, compare.value));
    case "unknown":
      return related(compare, 0);
    default:
      return related(compare, order(revisionZero, compare.value));
  }
}

/** The stored value against the given one: negative, zero or positive. */
function orderOf(store: MvccStore, compare: Compare, record: number): number {
  const records = store.records;
  switch (compare.target) {
    case "version":
      return order(records.version(record), compare.value);
    case "create":
      return order(records.createRevision(record), compare.value);
    case "mod":
      return order(records.modRevision(record), compare.value);
    case "value":
      return compareBytes(records.value(record), compare.value);
    case "lease":
      return order(records.lease(record), compare.value);
    case "unknown":
      return 0;
    default:
      return unreachable(compare);
  }
}

function order<T extends number | bigint>(stored: T, given: T): number {
  return stored < given ? -1 : stored > given ? 1 : 0;
}

function related(compare: Compare, difference: number): boolean {
  switch (compare.result) {
    case "equal":
      return difference === 0;
    case "not-equal":
      return difference !== 0;
    case "greater":
      return difference > 0;
    case "less":
      return difference < 0;
    case "unknown":
      return true;
    default:
      return unreachable(compare.result);
  }
}
