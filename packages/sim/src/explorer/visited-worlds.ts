/**
 * The worlds that were met, as a fingerprint of 64 bits each: eight bytes a world, so that a thousand million of them fit into memory. Two
 * worlds with one fingerprint would hide one of them; see {@link missedChance}.
 */
import { assert } from "@quorate/base";
import {
  bytesOf,
  type CheckpointSink,
  type CheckpointSource,
  loadNumber,
  saveNumbers,
} from "./checkpoint.ts";

/** The table is many small ones, so that growing needs room for one of them only. */
const shardBits = 8;
const shardCount = 1 << shardBits;
const firstSlotCount = 64;

/** The chance that any world among `count` was taken for another, if fingerprints were drawn by lot: pairs of worlds over 2^64. */
export function missedChance(count: number): number {
  return (count * (count - 1)) / 2 / 2 ** 64;
}

/** A set of pairs of 32 bits. */
export class VisitedWorlds {
  readonly #shards: Shard[] = Array.from({ length: shardCount }, () => new Shard());
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Memory of all tables together. */
  get bytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.bytes, 0);
  }

  /** Adds the pair; false when it was there. */
  add(low: number, high: number): boolean {
    assert(low >= 0 && high >= 0, "explorer: a fingerprint is two numbers without sign");
    const shard = this.#shards[high >>> (32 - shardBits)] as Shard;
    // A pair of zeros marks an empty place.
    const isNew = shard.add(low === 0 && high === 0 ? 1 : low, high);
    this.#count += isNew ? 1 : 0;
    return isNew;
  }

  save(sink: CheckpointSink): void {
    for (const shard of this.#shards) {
      shard.save(sink);
    }
  }

  /** Into an empty set. */
  load(source: CheckpointSource): void {
    assert(this.#count === 0, "explorer: worlds loaded over others");
    for (const shard of this.#shards) {
      this.#count += shard.load(source);
    }
  }
}

/** Open addressing. Places ascend with the low half, whatever the size, so that growing is one pass from front to end. */
class Shard {
  #slotCount = firstSlotCount;
  #slots = new Uint32Array(2 * firstSlotCount);
  #count = 0;

  get bytes(): number {
    return this.#slots.byteLength;
  }

  save(sink: CheckpointSink): void {
    saveNumbers(sink, [this.#slotCount, this.#count]);
    sink.write(bytesOf(this.#slots));
  }

  /** How many there were. */
  load(source: CheckpointSource): number {
    this.#slotCount = loadNumber(source);
    this.#count = loadNumber(source);
    assert(this.#count < this.#slotCount, "explorer: more worlds than places");
    this.#slots = new Uint32Array(2 * this.#slotCount);
    source.read(bytesOf(this.#slots));
    return this.#count;
  }

  add(low: number, high: number): boolean {
    if (this.#count * 4 >= this.#slotCount * 3) {
      this.#grow();
    }
    return this.#place(low, high);
  }

  #place(low: number, high: number): boolean {
    const slots = this.#slots;
    for (let slot = Math.floor((low / 2 ** 32) * this.#slotCount); ; slot++) {
      if (slot === this.#slotCount) {
        slot = 0;
      }
      const foundLow = slots[2 * slot] as number;
      const foundHigh = slots[2 * slot + 1] as number;
      if (foundLow === 0 && foundHigh === 0) {
        slots[2 * slot] = low;
        slots[2 * slot + 1] = high;
        this.#count++;
        return true;
      }
      if (foundLow === low && foundHigh === high) {
        return false;
      }
    }
  }

  #grow(): void {
    const old = this.#slots;
    const before = this.#count;
    this.#slotCount = Math.floor(this.#slotCount * 1.375) + 1;
    this.#slots = new Uint32Array(2 * this.#slotCount);
    this.#count = 0;
    for (let at = 0; at < old.length; at += 2) {
      const low = old[at] as number;
      const high = old[at + 1] as number;
      if (low !== 0 || high !== 0) {
        this.#place(low, high);
      }
    }
    assert(this.#count === before, "explorer: a world was lost in growing");
  }
}
