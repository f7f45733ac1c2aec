/** Sets of keys and of key ranges for checking one request: a few hundred members at most, so sorted lists will do. */
import { assert, compareBytes } from "@quorate/base";

/** A set of byte strings in ascending order. */
export class KeySet {
  readonly #keys: Uint8Array[] = [];

  /** Adds `key`; false when it was there. */
  add(key: Uint8Array): boolean {
    const at = this.#lowerBound(key);
    if (this.#equalAt(at, key)) {
      return false;
    }
    this.#keys.splice(at, 0, key);
    return true;
  }

  has(key: Uint8Array): boolean {
    return this.#equalAt(this.#lowerBound(key), key);
  }

  [Symbol.iterator](): Iterator<Uint8Array> {
    return this.#keys[Symbol.iterator]();
  }

  #equalAt(at: number, key: Uint8Array): boolean {
    const found = this.#keys[at];
    return found !== undefined && compareBytes(found, key) === 0;
  }

  #lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#keys[middle] as Uint8Array, key) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    assert(low <= this.#keys.length, "key set: bound outside the list");
    return low;
  }
}

interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** A set of ranges in etcd's form, asked whether any of them contains a key. */
export class RangeSet {
  readonly #ranges: KeyRange[] = [];

  add(key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#ranges.push({ key, rangeEnd });
  }

  addAll(other: RangeSet): void {
    assert(other !== this, "range set: added to itself");
    this.#ranges.push(...other.#ranges);
  }

  contains(key: Uint8Array): boolean {
    return this.#ranges.some((range) => rangeContains(range.key, range.rangeEnd, key));
  }
}

/** Whether `candidate` lies in the range: an empty end means the one key, a single zero byte means no end. */
function rangeContains(key: Uint8Array, rangeEnd: Uint8Array, candidate: Uint8Array): boolean {
  const order = compareBytes(candidate, key);
  if (rangeEnd.length === 0) {
    return order === 0;
  }
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return order >= 0 && (open || compareBytes(candidate, rangeEnd) < 0);
}
