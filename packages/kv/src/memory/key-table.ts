/**
 * The keys that have any version, each in a numbered slot, found by their bytes. Linear hashing: each new key splits at most
 * one bucket, so that no insertion ever pays for all others. What a slot's key holds stands in the record table.
 */
import { assert, type ByteWriter } from "@quorate/base";
import { type Arena, noAddress } from "./arena.ts";
import { Uint32Table } from "./tables.ts";

/** No slot: the key is not in the table. */
export const noSlot = 0xffffffff;

/** Marks a slot, against a record, as the owner of an arena block. */
export const slotOwnerBit = 0x80000000;

const bucketCountInitial = 64;

/** Cells of a slot. */
const cell = {
  /** Where the key's bytes stand; {@link noAddress} in a free slot. */
  address: 0,
  hash: 1,
  /** The next slot of the bucket, or of the free list, up by 1, so that 0 is none. */
  next: 2,
  /** The record of the key's newest version. */
  head: 3,
} as const;
const slotCells = 4;

/** Slots for keys; see the head of this file. */
export class KeyTable {
  readonly #arena: Arena;
  #seed: number;
  readonly #slots: Uint32Table = new Uint32Table(slotCells);
  readonly #buckets: Uint32Table = new Uint32Table(1);
  /** How many first bytes were equal in the last comparison. */
  sharedBytes = 0;
  #bucketCount = bucketCountInitial;
  /** Buckets of the last full doubling; those below `bucketCount - bucketBase` are split already. */
  #bucketBase = bucketCountInitial;
  #slotCount = 0;
  #keyCount = 0;
  #free = 0;

  /** @param seed Makes bucket choice unpredictable for those who choose keys; no result depends on it. */
  constructor(arena: Arena, seed: number) {
    this.#arena = arena;
    this.#seed = seed >>> 0;
    this.#buckets.reserve(bucketCountInitial);
  }

  /** Keys in the table. */
  get keyCount(): number {
    return this.#keyCount;
  }

  /** Bytes allocated, without the keys' own. */
  get bytes(): number {
    return this.#slots.bytes + this.#buckets.bytes;
  }

