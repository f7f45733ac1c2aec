/**
 * Range reads. ETCD: the answer's count is that of the whole range; the limit cuts while reading where neither an order nor
 * a revision bound asks for the rest; bounds, order and limit then work on what was read, in this sequence.
 */
import { assert, compareBytes, InvariantViolation, must } from "@quorate/base";
import type { KvErrorCode } from "../errors.ts";
import type { Revision } from "../revision.ts";
import type { KeyValue, KvRefusal, RangeRequest, RangeResult } from "../types.ts";
import type { MvccStore } from "./store.ts";

/**
 * Answers a range request at once, or refuses it for its revision. The pairs are views, see KeyValue.
 *
 * @throws InvariantViolation for a request that checkRequest refuses.
 */
export function readRange(store: MvccStore, request: RangeRequest): RangeResult | KvRefusal {
  const refused = refuseRevision(store, request.revision);
  if (refused !== null) {
    return { type: "refused", code: refused };
  }
  const reader = new RangeReader(store, request, () => undefined);
  const done = reader.step(Number.POSITIVE_INFINITY);
  assert(done, "range: an unbounded step did not end");
  return reader.result();
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

/**
 * Reads a range in slices, at the revision of its beginning, while the store is written: first {@link step} until it is
 * done, then pair after pair. The pin that its owner gives keeps what it found.
 */
export class RangeReader {
  readonly #store: MvccStore;
  readonly #request: RangeRequest;
  readonly #release: () => void;
  readonly #revision: Revision;
  readonly #readRevision: number;
  readonly #readMax: number;
  #from: Uint8Array | null;
  #records: number[] = [];
  #count = 0;
  #more = false;
  #closed = false;

  /** The request's revision is readable; `release` lets go of the pin. */
  constructor(store: MvccStore, request: RangeRequest, release: () => void) {
    assert(refuseRevision(store, request.revision) === null, "range: unchecked revision");
    this.#store = store;
    this.#request = request;
    this.#release = release;
    this.#revision = store.readRevision;
    this.#readRevision = request.revision > 0 ? request.revision : this.#revision;
    this.#readMax = readCountMax(request);
    this.#from = request.key;
  }

  /** The store's revision when reading began. */
  get revision(): Revision {
    return this.#revision;
  }

  /** Keys in the range, before limit and revision bounds; known when done. */
  get count(): number {
    return this.#count;
  }

  /** Whether the limit cut something off; known when done. */
  get more(): boolean {
    return this.#more;
  }

  /** Pairs to answer with; known when done. */
  get length(): number {
    assert(this.#from === null, "range: asked before it is done");
    return this.#records.length;
  }

  /** Looks at `keysMax` keys at most and reports whether all are read. */
  step(keysMax: number): boolean {
    assert(!this.#closed, "range: step after close");
    if (this.#from === null) {
      return true;
    }
    const { rangeEnd } = this.#request;
    this.#from = this.#store.scanSlice(this.#from, rangeEnd, this.#readRevision, keysMax, (record) => {
      this.#count++;
      if (this.#records.length < this.#readMax) {
        this.#records.push(record);
      }
      return true;
    });
    if (this.#from === null) {
      this.#arrange();
    }
    return this.#from === null;
  }

  /** One pair of views, see KeyValue. */
  keyValue(place: number): KeyValue {
    assert(!this.#closed && this.#from === null, "range: pair asked for before or after its time");
    return this.#store.keyValue(must(this.#records[place], "range: no such pair"), !this.#request.keysOnly);
  }

  /** All of it at once, when done. */
  result(): RangeResult {
    const kvs = this.#records.map((_, place) => this.keyValue(place));
    return { type: "range", revision: this.#revision, kvs, more: this.#more, count: this.#count };
  }

  /** Lets go of the pin; also before the end, and more than once. */
  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#release();
    }
  }

  #arrange(): void {
    const request = this.#request;
    assert(this.#records.length <= this.#count, "range: more records than keys");
    this.#records = applyBounds(this.#store, request, this.#records);
    sortRecords(this.#store, request, this.#records);
    this.#more = request.limit > 0 && this.#records.length > request.limit;
    if (this.#more) {
      this.#records.length = request.limit;
    }
    assert(!request.countOnly || this.#records.length === 0, "range: a count with pairs");
  }
}

/** How many records are needed: one more than the limit tells whether there are more. */
function readCountMax(request: RangeRequest): number {
  if (request.countOnly) {
    return 0;
  }
  const inKeyOrder =
    request.sortOrder === "none" || (request.sortOrder === "ascend" && request.sortTarget === "key");
  return request.limit <= 0 || !inKeyOrder || isBounded(request)
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
