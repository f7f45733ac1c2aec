/**
 * Every kept version of every key, each a numbered record: its revision, its key's slot and the version before it stand in
 * its row, the rest in an arena block. Versions of one key form a chain from the newest back. Each one also has a jump
 * pointer further back: each eighth, the anchors, as in a skew-binary list of anchors, the others to the anchor before them.
 * So a chain of n versions is searched in O(log n) steps.
 *
 * PERF: a skew-binary list of all versions made a put look at two old records, four cache misses, where the one before it tells
 * all: h2load 1.12 times, etcd's `benchmark` with 1,000 clients 1.07, CPU of a follower 0.88 and 0.92 (bench/, rounds in turn).
 */
import { assert, type ByteWriter } from "@quorate/base";
import { type Arena, noAddress } from "../memory/arena.ts";
import { slotOwnerBit } from "../memory/key-table.ts";
import { Uint32Table } from "../memory/tables.ts";
import { type Revision, revisionZero } from "../revision.ts";
import type { KeyValue } from "../types.ts";

/** No record: the end of a chain. */
export const noRecord = 0xffffffff;

/** Cells of a record's row. */
const cell = {
  /** Mod revision, in two cells. */
  mod: 0,
  slot: 2,
  /** The version before, or the next of the free list. */
  previous: 3,
  /** Where the rest stands; {@link noAddress} in a free row. */
  address: 4,
} as const;
const rowCells = 5;

/** What an arena block holds before the value; a field that is usually implied takes no space. */
const flag = {
  /** The key's deletion: no value. */
  tombstone: 1,
  /** Jump pointer and depth follow. Absent on a chain's first record. */
  linked: 2,
  /** Version and create revision follow. Absent where the put created the key. */
  numbered: 4,
  /** The lease follows. Absent where there is none. */
  leased: 8,
} as const;

/** Every so many records of a chain one is an anchor. */
const anchorDistance = 8;

const linkWords = 2;
const numberWords = 4;
const leaseWords = 2;

/** What a new record is made of. */
interface RecordFields {
  readonly slot: number;
  /** The key's newest record so far, or {@link noRecord}. */
  readonly previous: number;
  readonly modRevision: Revision;
  readonly tombstone: boolean;
  /** 1 and the mod revision itself where the put creates the key. */
  readonly version: number;
  readonly createRevision: Revision;
  readonly lease: bigint;
}

