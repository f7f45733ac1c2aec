/**
 * Multi-version storage: keys in order, their versions, the store's revision. It offers reads at a revision and writes into
 * the revision that is being made; what a request means stands in range.ts and apply.ts, what is forgotten in compaction.ts.
 */
import { assert, compareBytes, emptyBytes } from "@quorate/base";
import { Attachments } from "../lease/attachments.ts";
import { Arena } from "../memory/arena.ts";
import { KeyTable, noSlot } from "../memory/key-table.ts";
import { KeyTree, TreeCursor } from "../memory/key-tree.ts";
import type { StoreMemory } from "../memory/store-memory.ts";
import { neverCompacted, nextRevision, type Revision, revisionInitial, revisionZero } from "../revision.ts";
import type { KeyValue } from "../types.ts";
import { noRecord, RecordTable } from "./record-table.ts";
import { RevisionLog } from "./revision-log.ts";

/** A version with everything that makes it, as an image brings it back. */
export interface RestoredVersion {
  readonly key: Uint8Array;
  readonly modRevision: Revision;
  readonly tombstone: boolean;
  readonly version: number;
  readonly createRevision: Revision;
  readonly lease: bigint;
  readonly value: Uint8Array;
}

/** The store; see the head of this file. */
export class MvccStore {
  readonly arena: Arena = new Arena();
  readonly records: RecordTable = new RecordTable(this.arena);
  readonly log: RevisionLog = new RevisionLog();
  readonly attachments: Attachments = new Attachments();
  readonly keys: KeyTable;
  readonly tree: KeyTree;
  readonly #cursor: TreeCursor = new TreeCursor();
  #revision: Revision = revisionInitial;
  #compactRevision: Revision = neverCompacted;
  /** Whether the revision being made has a record yet. */
  #changed = false;

  /** @param hashSeed Makes the key table's buckets unpredictable; no result depends on it. */
  constructor(hashSeed = 0) {
    this.keys = new KeyTable(this.arena, hashSeed);
    this.tree = new KeyTree(this.keys);
  }

  /** The newest finished revision. */
  get revision(): Revision {
    return this.#revision;
  }

  /** Oldest revision that can be read; {@link neverCompacted} at first. */
  get compactRevision(): Revision {
    return this.#compactRevision;
  }

  /** The revision that reads within a transaction see: its own once it has written. */
  get readRevision(): Revision {
    return this.#changed ? nextRevision(this.#revision) : this.#revision;
  }

  /** Bytes taken from the system for everything that grows with the data. */
  get allocatedBytes(): number {
    return this.arena.allocatedBytes + this.#tableBytes();
  }

  /** Bytes that live keys, versions and their tables take. */
  get liveBytes(): number {
    return this.arena.liveBytes + this.#tableBytes();
  }

  /** The key's record visible at `revision`, or {@link noRecord} where it does not exist there. */
  recordOf(key: Uint8Array, revision: number): number {
    const slot = this.keys.find(key);
    return slot === noSlot ? noRecord : this.visibleRecord(slot, revision);
  }

  /** The slot's record visible at `revision`, or {@link noRecord} where its key does not exist there. */
  visibleRecord(slot: number, revision: number): number {
    const record = this.records.findAt(this.keys.head(slot), revision);
    return record === noRecord || this.records.isTombstone(record) ? noRecord : record;
  }

  /** The record as a pair of views. */
  keyValue(record: number, withValue = true): KeyValue {
    return this.records.keyValue(record, this.keys.key(this.records.slot(record)), withValue);
  }

  /**
   * Calls `visit` with the visible record of each key of the range, in key order, until it returns false. The range is read
   * as in a request.
   */
  scan(key: Uint8Array, rangeEnd: Uint8Array, revision: number, visit: (record: number) => boolean): void {
    const rest = this.scanSlice(key, rangeEnd, revision, Number.POSITIVE_INFINITY, visit);
    assert(rest === null, "store: an unbounded scan did not end");
  }

