/** Which (set of placed operations, state) the search has met: meeting one again leads nowhere new. */
import { assert } from "@quorate/base";

interface Met {
  readonly placed: Uint32Array;
  readonly stateKey: string;
}

/** The set of placed operations, with a hash that follows each change at constant cost. */
export class PlacedSet {
  readonly words: Uint32Array;
  /** XOR of one mixed number per member: equal sets have equal hashes, whatever the order they grew in. */
  hash = 0;

  constructor(operationCount: number) {
    this.words = new Uint32Array((operationCount + 31) >>> 5);
  }

  /** Adds what is missing, removes what is there. */
  toggle(operation: number): void {
    const word = operation >>> 5;
    assert(word < this.words.length, "placed set: no such operation");
    this.words[word] = (this.words[word] ?? 0) ^ (1 << (operation & 31));
    this.hash = (this.hash ^ mix(operation + 1)) >>> 0;
  }
}

/** See the head of this file. */
export class Visited {
  readonly #buckets = new Map<number, Met[]>();
  #count = 0;

  /** Notes the pair; false when it was there. */
  add(placed: PlacedSet, stateKey: string): boolean {
    const bucket = this.#buckets.get(placed.hash);
    if (bucket === undefined) {
      this.#buckets.set(placed.hash, [{ placed: placed.words.slice(), stateKey }]);
    } else {
      if (bucket.some((met) => met.stateKey === stateKey && isEqual(met.placed, placed.words))) {
        return false;
      }
      bucket.push({ placed: placed.words.slice(), stateKey });
    }
    this.#count++;
    return true;
  }

  get count(): number {
    return this.#count;
  }
}

function isEqual(a: Uint32Array, b: Uint32Array): boolean {
  assert(a.length === b.length, "visited: sets of different histories");
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) {
      return false;
    }
  }
  return true;
}

function mix(value: number): number {
  let z = Math.imul(value, 0x9e3779b1);
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
