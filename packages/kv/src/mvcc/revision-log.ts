/**
 * The records in the order they were made: what watches replay, what images and hashes read. Positions count up for ever;
 * compaction drops the log's beginning. Records of the compact revision itself stay, for a watch may start there.
 */
import { assert } from "@quorate/base";

const chunkBits = 14;
const chunkLength = 1 << chunkBits;

/** A queue of record numbers addressed by position. */
export class RevisionLog {
  readonly #chunks: Uint32Array[] = [];
  /** Position of the first cell of the first chunk. */
  #base = 0;
  #start = 0;
  #end = 0;

  /** Position of the oldest record. */
  get start(): number {
    return this.#start;
  }

  /** Position behind the newest record. */
  get end(): number {
    return this.#end;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#chunks.length * chunkLength * 4;
  }

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    numbers.push(this.#base, this.#start, this.#end, this.#chunks.length);
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    this.#base = next();
    this.#start = next();
    this.#end = next();
    const count = next();
    assert(this.#base <= this.#start && this.#start <= this.#end, "revision log: loaded out of order");
    assert(this.#end - this.#base <= count * chunkLength, "revision log: loaded without its end");
    for (let chunk = 0; chunk < count; chunk++) {
      this.#chunks.push(new Uint32Array(chunkLength));
    }
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return this.#chunks.map((chunk) => new Uint8Array(chunk.buffer));
  }

  append(record: number): void {
    const at = this.#end - this.#base;
    assert(at >>> chunkBits <= this.#chunks.length, "revision log: a gap between chunks");
    if (at >>> chunkBits === this.#chunks.length) {
      this.#chunks.push(new Uint32Array(chunkLength));
    }
    (this.#chunks[at >>> chunkBits] as Uint32Array)[at & (chunkLength - 1)] = record;
    this.#end++;
  }

  /** The record at a position between start and end. */
  at(position: number): number {
    assert(position >= this.#start && position < this.#end, "revision log: position outside");
    const at = position - this.#base;
    return (this.#chunks[at >>> chunkBits] as Uint32Array)[at & (chunkLength - 1)] as number;
  }

  /** Drops the oldest record. */
  shift(): void {
    assert(this.#start < this.#end, "revision log: empty");
    this.#start++;
    if (this.#start - this.#base === chunkLength) {
      assert(this.#chunks.length > 0, "revision log: no chunk to drop");
      this.#chunks.shift();
      this.#base += chunkLength;
    }
  }
}
