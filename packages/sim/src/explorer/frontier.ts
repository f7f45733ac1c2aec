/** The worlds that wait to be expanded, first in, first out. Packed, because a tenth of all worlds may wait at once. */
import { assert, must } from "@quorate/base";
import {
  bytesOf,
  type CheckpointSink,
  type CheckpointSource,
  loadNumber,
  saveNumbers,
} from "./checkpoint.ts";
import type { WorldLayout } from "./world-layout.ts";

const blockRows = 1 << 14;

/** Rows of {@link WorldLayout}; blocks that are read through are let go. */
export class Frontier {
  readonly #rowLength: number;
  /** From which place of a row on numbers take 32 bits; those before, messages on links, take 16. */
  readonly #linksEnd: number;
  readonly #packedLength: number;
  readonly #blocks: (Uint16Array | null)[] = [];
  /** A block that was read through, for the next one. */
  #spare: Uint16Array | null = null;
  #firstRow = 0;
  #endRow = 0;

  constructor(layout: WorldLayout) {
    this.#rowLength = layout.width;
    this.#linksEnd = layout.linksEnd;
    this.#packedLength = layout.linksEnd + 2 * (layout.width - layout.linksEnd);
  }

  get count(): number {
    return this.#endRow - this.#firstRow;
  }

  push(row: Int32Array): void {
    assert(row.length === this.#rowLength, "frontier: a row of another width");
    const place = this.#endRow % blockRows;
    if (place === 0) {
      this.#blocks.push(this.#spare ?? new Uint16Array(blockRows * this.#packedLength));
      this.#spare = null;
    }
    const block = this.#blocks[this.#blocks.length - 1] as Uint16Array;
    let to = place * this.#packedLength;
    for (let at = 0; at < this.#linksEnd; at++) {
      block[to++] = row[at] as number;
    }
    for (let at = this.#linksEnd; at < this.#rowLength; at++) {
      const value = row[at] as number;
      block[to++] = value & 0xffff;
      block[to++] = value >>> 16;
    }
    this.#endRow++;
  }

  save(sink: CheckpointSink): void {
    const first = Math.floor(this.#firstRow / blockRows);
    saveNumbers(sink, [this.#firstRow - first * blockRows, this.#endRow - first * blockRows]);
    for (const block of this.#blocks.slice(first)) {
      sink.write(bytesOf(must(block, "frontier: a block that is waited for was let go")));
    }
  }

  /** Into an empty one. */
  load(source: CheckpointSource): void {
    assert(this.#endRow === 0, "frontier: loaded over what waits");
    this.#firstRow = loadNumber(source);
    this.#endRow = loadNumber(source);
    for (let row = 0; row < this.#endRow; row += blockRows) {
      const block = new Uint16Array(blockRows * this.#packedLength);
      source.read(bytesOf(block));
      this.#blocks.push(block);
    }
  }

  /** Copies the oldest row into `row`. */
  shift(row: Int32Array): void {
    assert(this.count > 0, "frontier: empty");
    const number = Math.floor(this.#firstRow / blockRows);
    const block = this.#blocks[number] as Uint16Array;
    let from = (this.#firstRow % blockRows) * this.#packedLength;
    for (let at = 0; at < this.#linksEnd; at++) {
      row[at] = block[from++] as number;
    }
    for (let at = this.#linksEnd; at < this.#rowLength; at++) {
      row[at] = (block[from] as number) | ((block[from + 1] as number) << 16);
      from += 2;
    }
    this.#firstRow++;
    if (this.#firstRow % blockRows === 0) {
      this.#blocks[number] = null;
      this.#spare = block;
    }
  }
}
