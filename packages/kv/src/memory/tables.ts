/**
 * Growing tables of 32-bit numbers, what the store is made of. They grow by whole chunks: nothing is ever copied, so growth
 * costs no pause, and a million rows are a few dozen objects for the garbage collector.
 */
import { assert } from "@quorate/base";

/** A chunk has at most this many cells: small enough for small stores, large enough to be few in large ones. */
const chunkCellsMax = 1 << 15;

/**
 * Rows of a fixed number of unsigned 32-bit cells, zero at first.
 *
 * PERF: the cells of a row lie side by side, so that a row costs one or two cache lines; with one array per column, a read
 * of 100 keys among a million took twice as long.
 */
export class Uint32Table {
  readonly #chunks: Uint32Array[] = [];
  readonly #width: number;
  /** A chunk's rows are a power of two. */
  readonly #chunkBits: number;
  readonly #chunkMask: number;

  /** @param width Cells per row. */
  constructor(width: number) {
    assert(width > 0 && width <= chunkCellsMax, "table: width out of bounds");
    this.#width = width;
    this.#chunkBits = 31 - Math.clz32(chunkCellsMax / width);
    this.#chunkMask = (1 << this.#chunkBits) - 1;
  }

  /** Makes rows `[0, count)` exist. */
  reserve(count: number): void {
    assert(count <= 2 ** 32, "table: too many rows");
    const chunkRows = 1 << this.#chunkBits;
    while (this.#chunks.length * chunkRows < count) {
      this.#chunks.push(new Uint32Array(chunkRows * this.#width));
    }
  }

  get(row: number, cell: number): number {
    // PERF: `as`: rows are reserved before they are named; a check per read would double its cost.
    return (this.#chunks[row >>> this.#chunkBits] as Uint32Array)[
      (row & this.#chunkMask) * this.#width + cell
    ] as number;
  }

  set(row: number, cell: number, value: number): void {
    (this.#chunks[row >>> this.#chunkBits] as Uint32Array)[(row & this.#chunkMask) * this.#width + cell] =
      value;
  }

  /** A safe integer that two cells hold, set by {@link setNumber}. */
  getNumber(row: number, cell: number): number {
    const chunk = this.#chunks[row >>> this.#chunkBits] as Uint32Array;
    const at = (row & this.#chunkMask) * this.#width + cell;
    return (chunk[at + 1] as number) * 2 ** 32 + (chunk[at] as number);
  }

  setNumber(row: number, cell: number, value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "table: not a safe non-negative integer");
    const chunk = this.#chunks[row >>> this.#chunkBits] as Uint32Array;
    const at = (row & this.#chunkMask) * this.#width + cell;
    chunk[at] = value;
    chunk[at + 1] = Math.floor(value / 2 ** 32);
  }

  /** Moves `count` cells within a row; the regions may overlap. */
  moveCells(row: number, from: number, to: number, count: number): void {
    assert(from + count <= this.#width && to + count <= this.#width, "table: move beyond the row");
    const base = (row & this.#chunkMask) * this.#width;
    const chunk = this.#chunks[row >>> this.#chunkBits] as Uint32Array;
    chunk.copyWithin(base + to, base + from, base + from + count);
  }

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    numbers.push(this.#chunks.length);
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    const chunkCount = next();
    this.#chunks.length = 0;
    this.reserve(chunkCount << this.#chunkBits);
    assert(this.#chunks.length === chunkCount, "table: more chunks than rows can need");
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return this.#chunks.map((chunk) => new Uint8Array(chunk.buffer));
  }

  /** Bytes allocated. */
  get bytes(): number {
    return (this.#chunks.length << this.#chunkBits) * this.#width * 4;
  }
}