  /** See `StoreMemory`. The seed comes along: buckets are chosen by it. */
  save(numbers: number[]): void {
    this.#slots.save(numbers);
    this.#buckets.save(numbers);
    numbers.push(this.#seed, this.#bucketCount, this.#bucketBase);
    numbers.push(this.#slotCount, this.#keyCount, this.#free);
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    this.#slots.load(next);
    this.#buckets.load(next);
    this.#seed = next();
    this.#bucketCount = next();
    this.#bucketBase = next();
    this.#slotCount = next();
    this.#keyCount = next();
    this.#free = next();
    assert(this.#keyCount <= this.#slotCount, "key table: loaded more keys than slots");
    assert(this.#bucketCount < 2 * this.#bucketBase, "key table: loaded outside the doubling");
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return [...this.#slots.memory(), ...this.#buckets.memory()];
  }

  /** The hash of a key that stands in `bytes` from `start` to `end`. */
  hash(bytes: Uint8Array, start: number, end: number): number {
    return hashBytes(bytes, start, end, this.#seed);
  }

  /** The first slot of the bucket of keys with this hash, up by 1; 0 for none. */
  firstLink(hash: number): number {
    return this.#buckets.get(this.#bucketOf(hash), 0);
  }

  /**
   * Of a bucket that begins with `link`, the first slot or the second, up by 1: the first where its key has this hash. 0 for none.
   *
   * PERF: without a branch on what was read: taken wrongly, it would end the look ahead of the processor, too.
   */
  likelyLink(link: number, hash: number): number {
    const slot = link - 1;
    const difference = this.#slots.get(slot, cell.hash) ^ hash;
    const differs = (difference | -difference) >> 31;
    return (link ^ ((link ^ this.#slots.get(slot, cell.next)) & differs)) >>> 0;
  }

  /** The key's slot, or {@link noSlot}. */
  find(key: Uint8Array): number {
    const hash = hashBytes(key, 0, key.length, this.#seed);
    let link = this.#buckets.get(this.#bucketOf(hash), 0);
    while (link !== 0) {
      const slot = link - 1;
      if (this.#slots.get(slot, cell.hash) === hash && this.#equals(slot, key)) {
        return slot;
      }
      link = this.#slots.get(slot, cell.next);
    }
    return noSlot;
  }

  /** A new slot for a key that has none. */
  add(key: Uint8Array, head: number): number {
    assert(key.length > 0, "key table: the empty key");
    const slot = this.#takeSlot();
    const address = this.#arena.allocate(slot + slotOwnerBit, key.length, 0);
    this.#arena.bytesOf(address).set(key, this.#arena.payloadStart(address));
    const hash = hashBytes(key, 0, key.length, this.#seed);
    this.#slots.set(slot, cell.address, address);
    this.#slots.set(slot, cell.hash, hash);
    this.#slots.set(slot, cell.head, head);
    this.#link(slot, this.#bucketOf(hash));
    this.#keyCount++;
    if (this.#keyCount > this.#bucketCount) {
      this.#split();
    }
    return slot;
  }

  /** Gives up a slot and its key's bytes. */
  remove(slot: number): void {
    assert(this.isUsed(slot), "key table: slot is free");
    const bucket = this.#bucketOf(this.#slots.get(slot, cell.hash));
    this.#unlink(slot, bucket);
    this.#arena.free(this.#slots.get(slot, cell.address));
    this.#slots.set(slot, cell.address, noAddress);
    this.#slots.set(slot, cell.next, this.#free);
    this.#free = slot + 1;
    this.#keyCount--;
    assert(this.#keyCount >= 0, "key table: fewer than no keys");
  }

  isUsed(slot: number): boolean {
    return slot < this.#slotCount && this.#slots.get(slot, cell.address) !== noAddress;
  }

  /** The record of the key's newest version. */
  head(slot: number): number {
    return this.#slots.get(slot, cell.head);
  }

  setHead(slot: number, record: number): void {
    assert(this.isUsed(slot), "key table: head of a free slot");
    this.#slots.set(slot, cell.head, record);
  }

  /** Where the key's bytes stand. */
  address(slot: number): number {
    return this.#slots.get(slot, cell.address);
  }

  /** After the arena moved the key's bytes. */
  setAddress(slot: number, address: number): void {
    assert(this.isUsed(slot) && address !== noAddress, "key table: address of a free slot");
    this.#slots.set(slot, cell.address, address);
  }

  /** The key's bytes, as a view into the arena. */
  key(slot: number): Uint8Array {
    const address = this.#slots.get(slot, cell.address);
    assert(address !== noAddress, "key table: key of a free slot");
    const start = this.#arena.payloadStart(address);
    return this.#arena.bytesOf(address).subarray(start, start + this.#arena.payloadBytes(address));
  }

  /** Appends the slot's key behind its length. PERF: without a view, which an image would make of each record. */
  write(writer: ByteWriter, slot: number): void {
    const address = this.#slots.get(slot, cell.address);
    assert(address !== noAddress, "key table: key of a free slot");
    const start = this.#arena.payloadStart(address);
    const bytes = this.#arena.payloadBytes(address);
    writer.varint(bytes);
    writer.range(this.#arena.bytesOf(address), start, start + bytes);
  }

  /** Orders `key` against the slot's key: negative, zero or positive. */
  compare(key: Uint8Array, slot: number): number {
    return this.compareFrom(key, slot, 0);
  }

  /** {@link compare} of keys whose first `skip` bytes are known to be equal; sets {@link sharedBytes}. */
  compareFrom(key: Uint8Array, slot: number, skip: number): number {
    const address = this.#slots.get(slot, cell.address);
    const bytes = this.#arena.bytesOf(address);
    const start = this.#arena.payloadStart(address);
    const slotLength = this.#arena.payloadBytes(address);
    const length = Math.min(key.length, slotLength);
    assert(skip <= length, "key table: more bytes shared than there are");
    let i = skip;
    while (i < length && key[i] === bytes[start + i]) {
      i++;
    }
    this.sharedBytes = i;
    return i < length ? (key[i] as number) - (bytes[start + i] as number) : key.length - slotLength;
  }

  #equals(slot: number, key: Uint8Array): boolean {
    return (
      this.#arena.payloadBytes(this.#slots.get(slot, cell.address)) === key.length &&
      this.compare(key, slot) === 0
    );
  }

  #takeSlot(): number {
    if (this.#free !== 0) {
      const slot = this.#free - 1;
      this.#free = this.#slots.get(slot, cell.next);
      return slot;
    }
    const slot = this.#slotCount++;
    assert(slot < slotOwnerBit, "key table: too many keys");
    this.#slots.reserve(this.#slotCount);
    return slot;
  }

  #bucketOf(hash: number): number {
    const bucket = (hash & (this.#bucketBase * 2 - 1)) >>> 0;
    return bucket < this.#bucketCount ? bucket : hash & (this.#bucketBase - 1);
  }

  #link(slot: number, bucket: number): void {
    assert(bucket < this.#bucketCount, "key table: no such bucket");
    this.#slots.set(slot, cell.next, this.#buckets.get(bucket, 0));
    this.#buckets.set(bucket, 0, slot + 1);
  }

  #unlink(slot: number, bucket: number): void {
    let link = this.#buckets.get(bucket, 0);
    if (link === slot + 1) {
      this.#buckets.set(bucket, 0, this.#slots.get(slot, cell.next));
      return;
    }
    while (this.#slots.get(link - 1, cell.next) !== slot + 1) {
      link = this.#slots.get(link - 1, cell.next);
      assert(link !== 0, "key table: slot not in its bucket");
    }
    this.#slots.set(link - 1, cell.next, this.#slots.get(slot, cell.next));
  }

  #split(): void {
    const source = this.#bucketCount - this.#bucketBase;
    assert(source >= 0 && source < this.#bucketBase, "key table: split outside the doubling");
    this.#bucketCount++;
    this.#buckets.reserve(this.#bucketCount);
    let link = this.#buckets.get(source, 0);
    this.#buckets.set(source, 0, 0);
    while (link !== 0) {
      const slot = link - 1;
      link = this.#slots.get(slot, cell.next);
      this.#link(slot, this.#bucketOf(this.#slots.get(slot, cell.hash)));
    }
    if (this.#bucketCount === this.#bucketBase * 2) {
      this.#bucketBase = this.#bucketCount;
    }
  }
}

function hashBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
