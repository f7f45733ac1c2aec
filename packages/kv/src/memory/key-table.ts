/**
 * The keys that have any version, each in a numbered slot, found by their bytes. Linear hashing: each new key splits at most
 * one bucket, so that no insertion ever pays for all others. What a slot's key holds stands in the record table.
 */
import { assert } from "@quorate/base";
import { type Arena, noAddress } from "./arena.ts";
import { Uint32Column } from "./columns.ts";

/** No slot: the key is not in the table. */
export const noSlot = 0xffffffff;

/** Marks a slot, against a record, as the owner of an arena block. */
export const slotOwnerBit = 0x80000000;

const bucketCountInitial = 64;

/** Slots for keys; see the head of this file. */
export class KeyTable {
  readonly #arena: Arena;
  readonly #seed: number;
  readonly #address: Uint32Column = new Uint32Column();
  readonly #hash: Uint32Column = new Uint32Column();
  /** The next slot of the bucket, or of the free list; each one up by 1, so that 0 is none. */
  readonly #next: Uint32Column = new Uint32Column();
  readonly #head: Uint32Column = new Uint32Column();
  readonly #buckets: Uint32Column = new Uint32Column();
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
    return this.#address.bytes + this.#hash.bytes + this.#next.bytes + this.#head.bytes + this.#buckets.bytes;
  }

  /** The key's slot, or {@link noSlot}. */
  find(key: Uint8Array): number {
    const hash = hashBytes(key, this.#seed);
    let link = this.#buckets.get(this.#bucketOf(hash));
    while (link !== 0) {
      const slot = link - 1;
      if (this.#hash.get(slot) === hash && this.#equals(slot, key)) {
        return slot;
      }
      link = this.#next.get(slot);
    }
    return noSlot;
  }

  /** A new slot for a key that has none. */
  add(key: Uint8Array, head: number): number {
    const slot = this.#takeSlot();
    const address = this.#arena.allocate(slot + slotOwnerBit, key.length, 0);
    this.#arena.bytesOf(address).set(key, this.#arena.payloadStart(address));
    const hash = hashBytes(key, this.#seed);
    this.#address.set(slot, address);
    this.#hash.set(slot, hash);
    this.#head.set(slot, head);
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
    const bucket = this.#bucketOf(this.#hash.get(slot));
    this.#unlink(slot, bucket);
    this.#arena.free(this.#address.get(slot));
    this.#address.set(slot, noAddress);
    this.#next.set(slot, this.#free);
    this.#free = slot + 1;
    this.#keyCount--;
  }

  isUsed(slot: number): boolean {
    return slot < this.#slotCount && this.#address.get(slot) !== noAddress;
  }

  /** The record of the key's newest version. */
  head(slot: number): number {
    return this.#head.get(slot);
  }

  setHead(slot: number, record: number): void {
    this.#head.set(slot, record);
  }

  /** Where the key's bytes stand. */
  address(slot: number): number {
    return this.#address.get(slot);
  }

  /** After the arena moved the key's bytes. */
  setAddress(slot: number, address: number): void {
    this.#address.set(slot, address);
  }

  /** The key's bytes, as a view into the arena. */
  key(slot: number): Uint8Array {
    const address = this.#address.get(slot);
    assert(address !== noAddress, "key table: key of a free slot");
    const start = this.#arena.payloadStart(address);
    return this.#arena.bytesOf(address).subarray(start, start + this.#arena.payloadBytes(address));
  }

  /** Orders `key` against the slot's key: negative, zero or positive. */
  compare(key: Uint8Array, slot: number): number {
    const address = this.#address.get(slot);
    const bytes = this.#arena.bytesOf(address);
    const start = this.#arena.payloadStart(address);
    const slotLength = this.#arena.payloadBytes(address);
    const length = Math.min(key.length, slotLength);
    for (let i = 0; i < length; i++) {
      const difference = (key[i] as number) - (bytes[start + i] as number);
      if (difference !== 0) {
        return difference;
      }
    }
    return key.length - slotLength;
  }

  #equals(slot: number, key: Uint8Array): boolean {
    return this.#arena.payloadBytes(this.#address.get(slot)) === key.length && this.compare(key, slot) === 0;
  }

  #takeSlot(): number {
    if (this.#free !== 0) {
      const slot = this.#free - 1;
      this.#free = this.#next.get(slot);
      return slot;
    }
    const slot = this.#slotCount++;
    assert(slot < slotOwnerBit, "key table: too many keys");
    for (const column of [this.#address, this.#hash, this.#next, this.#head]) {
      column.reserve(this.#slotCount);
    }
    return slot;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#bucketBase * 2 - 1);
    return bucket < this.#bucketCount ? bucket : hash & (this.#bucketBase - 1);
  }

  #link(slot: number, bucket: number): void {
    this.#next.set(slot, this.#buckets.get(bucket));
    this.#buckets.set(bucket, slot + 1);
  }

  #unlink(slot: number, bucket: number): void {
    let link = this.#buckets.get(bucket);
    if (link === slot + 1) {
      this.#buckets.set(bucket, this.#next.get(slot));
      return;
    }
    while (this.#next.get(link - 1) !== slot + 1) {
      link = this.#next.get(link - 1);
      assert(link !== 0, "key table: slot not in its bucket");
    }
    this.#next.set(link - 1, this.#next.get(slot));
  }

  #split(): void {
    const source = this.#bucketCount - this.#bucketBase;
    this.#bucketCount++;
    this.#buckets.reserve(this.#bucketCount);
    let link = this.#buckets.get(source);
    this.#buckets.set(source, 0);
    while (link !== 0) {
      const slot = link - 1;
      link = this.#next.get(slot);
      this.#link(slot, this.#bucketOf(this.#hash.get(slot)));
    }
    if (this.#bucketCount === this.#bucketBase * 2) {
      this.#bucketBase = this.#bucketCount;
    }
  }
}

function hashBytes(bytes: Uint8Array, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
