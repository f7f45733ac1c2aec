/**
 * Seeded randomness: the only source of chance in pure packages. xoshiro128** with its state filled by splitmix32, in
 * 32-bit integer arithmetic, so that every engine draws the same numbers.
 */
import { assert } from "./assert.ts";

/**
 * A stream of pseudo-random numbers. Not for secrets.
 *
 * @example
 * ```ts
 * import { Prng } from "@quorate/base";
 * const random = new Prng(42);
 * const net = random.stream("net"); // independent: draws here never shift draws there
 * net.integer(0, 10);
 * ```
 */
export class Prng {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed Any safe integer; both 32-bit halves count. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), "prng: seed is not a safe integer");
    this.#seed = seed;
    let state = (seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b1);
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1; // Never the all-zero state, which would be a fixed point.
  }

  /** A stream of its own for one concern, named so that a new draw elsewhere does not shift this one's numbers. */
  stream(name: string): Prng {
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) {
      hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    }
    const low = ((this.#seed >>> 0) ^ hash) >>> 0;
    const high = (Math.imul(hash, 0x9e3779b1) ^ Math.floor(this.#seed / 2 ** 32)) & 0xfffff;
    return new Prng(high * 2 ** 32 + low);
  }

  /** An unsigned 32-bit number. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** A number in `[0, 1)` with 32 bits of chance. */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** An integer in `[low, high)`. */
  integer(low: number, high: number): number {
    assert(high > low, "prng: empty range");
    return low + Math.floor(this.fraction() * (high - low));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One element of a non-empty list. */
  pick<T>(list: readonly T[]): T {
    assert(list.length > 0, "prng: pick from an empty list");
    return list[this.integer(0, list.length)] as T;
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
