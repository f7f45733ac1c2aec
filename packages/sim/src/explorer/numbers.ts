/** A queue of fixed-size rows of numbers, and a list of numbers: flat, because there are many millions of them. */
import { assert } from "@quorate/base";

const blockRows = 1 << 14;

/** First in, first out; blocks that are read through are let go. */
export class RowQueue {
  readonly #width: number;
  readonly #blocks: Int32Array[] = [];
  #firstRow = 0;
  #endRow = 0;

  constructor(width: number) {
    this.#width = width;
  }

  get count(): number {
    return this.#endRow - this.#firstRow;
  }

  push(row: Int32Array): void {
    assert(row.length === this.#width, "queue: a row of another width");
    const block = Math.floor(this.#endRow / blockRows);
    this.#blocks[block] ??= new Int32Array(blockRows * this.#width);
    (this.#blocks[block] as Int32Array).set(row, (this.#endRow % blockRows) * this.#width);
    this.#endRow++;
  }

  /** Copies the oldest row into `row`. */
  shift(row: Int32Array): void {
    assert(this.count > 0, "queue: empty");
    const block = Math.floor(this.#firstRow / blockRows);
    const start = (this.#firstRow % blockRows) * this.#width;
    row.set((this.#blocks[block] as Int32Array).subarray(start, start + this.#width));
    this.#firstRow++;
    if (this.#firstRow % blockRows === 0) {
      this.#blocks[block] = new Int32Array(0);
    }
  }
}

/** A list that only grows. */
export class NumberList {
  #numbers = new Int32Array(1 << 12);
  #count = 0;

  push(value: number): void {
    if (this.#count === this.#numbers.length) {
      const grown = new Int32Array(this.#count * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#count] = value;
    this.#count++;
  }

  at(index: number): number {
    assert(index >= 0 && index < this.#count, "list: out of range");
    return this.#numbers[index] as number;
  }
}
