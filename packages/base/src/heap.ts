/** A binary heap: the next event in time, the next lease to expire. */
import { must } from "./assert.ts";

/**
 * Smallest first by the given order, which must be total: equal items leave in no defined order.
 *
 * @example
 * ```ts
 * import { Heap } from "@quorate/base";
 * const heap = new Heap<number>((a, b) => a - b);
 * heap.push(2);
 * heap.push(1);
 * heap.pop(); // 1
 * ```
 */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #compare: (left: T, right: T) => number;

  constructor(compare: (left: T, right: T) => number) {
    this.#compare = compare;
  }

  get length(): number {
    return this.#items.length;
  }

  /** The smallest item, left in place. */
  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#compare(items[parent] as T, item) <= 0) {
        break;
      }
      items[at] = items[parent] as T;
      at = parent;
    }
    items[at] = item;
  }

  /** Removes and returns the smallest item. */
  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    if (items.length <= 1) {
      return items.pop();
    }
    const item = must(items.pop(), "heap: empty");
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) {
        break;
      }
      if (child + 1 < items.length && this.#compare(items[child + 1] as T, items[child] as T) < 0) {
        child++;
      }
      if (this.#compare(item, items[child] as T) <= 0) {
        break;
      }
      items[at] = items[child] as T;
      at = child;
    }
    items[at] = item;
    return top;
  }
}
