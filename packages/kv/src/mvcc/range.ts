/**
 * Range reads. ETCD: the answer's count is that of the whole range; the limit cuts while reading where neither an order nor
 * a revision bound asks for the rest; bounds, order and limit then work on what was read, in this sequence.
 */
import { assert, compareBytes, InvariantViolation } from "@quorate/base";
import type { KvErrorCode } from "../errors.ts";
import type { Revision } from "../revision.ts";
import type { KvRefusal, RangeRequest, RangeResult } from "../types.ts";
import type { MvccStore } from "./store.ts";

/**
 * Answers a range request, or refuses it for its revision. The pairs are views, see KeyValue.
 *
 * @throws InvariantViolation for a request that checkRequest refuses.
 */
export function readRange(store: MvccStore, request: RangeRequest): RangeResult | KvRefusal {
  const refused = refuseRevision(store, request.revision);
  if (refused !== null) {
    return { type: "refused", code: refused };
  }
  const revision = request.revision > 0 ? request.revision : store.readRevision;
  const found = collect(store, request, revision);
  const records = applyBounds(store, request, found.records);
  sortRecords(store, request, records);
  const more = request.limit > 0 && records.length > request.limit;
  if (more) {
    records.length = request.limit;
  }
  const kvs = records.map((record) => store.keyValue(record, !request.keysOnly));
  return { type: "range", revision: store.readRevision, kvs, more, count: found.count };
}

/** Why `revision` cannot be read, or null. Zero and below ask for now. */
export function refuseRevision(store: MvccStore, revision: number): KvErrorCode | null {
  if (revision <= 0) {
    return null;
  }
  if (revision > store.readRevision) {
    return "KV_FUTURE_REV";
  }
  return revision < store.compactRevision ? "KV_COMPACTED" : null;
}

interface Collected {
  readonly records: number[];
  readonly count: number;
}

function collect(store: MvccStore, request: RangeRequest, revision: number): Collected {
  const readMax = readCountMax(request);
  const records: number[] = [];
  let count = 0;
  store.scan(request.key, request.rangeEnd, revision, (record) => {
    count++;
    if (records.length < readMax) {
      records.push(record);
    }
    return true;
  });
  assert(records.length <= count, "range: more records than keys");
  return { records, count };
}

/** How many records are needed: one more than the limit tells whether there are more. */
function readCountMax(request: RangeRequest): number {
  if (request.countOnly) {
    return 0;
  }
  return request.limit <= 0 || request.sortOrder !== "none" || isBounded(request)
    ? Number.POSITIVE_INFINITY
    : request.limit + 1;
}

function isBounded(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

function applyBounds(store: MvccStore, request: RangeRequest, records: number[]): number[] {
  if (!isBounded(request)) {
    return records;
  }
  return records.filter(
    (record) =>
      isWithin(store.records.modRevision(record), request.minModRevision, request.maxModRevision) &&
      isWithin(store.records.createRevision(record), request.minCreateRevision, request.maxCreateRevision),
  );
}

/** ETCD: 0 leaves a side open; a negative maximum excludes everything. */
function isWithin(revision: Revision, min: number, max: number): boolean {
  return (min === 0 || revision >= min) && (max === 0 || revision <= max);
}

/** Ties keep the order of their keys, so that every member answers alike. */
function sortRecords(store: MvccStore, request: RangeRequest, records: number[]): void {
  // ETCD: another target than the key is sorted by even without an order.
  if (request.sortTarget === "key") {
    if (request.sortOrder === "descend") {
      records.reverse();
    }
    return;
  }
  const sign = request.sortOrder === "descend" ? -1 : 1;
  const order = comparator(store, request.sortTarget);
  records.sort((left, right) => sign * order(left, right));
}

function comparator(
  store: MvccStore,
  target: RangeRequest["sortTarget"],
): (left: number, right: number) => number {
  const records = store.records;
  switch (target) {
    case "version":
      return (left, right) => records.version(left) - records.version(right);
    case "create":
      return (left, right) => records.createRevision(left) - records.createRevision(right);
    case "mod":
      return (left, right) => records.modRevision(left) - records.modRevision(right);
    case "value":
      return (left, right) => compareBytes(records.value(left), records.value(right));
    default:
      throw new InvariantViolation("range: unchecked sort target");
  }
}
