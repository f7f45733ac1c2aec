/** The node store of the key tree: fixed-width rows of numbers, taken and given back, each with a fill count. */
import { assert } from "@quorate/base";
import { Uint32Column } from "./columns.ts";

/** Cells of one row. */
export const rowWidth = 64;

/** A pool of rows. */
export class Rows {
  readonly #cells: Uint32Column = new Uint32Column();
  readonly #counts: Uint32Column = new Uint32Column();
  readonly #free: number[] = [];
  #rowCount = 0;

  /** Bytes allocated. */
  get bytes(): number {
    return this.#cells.bytes + this.#counts.bytes;
  }

  /** Rows in use. */
  get usedCount(): number {
    return this.#rowCount - this.#free.length;
  }

  /** A row with no filled cell. */
  take(): number {
    const row = this.#free.pop() ?? this.#rowCount++;
    this.#cells.reserve(this.#rowCount * rowWidth);
    this.#counts.reserve(this.#rowCount);
    this.#counts.set(row, 0);
    return row;
  }

  /** Gives a row back. */
  give(row: number): void {
    assert(row < this.#rowCount, "rows: no such row");
    this.#free.push(row);
  }

  count(row: number): number {
    return this.#counts.get(row);
  }

  get(row: number, cell: number): number {
    return this.#cells.get(row * rowWidth + cell);
  }

  set(row: number, cell: number, value: number): void {
    this.#cells.set(row * rowWidth + cell, value);
  }

  /** Puts `value` at `cell`; what stood there and behind moves up. */
  insert(row: number, cell: number, value: number): void {
    const count = this.#counts.get(row);
    assert(count < rowWidth && cell <= count, "rows: insert outside the row");
    const base = row * rowWidth;
    for (let i = count; i > cell; i--) {
      this.#cells.set(base + i, this.#cells.get(base + i - 1));
    }
    this.#cells.set(base + cell, value);
    this.#counts.set(row, count + 1);
  }

  /** Takes the value at `cell` out; what stood behind moves down. */
  remove(row: number, cell: number): void {
    const count = this.#counts.get(row);
    assert(cell < count, "rows: remove outside the row");
    const base = row * rowWidth;
    for (let i = cell + 1; i < count; i++) {
      this.#cells.set(base + i - 1, this.#cells.get(base + i));
    }
    this.#counts.set(row, count - 1);
  }

  /** Moves the cells of `from` from `cell` on to the end of `to`. */
  moveTail(from: number, cell: number, to: number): void {
    const count = this.#counts.get(from);
    const target = this.#counts.get(to);
    assert(cell <= count && target + count - cell <= rowWidth, "rows: tail does not fit");
    for (let i = cell; i < count; i++) {
      this.#cells.set(to * rowWidth + target + i - cell, this.#cells.get(from * rowWidth + i));
    }
    this.#counts.set(to, target + count - cell);
    this.#counts.set(from, cell);
  }
}
