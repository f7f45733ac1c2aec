/**
 * The worlds that were met, as 64 bits of hash each: a hundred million of them are to fit into memory. Two worlds with one hash would
 * hide one of them; with 10^8 worlds that happens to one exploration in 3,700.
 */
import { assert } from "@quorate/base";

/** A set of pairs of 32 bits, open addressing in two flat arrays. */
export class VisitedWorlds {
  #low = new Uint32Array(1 << 16);
  #high = new Uint32Array(1 << 16);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds the pair; false when it was there. */
  add(low: number, high: number): boolean {
    // A pair of zeros marks an empty place.
    const first = low === 0 && high === 0 ? 1 : low;
    if (this.#count * 10 >= this.#low.length * 6) {
      this.#grow();
    }
    return this.#place(first, high);
  }

  #place(low: number, high: number): boolean {
    const mask = this.#low.length - 1;
    for (let at = (low ^ Math.imul(high, 0x9e3779b1)) & mask; ; at = (at + 1) & mask) {
      const foundLow = this.#low[at] as number;
      const foundHigh = this.#high[at] as number;
      if (foundLow === 0 && foundHigh === 0) {
        this.#low[at] = low;
        this.#high[at] = high;
        this.#count++;
        return true;
      }
      if (foundLow === low && foundHigh === high) {
        return false;
      }
    }
  }

  #grow(): void {
    const low = this.#low;
    const high = this.#high;
    const before = this.#count;
    this.#low = new Uint32Array(low.length * 2);
    this.#high = new Uint32Array(low.length * 2);
    this.#count = 0;
    for (let i = 0; i < low.length; i++) {
      if (low[i] !== 0 || high[i] !== 0) {
        this.#place(low[i] as number, high[i] as number);
      }
    }
    assert(this.#count === before, "explorer: a world was lost in growing");
  }
}