  /** {@link scan} that looks at `keysMax` keys at most; returns the key to go on from, or null at the end. */
  scanSlice(
    key: Uint8Array,
    rangeEnd: Uint8Array,
    revision: number,
    keysMax: number,
    visit: (record: number) => boolean,
  ): Uint8Array | null {
    assert(keysMax > 0, "store: scan without a budget");
    if (rangeEnd.length === 0) {
      const record = this.recordOf(key, revision);
      if (record !== noRecord) {
        visit(record);
      }
      return null;
    }
    const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
    if (!open && compareBytes(key, rangeEnd) >= 0) {
      return null;
    }
    this.tree.seek(this.#cursor, key);
    for (let left = keysMax; ; left--) {
      const slot = this.tree.next(this.#cursor);
      if (slot === -1 || (!open && this.keys.compare(rangeEnd, slot) <= 0)) {
        return null;
      }
      const record = this.visibleRecord(slot, revision);
      if (record !== noRecord && !visit(record)) {
        return null;
      }
      if (left === 1) {
        return keyAfter(this.keys.key(slot));
      }
    }
  }

  /** Sets a key in the revision being made; `value` is copied. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    assert(key.length > 0, "store: put of the empty key");
    const modRevision = nextRevision(this.#revision);
    const found = this.keys.find(key);
    const slot = found === noSlot ? this.keys.add(key, noRecord) : found;
    const previous = found === noSlot ? noRecord : this.keys.head(slot);
    const creates = previous === noRecord || this.records.isTombstone(previous);
    const version = creates ? 1 : this.records.version(previous) + 1;
    const createRevision = creates ? modRevision : this.records.createRevision(previous);
    this.#append({ slot, previous, modRevision, tombstone: false, version, createRevision, lease }, value);
    this.#attach(slot, previous, lease);
    if (found === noSlot) {
      this.tree.insert(slot, key);
    }
    this.#changed = true;
  }

  /** Deletes an existing key in the revision being made, given its visible record. */
  remove(record: number): void {
    const slot = this.records.slot(record);
    assert(this.keys.head(slot) === record, "store: removal of an old version");
    assert(!this.records.isTombstone(record), "store: removal of a deleted key");
    const modRevision = nextRevision(this.#revision);
    const tombstone = { slot, previous: record, modRevision, tombstone: true };
    this.#append({ ...tombstone, version: 0, createRevision: revisionZero, lease: 0n }, emptyBytes);
    this.#attach(slot, record, 0n);
    this.#changed = true;
  }

  /** Ends the revision being made, if it has a record, and returns the store's revision. */
  finishRevision(): Revision {
    if (this.#changed) {
      this.#revision = nextRevision(this.#revision);
      this.#changed = false;
    }
    return this.#revision;
  }

  /** Makes everything before `revision` unreadable at once; compaction frees it later. */
  setCompactRevision(revision: Revision): void {
    assert(!this.#changed, "store: compaction within a revision");
    assert(
      revision > this.#compactRevision && revision <= this.#revision,
      "store: compact revision out of order",
    );
    this.#compactRevision = revision;
  }

  /** Removes a key whose newest record is a tombstone that nobody can see. */
  forgetKey(slot: number): void {
    const head = this.keys.head(slot);
    assert(this.records.isTombstone(head), "store: a live key is forgotten");
    assert(this.records.previous(head) === noRecord, "store: a key with history is forgotten");
    this.tree.remove(slot, this.keys.key(slot));
    this.keys.remove(slot);
    this.records.free(head);
  }

  /** Position in the log of the first record at or above `revision`. */
  logPosition(revision: number): number {
    let low = this.log.start;
    let high = this.log.end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.records.modRevision(this.log.at(middle)) < revision) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Sets the counters of an empty store that is being restored. */
  restoreRevisions(revision: Revision, compactRevision: Revision): void {
    assert(this.log.end === 0 && this.keys.keyCount === 0, "store: restore into a used store");
    assert(
      compactRevision <= revision && revision >= revisionInitial,
      "store: restored revisions out of order",
    );
    this.#revision = revision;
    this.#compactRevision = compactRevision;
  }

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    assert(!this.#changed, "store: saved within a revision");
    for (const part of this.#parts()) {
      part.save(numbers);
    }
  }

  /** See `StoreMemory`. Revisions come by {@link restoreRevisions}. */
  load(next: () => number): void {
    assert(this.log.end === 0 && this.keys.keyCount === 0, "store: loaded into a used store");
    for (const part of this.#parts()) {
      part.load(next);
    }
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return this.#parts().flatMap((part) => part.memory());
  }

  #parts(): readonly StoreMemory[] {
    return [this.arena, this.records, this.log, this.attachments, this.keys, this.tree];
  }

  /** Leaves revisions out: the next one that is made is above `revision`. */
  raiseRevision(revision: Revision): void {
    assert(!this.#changed, "store: raised within a revision");
    assert(revision >= this.#revision, "store: revision goes back");
    this.#revision = revision;
  }

  /** Adds a version from an image, oldest first. Those below the compact revision enter no log. */
  restoreVersion(version: RestoredVersion): void {
    assert(version.key.length > 0, "store: restored version of the empty key");
    const found = this.keys.find(version.key);
    const slot = found === noSlot ? this.keys.add(version.key, noRecord) : found;
    const previous = found === noSlot ? noRecord : this.keys.head(slot);
    const record = this.records.add({ ...version, slot, previous }, version.value);
    this.keys.setHead(slot, record);
    this.#attach(slot, previous, version.lease);
    if (found === noSlot) {
      this.tree.insert(slot, version.key);
    }
    if (version.modRevision >= this.#compactRevision) {
      this.log.append(record);
    }
  }

  /** Walks everything and stops on any inconsistency: for tests and the simulator, it takes time with the data. */
  check(): void {
    this.tree.check();
    let recordCount = 0;
    let arenaBytes = 0;
    const attached: Map<bigint, number> = new Map();
    this.tree.seek(this.#cursor, emptyBytes);
    for (let slot = this.tree.next(this.#cursor); slot !== -1; slot = this.tree.next(this.#cursor)) {
      assert(this.keys.find(this.keys.key(slot)) === slot, "store: key not found by its bytes");
      arenaBytes += this.arena.blockBytes(this.keys.address(slot));
      const lease = this.records.lease(this.keys.head(slot));
      if (lease !== 0n) {
        attached.set(lease, (attached.get(lease) ?? 0) + 1);
      }
      for (let record = this.keys.head(slot); record !== noRecord; record = this.records.previous(record)) {
        this.#checkRecord(slot, record);
        arenaBytes += this.arena.blockBytes(this.records.address(record));
        recordCount++;
      }
    }
    assert(recordCount === this.records.liveCount, "store: records outside any chain");
    assert(arenaBytes === this.arena.liveBytes, "store: arena blocks without an owner");
    assert(attached.size === this.attachments.leaseCount, "store: leases with keys miscounted");
    for (const [lease, count] of attached) {
      assert(this.attachments.slots(lease).length === count, "store: keys of a lease miscounted");
    }
    for (let position = this.log.start + 1; position < this.log.end; position++) {
      const before = this.records.modRevision(this.log.at(position - 1));
      assert(before <= this.records.modRevision(this.log.at(position)), "store: log out of order");
    }
  }

  #checkRecord(slot: number, record: number): void {
    assert(this.records.isUsed(record), "store: a freed record in a chain");
    assert(this.records.slot(record) === slot, "store: a record in a foreign chain");
    const mod = this.records.modRevision(record);
    assert(mod <= this.#revision, "store: a record of the future");
    const previous = this.records.previous(record);
    assert(previous === noRecord || this.records.modRevision(previous) <= mod, "store: chain out of order");
  }

  /** A key is attached to what its newest version names, and to nothing else. */
  #attach(slot: number, previous: number, lease: bigint): void {
    // PERF: most keys have no lease, neither before nor now, and then nothing but a bit is looked at.
    const leased = previous !== noRecord && this.records.isLeased(previous);
    if (!leased && lease === 0n) {
      return;
    }
    const before = leased ? this.records.lease(previous) : 0n;
    if (before === lease) {
      return;
    }
    if (before !== 0n) {
      this.attachments.detach(before, slot);
    }
    if (lease !== 0n) {
      this.attachments.attach(lease, slot);
    }
  }

  #append(fields: Parameters<RecordTable["add"]>[0], value: Uint8Array): void {
    const record = this.records.add(fields, value);
    this.keys.setHead(fields.slot, record);
    this.log.append(record);
  }

  #tableBytes(): number {
    return this.records.bytes + this.keys.bytes + this.tree.bytes + this.log.bytes + this.attachments.bytes;
  }
}

/** The smallest key above `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}
