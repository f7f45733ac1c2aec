/**
 * What the store's structures have in common: each can be taken out of memory as it lies there, and put back. They are made for it:
 * numbers in large arrays that name each other by number, never by reference.
 */

/**
 * A structure as numbers and arrays. Out: {@link save}, then the bytes of {@link memory}. Back, in an empty one: {@link load}, which
 * makes the arrays, then their bytes into {@link memory}. Both ways it names the same in the same order.
 */
export interface StoreMemory {
  /** Appends what is not in the arrays: safe non-negative integers. */
  save(numbers: number[]): void;
  /** Takes back what {@link save} appended. */
  load(next: () => number): void;
  /** The arrays, as views. */
  memory(): Uint8Array[];
}
