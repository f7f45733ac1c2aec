/** From pairs of numbers to numbers, flat: what every step of every world asks for. Open addressing; nothing is ever taken out. */
import { assert } from "@quorate/base";
import { mixed } from "./mix.ts";

/** A key of two and a value, side by side: one place is one line of a cache. */
const stride = 4;

/** What {@link PairTable.get} gives for a pair that is not there. */
export const absent = -1;

/** Keys and values are integers from 0. */
export class PairTable {
  /** By place: left + 1, right, value. 0 marks an empty place. */
  #cells = new Int32Array(stride << 10);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The value of the pair, or {@link absent}. */
  get(left: number, right: number): number {
    const cells = this.#cells;
    const mask = cells.length / stride - 1;
    for (let place = placeOf(left, right) & mask; ; place = (place + 1) & mask) {
      const at = place * stride;
      const found = cells[at] as number;
      if (found === 0) {
        return absent;
      }
      if (found === left + 1 && cells[at + 1] === right) {
        return cells[at + 2] as number;
      }
    }
  }

  /** Adds a pair that is not there. */
  add(left: number, right: number, value: number): void {
    assert(left >= 0 && right >= 0 && value >= 0, "table: a negative number");
    if (this.#count * 2 * stride >= this.#cells.length) {
      this.#grow();
    }
    this.#place(left, right, value);
    this.#count++;
  }

  #place(left: number, right: number, value: number): void {
    const cells = this.#cells;
    const mask = cells.length / stride - 1;
    let place = placeOf(left, right) & mask;
    while (cells[place * stride] !== 0) {
      const isSame = cells[place * stride] === left + 1 && cells[place * stride + 1] === right;
      assert(!isSame, "table: a pair is added twice");
      place = (place + 1) & mask;
    }
    cells[place * stride] = left + 1;
    cells[place * stride + 1] = right;
    cells[place * stride + 2] = value;
  }

  #grow(): void {
    const old = this.#cells;
    this.#cells = new Int32Array(old.length * 2);
    for (let at = 0; at < old.length; at += stride) {
      const left = old[at] as number;
      if (left !== 0) {
        this.#place(left - 1, old[at + 1] as number, old[at + 2] as number);
      }
    }
  }
}

function placeOf(left: number, right: number): number {
  return mixed(Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b));
}
