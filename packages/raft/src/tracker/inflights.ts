/**
 * The window of appends under way to one member (RAFT §10.2.2), bounded in messages and in bytes. A ring that grows to the
 * bound only when the window is used.
 */
import { assert } from "@quorate/base";
import type { LogIndex } from "../types/ids.ts";

/**
 * Appends under way, in the order of their last index. Bytes are checked before adding: one append may pass the bound, so that
 * an entry larger than the bound still travels.
 */
export class Inflights {
  readonly #countMax: number;
  readonly #bytesMax: number;
  #indexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(countMax: number, bytesMax: number) {
    assert(countMax > 0, "inflights: no room for a single append");
    assert(bytesMax > 0, "inflights: no room for a single byte");
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  /** Appends under way. */
  get count(): number {
    return this.#count;
  }

  /** Bytes under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether no further append with entries may leave. */
  get full(): boolean {
    return this.#count >= this.#countMax || this.#bytes >= this.#bytesMax;
  }

  /** The last index of each append under way, in order: for explorers of the state. */
  lastIndexes(): number[] {
    return Array.from(
      { length: this.#count },
      (_, i) => this.#indexes[(this.#start + i) % this.#indexes.length] as number,
    );
  }

  /** Notes an append whose last entry is `index`. */
  add(index: LogIndex, bytes: number): void {
    assert(!this.full, "inflights: add to a full window");
    assert(bytes >= 0, "inflights: negative bytes");
    if (this.#count === this.#indexes.length) {
      this.#grow();
    }
    const capacity = this.#indexes.length;
    const place = (this.#start + this.#count) % capacity;
    if (this.#count > 0) {
      const previous = (place + capacity - 1) % capacity;
      assert((this.#indexes[previous] as number) < index, "inflights: indexes must ascend");
    }
    this.#indexes[place] = index;
    this.#sizes[place] = bytes;
    this.#count++;
    this.#bytes += bytes;
    assert(this.#count <= this.#countMax, "inflights: more than the bound");
  }

  /** Forgets the appends whose last entry is at or below `index`: one acknowledgement covers all before it. */
  freeTo(index: LogIndex): void {
    const capacity = this.#indexes.length;
    while (this.#count > 0 && (this.#indexes[this.#start] as number) <= index) {
      this.#bytes -= this.#sizes[this.#start] as number;
      this.#start = (this.#start + 1) % capacity;
      this.#count--;
    }
    assert(this.#bytes >= 0, "inflights: bytes below zero");
    assert(this.#count > 0 || this.#bytes === 0, "inflights: bytes left in an empty window");
  }

  /** Forgets everything: what was under way is taken as lost. */
  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const indexes: number[] = [];
    const sizes: number[] = [];
    const capacity = this.#indexes.length;
    assert(this.#count === capacity, "inflights: grown before it is full");
    assert(capacity < this.#countMax, "inflights: grown beyond the bound");
    for (let i = 0; i < capacity; i++) {
      const place = (this.#start + i) % capacity;
      indexes.push(this.#indexes[place] as number);
      sizes.push(this.#sizes[place] as number);
    }
    const grown = Math.min(this.#countMax, Math.max(4, capacity * 2));
    while (indexes.length < grown) {
      indexes.push(0);
      sizes.push(0);
    }
    assert(grown > capacity, "inflights: grown beyond its bound");
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
