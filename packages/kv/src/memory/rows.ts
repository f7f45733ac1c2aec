/** The node store of the key tree: fixed-width rows of numbers, taken and given back, each with a fill count. */
import { assert } from "@quorate/base";
import { Uint32Table } from "./tables.ts";

/** Cells of one row. */
export const rowWidth = 64;

/** A pool of rows. */
export class Rows {
  readonly #cells: Uint32Table = new Uint32Table(rowWidth);
  readonly #counts: Uint32Table = new Uint32Table(1);
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

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    this.#cells.save(numbers);
    this.#counts.save(numbers);
    numbers.push(this.#rowCount, this.#free.length);
    for (const row of this.#free) {
      numbers.push(row);
    }
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    this.#cells.load(next);
    this.#counts.load(next);
    this.#rowCount = next();
    this.#free.length = 0;
    for (let left = next(); left > 0; left--) {
      this.#free.push(next());
    }
    assert(this.#free.length <= this.#rowCount, "rows: more free ones than there are");
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return [...this.#cells.memory(), ...this.#counts.memory()];
  }

  /** A row with no filled cell. */
  take(): number {
    const row = this.#free.pop() ?? this.#rowCount++;
    this.#cells.reserve(this.#rowCount);
    this.#counts.reserve(this.#rowCount);
    this.#counts.set(row, 0, 0);
    return row;
  }

  /** Gives a row back. */
  give(row: number): void {
    assert(row < this.#rowCount, "rows: no such row");
    this.#free.push(row);
  }

  count(row: number): number {
    return this.#counts.get(row, 0);
  }

  get(row: number, cell: number): number {
    return this.#cells.get(row, cell);
  }

  set(row: number, cell: number, value: number): void {
    this.#cells.set(row, cell, value);
  }

  /** Puts `value` at `cell`; what stood there and behind moves up. */
  insert(row: number, cell: number, value: number): void {
    const count = this.#counts.get(row, 0);
    assert(count < rowWidth && cell <= count, "rows: insert outside the row");
    this.#cells.moveCells(row, cell, cell + 1, count - cell);
    this.#cells.set(row, cell, value);
    this.#counts.set(row, 0, count + 1);
  }

  /** Takes the value at `cell` out; what stood behind moves down. */
  remove(row: number, cell: number): void {
    const count = this.#counts.get(row, 0);
    assert(cell < count, "rows: remove outside the row");
    this.#cells.moveCells(row, cell + 1, cell, count - cell - 1);
    this.#counts.set(row, 0, count - 1);
  }

  /** Moves the cells of `from` from `cell` on to the end of `to`. */
  moveTail(from: number, cell: number, to: number): void {
    const count = this.#counts.get(from, 0);
    const target = this.#counts.get(to, 0);
    assert(cell <= count && target + count - cell <= rowWidth, "rows: tail does not fit");
    for (let i = cell; i < count; i++) {
      this.#cells.set(to, target + i - cell, this.#cells.get(from, i));
    }
    this.#counts.set(to, 0, target + count - cell);
    this.#counts.set(from, 0, cell);
  }
}
