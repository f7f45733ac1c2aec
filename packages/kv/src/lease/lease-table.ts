/**
 * The leases that exist, by ascending id, in short rows. A row that an image has seen is copied before it is changed, so
 * that pinning all leases costs a copy of the list of rows. Time is not known here: when a lease ends is the lessor's matter.
 */
import { assert } from "@quorate/base";

/** A lease as every member knows it. Never changed: a change replaces it. */
export interface KvLease {
  /** An int64 other than 0. */
  readonly id: bigint;
  /** What was granted, in seconds. */
  readonly ttlSeconds: number;
  /** What a checkpoint left of it, in seconds; 0 when all of it counts. */
  readonly remainingSeconds: number;
}

/** Leases of one moment, by ascending id, in rows. */
export type PinnedLeases = readonly (readonly KvLease[])[];

/** Leases of one row at most. PERF: what one change copies at most while an image is read. */
const rowLengthMax = 256;

interface Row {
  leases: KvLease[];
  /** How many pins the table had given out when the row's list was last copied. */
  pinCount: number;
}

/** The table; see the head of this file. */
export class LeaseTable {
  readonly #rows: Row[] = [];
  #pinCount = 0;
  #count = 0;

  /** How many leases exist. */
  get count(): number {
    return this.#count;
  }

  has(id: bigint): boolean {
    return this.get(id) !== null;
  }

  get(id: bigint): KvLease | null {
    // PERF: spares the search where leases are not used at all.
    if (this.#count === 0) {
      return null;
    }
    const lease = this.#rows[this.#rowOf(id)]?.leases;
    const found = lease?.[lowerBound(lease, id)];
    return found !== undefined && found.id === id ? found : null;
  }

  /** Adds a lease, or replaces the one of the same id. */
  set(lease: KvLease): void {
    assert(lease.id !== 0n, "lease table: id 0 means none");
    assert(lease.ttlSeconds > 0 && lease.remainingSeconds >= 0, "lease table: time to live");
    if (this.#rows.length === 0) {
      this.#rows.push({ leases: [lease], pinCount: this.#pinCount });
      this.#count = 1;
      return;
    }
    const place = this.#rowOf(lease.id);
    const row = this.#writable(place);
    const at = lowerBound(row.leases, lease.id);
    if (row.leases[at]?.id === lease.id) {
      row.leases[at] = lease;
      return;
    }
    row.leases.splice(at, 0, lease);
    this.#count++;
    if (row.leases.length > rowLengthMax) {
      const tail = row.leases.splice(row.leases.length >>> 1);
      this.#rows.splice(place + 1, 0, { leases: tail, pinCount: this.#pinCount });
    }
  }

  /** Removes a lease that exists. */
  remove(id: bigint): void {
    const place = this.#rowOf(id);
    const row = this.#writable(place);
    const at = lowerBound(row.leases, id);
    assert(row.leases[at]?.id === id, "lease table: removal of a lease that does not exist");
    row.leases.splice(at, 1);
    this.#count--;
    if (row.leases.length === 0) {
      this.#rows.splice(place, 1);
    }
    assert((this.#count === 0) === (this.#rows.length === 0), "lease table: an empty row");
  }

  /** Up to `countMax` leases with ids above `id`, ascending; null begins at the lowest. */
  after(id: bigint | null, countMax: number): KvLease[] {
    assert(countMax > 0, "lease table: none asked for");
    const found: KvLease[] = [];
    let place = id === null ? 0 : this.#rowOf(id);
    for (; place < this.#rows.length && found.length < countMax; place++) {
      const { leases } = this.#rows[place] as Row;
      const first = id === null ? 0 : lowerBound(leases, id + 1n);
      for (let at = first; at < leases.length && found.length < countMax; at++) {
        found.push(leases[at] as KvLease);
      }
    }
    return found;
  }

  /** All leases of this moment; later changes do not show in them. */
  pin(): PinnedLeases {
    this.#pinCount++;
    return this.#rows.map((row) => row.leases);
  }

  /** Stops on any inconsistency. For tests and the simulator. */
  check(): void {
    let count = 0;
    let before: bigint | null = null;
    for (const { leases } of this.#rows) {
      assert(leases.length > 0 && leases.length <= rowLengthMax, "lease table: length of a row");
      for (const { id } of leases) {
        assert(before === null || before < id, "lease table: out of order");
        before = id;
        count++;
      }
    }
    assert(count === this.#count, "lease table: miscounted");
  }

  /** The row that holds `id`, or would. */
  #rowOf(id: bigint): number {
    let low = 0;
    let high = this.#rows.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      // `as`: no row is empty.
      if (((this.#rows[middle] as Row).leases[0] as KvLease).id <= id) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  #writable(place: number): Row {
    const row = this.#rows[place];
    assert(row !== undefined, "lease table: no such row");
    if (row.pinCount !== this.#pinCount) {
      row.leases = row.leases.slice();
      row.pinCount = this.#pinCount;
    }
    return row;
  }
}

function lowerBound(leases: readonly KvLease[], id: bigint): number {
  let low = 0;
  let high = leases.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((leases[middle] as KvLease).id < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
