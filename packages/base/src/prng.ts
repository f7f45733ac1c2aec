/**
 * Seeded randomness: the only source of chance in pure packages. xoshiro128**, in 32-bit integer arithmetic, so that
 * every engine draws the same numbers. Its state is filled so that two different seeds never begin alike.
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

  /** @param seed Any safe integer; every bit of it counts. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), "prng: seed is not a safe integer");
    this.#seed = seed;
    // Each step is one-to-one, so that (a, b) tells all seeds apart; b, the first to be drawn from, depends on both halves.
    this.#a = scramble((seed >>> 0) + increment);
    this.#b = scramble(this.#a ^ scramble(Math.floor(seed / 2 ** 32) - increment));
    this.#c = scramble(this.#a + this.#b + increment);
    this.#d = scramble(this.#b ^ this.#c) | 1; // Never the all-zero state, which would be a fixed point.
  }

  /** A stream of its own for one concern, named so that a new draw elsewhere does not shift this one's numbers. */
  stream(name: string): Prng {
    let low = scramble((this.#seed >>> 0) + increment);
    let high = scramble(low ^ Math.floor(this.#seed / 2 ** 32));
    for (let i = 0; i < name.length; i++) {
      low = scramble((low ^ name.charCodeAt(i)) + increment);
      high = scramble(high + low);
    }
    return new Prng((high >>> 11) * 2 ** 32 + low);
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

/** The golden ratio in 32 bits: keeps scramble away from its fixed point, zero. */
const increment = 0x9e3779b9;

/** A one-to-one mixing of 32 bits (murmur3's finalizer), of which every input bit reaches every output bit. */
function scramble(value: number): number {
  let z = value >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