/** The table; see the head of this file. */
export class RecordTable {
  readonly #arena: Arena;
  readonly #rows: Uint32Table = new Uint32Table(rowCells);
  #rowCount = 0;
  #liveCount = 0;
  #free: number = noRecord;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Records in use. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** Bytes allocated, without what stands in the arena. */
  get bytes(): number {
    return this.#rows.bytes;
  }

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    this.#rows.save(numbers);
    numbers.push(this.#rowCount, this.#liveCount, this.#free);
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    this.#rows.load(next);
    this.#rowCount = next();
    this.#liveCount = next();
    this.#free = next();
    assert(this.#liveCount <= this.#rowCount, "records: loaded more alive than there are");
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return this.#rows.memory();
  }

  /** Adds a version; `value` is copied. */
  add(fields: RecordFields, value: Uint8Array): number {
    const linked = fields.previous !== noRecord;
    assert(!linked || this.isUsed(fields.previous), "records: linked to a free record");
    assert(
      !linked || this.#rows.get(fields.previous, cell.slot) === fields.slot,
      "records: linked to another key",
    );
    const numbered =
      !fields.tombstone && (fields.version !== 1 || fields.createRevision !== fields.modRevision);
    assert(!fields.tombstone || value.length === 0, "records: tombstone with a value");
    const flags =
      (fields.tombstone ? flag.tombstone : 0) |
      (linked ? flag.linked : 0) |
      (numbered ? flag.numbered : 0) |
      (fields.lease !== 0n ? flag.leased : 0);
    const headBytes = headWords(flags) * 4;
    const record = this.#takeRow();
    const address = this.#arena.allocate(record, headBytes + value.length, flags);
    this.#rows.setNumber(record, cell.mod, fields.modRevision);
    this.#rows.set(record, cell.slot, fields.slot);
    this.#rows.set(record, cell.previous, fields.previous);
    this.#rows.set(record, cell.address, address);
    this.#writeHead(address, flags, fields);
    this.#arena.bytesOf(address).set(value, this.#arena.payloadStart(address) + headBytes);
    this.#liveCount++;
    assert(this.#liveCount <= this.#rowCount, "records: more alive than there are");
    return record;
  }

  /** Gives a record up; no chain may name it any more, but for jump pointers, which are checked when followed. */
  free(record: number): void {
    assert(this.isUsed(record), "records: freed twice");
    this.#arena.free(this.#rows.get(record, cell.address));
    this.#rows.set(record, cell.address, noAddress);
    this.#rows.set(record, cell.previous, this.#free);
    this.#free = record;
    this.#liveCount--;
  }

  isUsed(record: number): boolean {
    return record < this.#rowCount && this.#rows.get(record, cell.address) !== noAddress;
  }

  modRevision(record: number): Revision {
    // `as`: a revision, filled from RecordFields alone.
    return this.#rows.getNumber(record, cell.mod) as Revision;
  }

  slot(record: number): number {
    return this.#rows.get(record, cell.slot);
  }

  previous(record: number): number {
    return this.#rows.get(record, cell.previous);
  }

  /** Ends the chain at `record`: what was before it is being freed. */
  cutPrevious(record: number): void {
    assert(this.isUsed(record), "records: chain of a free record");
    this.#rows.set(record, cell.previous, noRecord);
  }

  isTombstone(record: number): boolean {
    return (this.#arena.flags(this.#rows.get(record, cell.address)) & flag.tombstone) !== 0;
  }

  address(record: number): number {
    return this.#rows.get(record, cell.address);
  }

  setAddress(record: number, address: number): void {
    assert(this.isUsed(record) && address !== noAddress, "records: address of a free record");
    this.#rows.set(record, cell.address, address);
  }

  /** Puts since the key was created; 0 for a tombstone. */
  version(record: number): number {
    return this.#number(record, 0, 1);
  }

  /** Revision of the key's creation; 0 for a tombstone. */
  createRevision(record: number): Revision {
    return this.#number(record, 2, this.#rows.getNumber(record, cell.mod)) as Revision;
  }

  isLeased(record: number): boolean {
    return (this.#arena.flags(this.#rows.get(record, cell.address)) & flag.leased) !== 0;
  }

  lease(record: number): bigint {
    const address = this.#rows.get(record, cell.address);
    const flags = this.#arena.flags(address);
    if ((flags & flag.leased) === 0) {
      return 0n;
    }
    const words = this.#arena.wordsOf(address);
    const at = this.#arena.payloadWord(address) + headWords(flags & ~flag.leased);
    return BigInt.asIntN(64, (BigInt(words[at + 1] as number) << 32n) | BigInt(words[at] as number));
  }

  /** The value, as a view into the arena. */
  value(record: number): Uint8Array {
    const address = this.#rows.get(record, cell.address);
    const start = this.#arena.payloadStart(address);
    const head = headWords(this.#arena.flags(address)) * 4;
    assert(head <= this.#arena.payloadBytes(address), "records: block smaller than its head");
    return this.#arena.bytesOf(address).subarray(start + head, start + this.#arena.payloadBytes(address));
  }

  /** Appends the value behind its length. PERF: without a view, which an image would make of each record. */
  writeValue(writer: ByteWriter, record: number): void {
    const address = this.#rows.get(record, cell.address);
    const start = this.#arena.payloadStart(address);
    const head = headWords(this.#arena.flags(address)) * 4;
    const bytes = this.#arena.payloadBytes(address);
    assert(head <= bytes, "records: block smaller than its head");
    writer.varint(bytes - head);
    writer.range(this.#arena.bytesOf(address), start + head, start + bytes);
  }

  /** The record as a key-value pair of views; `key` is its slot's key. */
  keyValue(record: number, key: Uint8Array, withValue: boolean): KeyValue {
    assert(!this.isTombstone(record), "records: a deletion has no key-value pair");
    return {
      key,
      createRevision: this.createRevision(record),
      modRevision: this.modRevision(record),
      version: this.version(record),
      value: withValue ? this.value(record) : noValue,
      lease: this.lease(record),
    };
  }

  /** The newest record of the chain from `head` on that is not above `revision`, or {@link noRecord}. */
  findAt(head: number, revision: number): number {
    let record = head;
    while (record !== noRecord && this.#rows.getNumber(record, cell.mod) > revision) {
      const jump = this.#jump(record);
      record =
        jump !== noRecord && this.#rows.getNumber(jump, cell.mod) > revision
          ? jump
          : this.#rows.get(record, cell.previous);
    }
    return record;
  }

  #writeHead(address: number, flags: number, fields: RecordFields): void {
    if (flags === 0) {
      return;
    }
    const words = this.#arena.wordsOf(address);
    let at = this.#arena.payloadWord(address);
    if ((flags & flag.linked) !== 0) {
      words[at++] = this.#jumpFor(fields.previous);
      words[at++] = this.#depth(fields.previous) + 1;
    }
    if ((flags & flag.numbered) !== 0) {
      words[at++] = fields.version % 2 ** 32;
      words[at++] = Math.floor(fields.version / 2 ** 32);
      words[at++] = fields.createRevision % 2 ** 32;
      words[at++] = Math.floor(fields.createRevision / 2 ** 32);
    }
    if ((flags & flag.leased) !== 0) {
      const bits = BigInt.asUintN(64, fields.lease);
      words[at++] = Number(bits & 0xffffffffn);
      words[at++] = Number(bits >> 32n);
    }
  }

  #number(record: number, word: number, implied: number): number {
    const address = this.#rows.get(record, cell.address);
    const flags = this.#arena.flags(address);
    if ((flags & flag.tombstone) !== 0) {
      return revisionZero;
    }
    if ((flags & flag.numbered) === 0) {
      return implied;
    }
    const words = this.#arena.wordsOf(address);
    const at = this.#arena.payloadWord(address) + headWords(flags & flag.linked) + word;
    return (words[at + 1] as number) * 2 ** 32 + (words[at] as number);
  }

  /** Where a record that follows `previous` jumps to: to the anchor before it. */
  #jumpFor(previous: number): number {
    const depth = this.#depth(previous);
    if (depth % anchorDistance === 0) {
      return previous;
    }
    // Not looked at here, which compaction may have taken: who follows it does.
    const anchor = this.#link(previous);
    return (depth + 1) % anchorDistance === 0 ? this.#anchorJumpFor(previous, anchor) : anchor;
  }

  /** Where an anchor jumps to that comes after `anchor`: two equal jumps in a row are joined into one of their length. */
  #anchorJumpFor(previous: number, anchor: number): number {
    if (!this.#isBefore(anchor, previous)) {
      return previous;
    }
    const jump = this.#jump(anchor);
    if (jump === noRecord) {
      return anchor;
    }
    const further = this.#jump(jump);
    if (further === noRecord) {
      return anchor;
    }
    const near = this.#depth(anchor) - this.#depth(jump);
    assert(near > 0, "records: a jump forward");
    return near === this.#depth(jump) - this.#depth(further) ? further : anchor;
  }

  /** The record's jump target, or {@link noRecord} where compaction took it, even where its number is used again. */
  #jump(record: number): number {
    const jump = this.#link(record);
    return jump !== noRecord && this.#isBefore(jump, record) ? jump : noRecord;
  }

  /** Whether `other` is an older version of the key of `record`, and not a number that is free or used again. */
  #isBefore(other: number, record: number): boolean {
    assert(other < this.#rowCount, "records: a jump to a record that never was");
    return (
      this.#rows.get(other, cell.address) !== noAddress &&
      this.#rows.get(other, cell.slot) === this.#rows.get(record, cell.slot) &&
      this.#rows.getNumber(other, cell.mod) < this.#rows.getNumber(record, cell.mod)
    );
  }

  /** What the record has as its jump target, or {@link noRecord}. */
  #link(record: number): number {
    const address = this.#rows.get(record, cell.address);
    if ((this.#arena.flags(address) & flag.linked) === 0) {
      return noRecord;
    }
    return this.#arena.wordsOf(address)[this.#arena.payloadWord(address)] as number;
  }

  /** How many versions of its key came before the record. */
  #depth(record: number): number {
    const address = this.#rows.get(record, cell.address);
    if ((this.#arena.flags(address) & flag.linked) === 0) {
      return 0;
    }
    return this.#arena.wordsOf(address)[this.#arena.payloadWord(address) + 1] as number;
  }

  #takeRow(): number {
    if (this.#free !== noRecord) {
      const record = this.#free;
      this.#free = this.#rows.get(record, cell.previous);
      return record;
    }
    const record = this.#rowCount++;
    assert(record < slotOwnerBit, "records: too many");
    this.#rows.reserve(this.#rowCount);
    return record;
  }
}

const noValue: Uint8Array = new Uint8Array(0);

function headWords(flags: number): number {
  return (
    ((flags & flag.linked) !== 0 ? linkWords : 0) +
    ((flags & flag.numbered) !== 0 ? numberWords : 0) +
    ((flags & flag.leased) !== 0 ? leaseWords : 0)
  );
}
