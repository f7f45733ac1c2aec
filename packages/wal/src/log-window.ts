/**
 * Entries in memory: the tail of the log, and ranges that were loaded back for a slow follower or a restart. Both are
 * bounded in bytes; what is not here is read from the segments.
 *
 * PERF: an entry that is kept for long grows old, and costs the collector three objects beside its bytes; mostly nobody reads further
 * back than the last few batches. So the tail is short until somebody falls behind it, then as long as the bound allows, and short
 * again when nobody reads that far any more (docs/performance.md, *What was tried*).
 */
import { assert } from "@quorate/base";
import { type Entry, entryBytes } from "@quorate/raft";

/** One contiguous run of entries. */
interface LoadedRange {
  readonly low: number;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

/** Entries that the tail has while everybody reads near its end. */
const calmCount = 4096;

/** The tail of the log and what was loaded. */
export class LogWindow {
  readonly #bytesMax: number;
  /** Entries that the tail may have now. */
  #tailCountMax = calmCount;
  /** Since that was last decided: how many were appended, and how far from the end somebody read. */
  #appendedCount = 0;
  #depth = 0;
  // The tail: #tail[#head] has index #low. PERF: the head moves, the array is cut now and then.
  #tail: (Entry | undefined)[] = [];
  #head = 0;
  #low = 1;
  #tailBytes = 0;
  #loaded: LoadedRange[] = [];

  constructor(bytesMax: number) {
    assert(bytesMax > 0, "window: limit is not positive");
    this.#bytesMax = bytesMax;
  }

  /** Forgets everything; the next entry has index `low`. */
  reset(low: number): void {
    assert(low >= 1, "window: low below 1");
    this.#tail = [];
    this.#head = 0;
    this.#low = low;
    this.#tailBytes = 0;
    this.#loaded = [];
  }

  /** Adds the entry after the last. */
  append(entry: Entry): void {
    assert(entry.index === this.#low + this.#tail.length - this.#head, "window: gap");
    this.#tail.push(entry);
    this.#tailBytes += entryBytes(entry);
    this.#appendedCount++;
    assert(this.#head < this.#tail.length, "window: what was added is here");
  }

  /** Drops entries from `index` on. */
  truncate(index: number): void {
    assert(index >= 1, "window: cut before the first entry");
    this.#loaded = this.#loaded.filter((range) => range.low + range.entries.length <= index);
    if (index <= this.#low) {
      this.#tail = [];
      this.#head = 0;
      this.#low = index;
      this.#tailBytes = 0;
      return;
    }
    const length = Math.min(this.#tail.length, this.#head + index - this.#low);
    for (let i = length; i < this.#tail.length; i++) {
      this.#tailBytes -= entryBytes(this.#tail[i] as Entry);
    }
    this.#tail.length = length;
    assert(this.#tailBytes >= 0, "window: bytes below zero");
    assert(this.#low + length - this.#head <= index, "window: entries behind the cut");
  }

  /** Drops entries below `low` and, while above a limit, the oldest. All entries here are durable. */
  trim(low: number): void {
    if (this.#appendedCount >= 4 * calmCount) {
      this.#shorten();
    }
    const tail = this.#tail;
    const headMin = tail.length - this.#tailCountMax;
    while (
      this.#head < tail.length &&
      (this.#low < low || this.#head < headMin || this.#tailBytes > this.#bytesMax)
    ) {
      this.#tailBytes -= entryBytes(tail[this.#head] as Entry);
      tail[this.#head] = undefined; // What was let go must not be kept alive by the array.
      this.#head++;
      this.#low++;
    }
    assert(this.#tailBytes >= 0, "window: bytes below zero");
    assert(this.#head < tail.length || this.#tailBytes === 0, "window: bytes left in an empty tail");
    if (this.#head === tail.length) {
      this.#low = Math.max(this.#low, low);
    }
    if (this.#head > 1024 && this.#head * 2 > tail.length) {
      this.#tail = tail.slice(this.#head);
      this.#head = 0;
    }
    if (this.#loaded.length > 0) {
      this.#loaded = this.#loaded.filter((range) => range.low + range.entries.length > low);
    }
  }

  /** Lets the tail have half of what it has, where nobody reads in the older half. */
  #shorten(): void {
    const count = this.#tail.length - this.#head;
    if (this.#depth * 2 <= count) {
      this.#tailCountMax = Math.max(Math.ceil(count / 2), calmCount);
    }
    this.#appendedCount = 0;
    this.#depth = 0;
  }

  /** Keeps a range that was read back. The one kept last is never dropped for the others. */
  keep(low: number, entries: readonly Entry[]): void {
    assert(entries.length > 0, "window: empty range");
    assert(entries[0]?.index === low, "window: range begins elsewhere");
    assert(entries.at(-1)?.index === low + entries.length - 1, "window: range with a gap");
    let bytes = 0;
    for (const entry of entries) {
      bytes += entryBytes(entry);
    }
    this.#loaded = this.#loaded.filter((range) => range.low !== low);
    this.#loaded.push({ low, entries, bytes });
    let total = this.#loaded.reduce((sum, range) => sum + range.bytes, 0);
    while (this.#loaded.length > 1 && total > this.#bytesMax) {
      total -= this.#loaded.shift()?.bytes ?? 0;
    }
    assert(this.#loaded.at(-1)?.low === low, "window: the newest range is kept");
  }

  /** Entries of `[low, high)`: at least one, then as many as fit; null when the first is not in memory. */
  entries(low: number, high: number, bytesMax: number): readonly Entry[] | null {
    assert(low < high, "window: empty range asked for");
    if (low >= this.#low) {
      const start = this.#head + low - this.#low;
      this.#depth = Math.max(this.#depth, this.#tail.length - start);
      return start < this.#tail.length ? limited(this.#tail, start, start + high - low, bytesMax) : null;
    }
    // Whoever has fallen behind the tail finds what comes from here on in it.
    this.#tailCountMax = Number.POSITIVE_INFINITY;
    this.#appendedCount = 0;
    for (let i = this.#loaded.length - 1; i >= 0; i--) {
      const range = this.#loaded[i] as LoadedRange;
      if (low >= range.low && low < range.low + range.entries.length) {
        return limited(range.entries, low - range.low, high - range.low, bytesMax);
      }
    }
    return null;
  }
}

function limited(
  entries: readonly (Entry | undefined)[],
  start: number,
  end: number,
  bytesMax: number,
): readonly Entry[] {
  assert(start < end, "window: nothing asked for");
  assert(start < entries.length, "window: the first entry is not here");
  let bytes = 0;
  let stop = start;
  while (stop < end && stop < entries.length) {
    bytes += entryBytes(entries[stop] as Entry);
    if (bytes > bytesMax && stop > start) {
      break;
    }
    stop++;
  }
  assert(stop > start, "window: at least one entry");
  // From the head on every place holds an entry.
  return entries.slice(start, stop) as Entry[];
}
