/**
 * Keeps many small byte strings in few buffers. PERF: a buffer of its own for each command of 300 bytes costs the collector more than
 * the bytes: 100,000 entries in a log's window are then as many objects outside the heap to track and free.
 */
import { assert } from "./assert.ts";

const slabBytesDefault: number = 64 * 1024;

/**
 * Hands out copies as views into slabs. A slab is freed when none of its views is left, so it suits byte strings that live and die
 * in the order in which they came. No byte of a slab is ever used twice.
 *
 * @example
 * ```ts
 * import { ByteSlab, utf8Encode } from "@quorate/base";
 * const slab = new ByteSlab();
 * const kept = slab.copy(utf8Encode("command"));
 * kept.length; // 7
 * ```
 */
export class ByteSlab {
  readonly #slabBytes: number;
  #slab: Uint8Array;
  #used = 0;

  constructor(slabBytes: number = slabBytesDefault) {
    assert(slabBytes > 0, "slab: no room");
    this.#slabBytes = slabBytes;
    this.#slab = new Uint8Array(0);
  }

  /** A copy of `bytes` that nobody else writes to. What would waste a quarter of a slab gets a buffer of its own. */
  copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > this.#slabBytes / 4) {
      return bytes.slice();
    }
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(this.#slabBytes);
      this.#used = 0;
    }
    const copied = this.#slab.subarray(this.#used, this.#used + length);
    copied.set(bytes);
    this.#used += length;
    assert(this.#used <= this.#slab.length, "slab: overfull");
    return copied;
  }
}
