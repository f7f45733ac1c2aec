/**
 * Growing columns of numbers, the tables of the store. They grow by whole chunks: nothing is ever copied, so growth costs
 * no pause, and a million rows are a few dozen objects for the garbage collector.
 */
import { assert } from "@quorate/base";

const chunkBits = 14;
const chunkRows = 1 << chunkBits;
const chunkMask = chunkRows - 1;

/** Bytes that `chunks` of rows of `rowBytes` take. */
function columnBytes(chunkCount: number, rowBytes: number): number {
  return chunkCount * chunkRows * rowBytes;
}

/** A column of unsigned 32-bit numbers, zero at first. */
export class Uint32Column {
  readonly #chunks: Uint32Array[] = [];

  /** Makes rows `[0, count)` exist. */
  reserve(count: number): void {
    assert(count <= 2 ** 32, "column: too many rows");
    while (this.#chunks.length * chunkRows < count) {
      this.#chunks.push(new Uint32Array(chunkRows));
    }
  }

  get(row: number): number {
    // PERF: `as`: rows are reserved before they are named; a check per read would double its cost.
    return (this.#chunks[row >>> chunkBits] as Uint32Array)[row & chunkMask] as number;
  }

  set(row: number, value: number): void {
    (this.#chunks[row >>> chunkBits] as Uint32Array)[row & chunkMask] = value;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return columnBytes(this.#chunks.length, 4);
  }
}

/** A column of safe integers, zero at first. */
export class NumberColumn {
  readonly #chunks: Float64Array[] = [];

  /** Makes rows `[0, count)` exist. */
  reserve(count: number): void {
    assert(count <= 2 ** 32, "column: too many rows");
    while (this.#chunks.length * chunkRows < count) {
      this.#chunks.push(new Float64Array(chunkRows));
    }
  }

  get(row: number): number {
    return (this.#chunks[row >>> chunkBits] as Float64Array)[row & chunkMask] as number;
  }

  set(row: number, value: number): void {
    (this.#chunks[row >>> chunkBits] as Float64Array)[row & chunkMask] = value;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return columnBytes(this.#chunks.length, 8);
  }
}
