/** A queue with constant-time push and shift, for lists where Array.shift would move everything. */
import { assert, must } from "./assert.ts";

/**
 * First in, first out; grows by doubling and keeps its capacity.
 *
 * @example
 * ```ts
 * import { RingBuffer } from "@quorate/base";
 * const queue = new RingBuffer<string>();
 * queue.push("a");
 * queue.shift(); // "a"
 * ```
 */
export class RingBuffer<T> {
  #slots: (T | undefined)[] = new Array(16);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) {
      this.#grow();
    }
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
  }

  /** Removes and returns the oldest item. */
  shift(): T | undefined {
    if (this.#length === 0) {
      return undefined;
    }
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    return item;
  }

  /** The item `position` places behind the oldest, or undefined past the end. */
  at(position: number): T | undefined {
    assert(position >= 0, "ring: negative position");
    return position < this.#length
      ? this.#slots[(this.#head + position) & (this.#slots.length - 1)]
      : undefined;
  }

  /** The oldest item, left in place. */
  peek(): T | undefined {
    return this.at(0);
  }

  clear(): void {
    this.#slots = new Array(16);
    this.#head = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#length; i++) {
      yield must(this.at(i), "ring: empty slot");
    }
  }

  #grow(): void {
    const grown = new Array<T | undefined>(this.#slots.length * 2);
    for (let i = 0; i < this.#length; i++) {
      grown[i] = this.at(i);
    }
    this.#slots = grown;
    this.#head = 0;
  }
}
