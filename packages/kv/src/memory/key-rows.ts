/**
 * Rows of key slots in key order, searched without looking at most of their keys: each row knows how many first bytes all of
 * its keys share, and keeps for each key the four bytes behind those as one number.
 *
 * PERF: comparing with a key costs three cache misses, with its number none; a random insertion into a million keys took
 * 5 µs without the numbers, most of it in comparisons.
 */
import { assert } from "@quorate/base";
import type { KeyTable } from "./key-table.ts";
import { Rows, rowWidth } from "./rows.ts";
import { Uint32Table } from "./tables.ts";

/** Ordered rows of slots; see the head of this file. */
export class KeyRows {
  readonly #keys: KeyTable;
  readonly #slots: Rows = new Rows();
  /** For each cell, its key's {@link digestAt} behind the shared bytes. */
  readonly #digests: Uint32Table = new Uint32Table(rowWidth);
  /** For each row, a number of first bytes that all its keys share; removals may leave it too low. */
  readonly #shared: Uint32Table = new Uint32Table(1);

  constructor(keys: KeyTable) {
    this.#keys = keys;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#slots.bytes + this.#digests.bytes + this.#shared.bytes;
  }

  /** Rows in use. */
  get usedCount(): number {
    return this.#slots.usedCount;
  }

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    for (const part of [this.#slots, this.#digests, this.#shared]) {
      part.save(numbers);
    }
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    for (const part of [this.#slots, this.#digests, this.#shared]) {
      part.load(next);
    }
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return [this.#slots, this.#digests, this.#shared].flatMap((part) => part.memory());
  }

  take(): number {
    const row = this.#slots.take();
    this.#digests.reserve(row + 1);
    this.#shared.reserve(row + 1);
    return row;
  }

  give(row: number): void {
    this.#slots.give(row);
  }

  count(row: number): number {
    return this.#slots.count(row);
  }

  get(row: number, cell: number): number {
    return this.#slots.get(row, cell);
  }

  /** Puts a slot at `cell`; what stood there and behind moves up. */
  insert(row: number, cell: number, slot: number): void {
    const count = this.#slots.count(row);
    assert(cell <= count && count < rowWidth, "key rows: insert outside the row");
    this.#digests.moveCells(row, cell, cell + 1, count - cell);
    this.#slots.insert(row, cell, slot);
    this.#note(row, cell);
  }

  /** Replaces the slot at `cell` by another that fits the order. */
  replace(row: number, cell: number, slot: number): void {
    assert(cell < this.#slots.count(row), "key rows: replaced cell is empty");
    this.#slots.set(row, cell, slot);
    this.#note(row, cell);
  }

  remove(row: number, cell: number): void {
    const count = this.#slots.count(row);
    assert(cell < count, "key rows: remove outside the row");
    this.#digests.moveCells(row, cell + 1, cell, count - cell - 1);
    this.#slots.remove(row, cell);
  }

  /** Moves the cells of `from` from `cell` on to the end of `to`. */
  moveTail(from: number, cell: number, to: number): void {
    if (cell === this.#slots.count(from)) {
      return;
    }
    this.#slots.moveTail(from, cell, to);
    this.#rebuild(from);
    this.#rebuild(to);
  }

  /** The first cell from `first` on whose key is not below `key`. */
  lowerBound(row: number, first: number, key: Uint8Array): number {
    return this.#bound(row, first, key, 1);
  }

  /** The first cell from `first` on whose key is above `key`. */
  upperBound(row: number, first: number, key: Uint8Array): number {
    return this.#bound(row, first, key, 0);
  }

  /** Stops unless every digest is that of its key. For tests. */
  check(row: number): void {
    const shared = this.#shared.get(row, 0);
    for (let cell = 0; cell < this.#slots.count(row); cell++) {
      const slot = this.#slots.get(row, cell);
      this.#keys.compareFrom(this.#keys.key(slot), this.#slots.get(row, 0), 0);
      assert(this.#keys.sharedBytes >= shared, "key rows: a key without the shared bytes");
      assert(
        this.#digests.get(row, cell) === digestAt(this.#keys.key(slot), shared),
        "key rows: a digest of another key",
      );
    }
  }

  /** The first cell where `key`, compared with the cell's, comes out below `least`. */
  #bound(row: number, first: number, key: Uint8Array, least: number): number {
    const count = this.#slots.count(row);
    if (first >= count) {
      return first;
    }
    const shared = this.#shared.get(row, 0);
    const order = this.#keys.compareFrom(key, this.#slots.get(row, 0), 0);
    if (this.#keys.sharedBytes < shared) {
      return order < 0 ? first : count;
    }
    const digest = digestAt(key, shared);
    assert(this.#keys.sharedBytes <= key.length, "key rows: more bytes shared than there are");
    let low = this.#digestBound(row, first, count, digest);
    let high = digest === 0xffffffff ? count : this.#digestBound(row, low, count, digest + 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys.compareFrom(key, this.#slots.get(row, middle), shared) >= least) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** The first cell in `[low, high)` whose digest is not below `digest`. */
  #digestBound(row: number, first: number, count: number, digest: number): number {
    assert(first <= count, "key rows: search outside the row");
    let low = first;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#digests.get(row, middle) < digest) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Computes the digest of a new cell, and all of them where its key shares less than the others do. */
  #note(row: number, cell: number): void {
    if (this.#slots.count(row) === 1) {
      this.#rebuild(row);
      return;
    }
    const key = this.#keys.key(this.#slots.get(row, cell));
    this.#keys.compareFrom(key, this.#slots.get(row, cell === 0 ? 1 : 0), 0);
    const shared = this.#shared.get(row, 0);
    if (this.#keys.sharedBytes < shared) {
      this.#rebuild(row);
    } else {
      this.#digests.set(row, cell, digestAt(key, shared));
    }
  }

  #rebuild(row: number): void {
    const count = this.#slots.count(row);
    if (count === 0) {
      return;
    }
    // In order, what the first and the last share is shared by all between.
    this.#keys.compareFrom(this.#keys.key(this.#slots.get(row, 0)), this.#slots.get(row, count - 1), 0);
    const shared = this.#keys.sharedBytes;
    assert(count <= rowWidth, "key rows: row overflows");
    this.#shared.set(row, 0, shared);
    for (let cell = 0; cell < count; cell++) {
      this.#digests.set(row, cell, digestAt(this.#keys.key(this.#slots.get(row, cell)), shared));
    }
  }
}

/** Four bytes from `offset` on as one number, zeros past the end: it orders as the bytes do, but for ties. */
function digestAt(key: Uint8Array, offset: number): number {
  let digest = 0;
  for (let i = offset; i < offset + 4; i++) {
    digest = (digest << 8) | (i < key.length ? (key[i] as number) : 0);
  }
  return digest >>> 0;
}
