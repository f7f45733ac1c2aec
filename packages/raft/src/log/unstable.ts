/**
 * The end of the log that is not known to be durable: entries on their way to the disk, entries still to be handed to the
 * driver, and a snapshot that is being restored. Truncation costs what is cut, never the length of the log.
 */
import { assert } from "@quorate/base";
import type { Entry, LogId } from "../types/entry.ts";
import { type LogIndex, maxIndex, minIndex, nextIndex, offsetIndex, type Term } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";

const noEntries: readonly Entry[] = [];

/** INV unstable: `entries[i].index = offset + i`, and `offset ≤ offsetInProgress ≤ offset + entries.length`. */
export class Unstable {
  #entries: Entry[] = [];
  #offset: LogIndex;
  #offsetInProgress: LogIndex;
  #snapshot: SnapshotMetadata | null = null;
  #snapshotInProgress = false;

  /** @param offset The index after the last durable entry. */
  constructor(offset: LogIndex) {
    assert(offset > 0, "unstable: offset starts above 0");
    this.#offset = offset;
    this.#offsetInProgress = offset;
  }

  /** Index of the first entry here; everything below is durable or replaced by the snapshot. */
  get offset(): LogIndex {
    return this.#offset;
  }

  /** Entries here. */
  get count(): number {
    return this.#entries.length;
  }

  /** The snapshot that is being restored, null when none. */
  get snapshot(): SnapshotMetadata | null {
    return this.#snapshot;
  }

  /** The last index here, null when the stored log ends the log. */
  lastIndex(): LogIndex | null {
    if (this.#entries.length > 0) {
      return offsetIndex(this.#offset, this.#entries.length - 1);
    }
    return this.#snapshot === null ? null : this.#snapshot.index;
  }

  /** The term at `index`, null when it is not known here. */
  term(index: LogIndex): Term | null {
    if (index < this.#offset) {
      return this.#snapshot !== null && this.#snapshot.index === index ? this.#snapshot.term : null;
    }
    const entry = this.#entries[index - this.#offset];
    return entry === undefined ? null : entry.term;
  }

  /** The entry at `index`, which is here. */
  entry(index: LogIndex): Entry {
    const entry = this.#entries[index - this.#offset];
    assert(entry !== undefined, "unstable: no such entry");
    assert(entry.index === index, "unstable: an entry stands at its index");
    return entry;
  }

  /** Entries of `[low, high)`, copied out: a later truncation does not show in them. */
  slice(low: LogIndex, high: LogIndex): Entry[] {
    assert(low >= this.#offset && low <= high, "unstable: slice below its start");
    assert(high <= this.#offset + this.#entries.length, "unstable: slice beyond its end");
    return this.#entries.slice(low - this.#offset, high - this.#offset);
  }

  /** Whether entries wait to be handed to the driver. */
  hasNextEntries(): boolean {
    return this.#offsetInProgress < this.#offset + this.#entries.length;
  }

  /** Entries to be handed to the driver now. */
  nextEntries(): readonly Entry[] {
    assert(this.#offsetInProgress >= this.#offset, "unstable: handed out what is durable");
    return !this.hasNextEntries() ? noEntries : this.#entries.slice(this.#offsetInProgress - this.#offset);
  }

  /** The snapshot to be handed to the driver now, null when there is none or it has it already. */
  nextSnapshot(): SnapshotMetadata | null {
    return this.#snapshotInProgress ? null : this.#snapshot;
  }

  /** Everything here was handed to the driver. */
  acceptInProgress(): void {
    this.#offsetInProgress = offsetIndex(this.#offset, this.#entries.length);
    assert(!this.hasNextEntries(), "unstable: everything was handed out");
    this.#snapshotInProgress = this.#snapshot !== null;
  }

  /** `last` and all before it are durable, if it still stands here; else it was overwritten meanwhile, and nothing is. */
  stableTo(last: LogId): void {
    if (last.index < this.#offset || this.term(last.index) !== last.term) {
      return;
    }
    assert(last.index < this.#offsetInProgress, "unstable: durable before it was handed out");
    const count = last.index + 1 - this.#offset;
    assert(count > 0, "unstable: nothing became durable");
    assert(count <= this.#entries.length, "unstable: durable beyond its end");
    // PERF: most often everything here became durable: a new array then costs nothing.
    this.#entries = count === this.#entries.length ? [] : this.#entries.slice(count);
    this.#offset = nextIndex(last.index);
    this.#offsetInProgress = maxIndex(this.#offsetInProgress, this.#offset);
    assert(this.#offset === last.index + 1, "unstable: it begins behind what is durable");
  }

  /** The snapshot at `index` is durable, if it is still the one here. */
  stableSnapshotTo(index: LogIndex): void {
    if (this.#snapshot !== null && this.#snapshot.index === index) {
      assert(this.#snapshotInProgress, "unstable: durable before it was handed out");
      assert(this.#offset > index, "unstable: entries stand behind the snapshot");
      this.#snapshot = null;
      this.#snapshotInProgress = false;
    }
  }

  /** The log is replaced by `snapshot`. */
  restore(snapshot: SnapshotMetadata): void {
    assert(snapshot.index > 0, "unstable: a snapshot of nothing");
    assert(this.#snapshot === null || snapshot.index > this.#snapshot.index, "unstable: an older snapshot");
    this.#offset = nextIndex(snapshot.index);
    this.#offsetInProgress = this.#offset;
    this.#entries = [];
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Puts `entries` at their place and drops what stood there and behind. FIG 2 AppendEntries receiver 3, 4. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0];
    assert(first !== undefined, "unstable: append nothing");
    const end = offsetIndex(this.#offset, this.#entries.length);
    assert(first.index <= end, "unstable: append leaves a gap");
    if (first.index <= this.#offset) {
      // Entries that are durable are replaced too; they count as durable no longer.
      this.#entries = [];
      this.#offset = first.index;
      this.#offsetInProgress = first.index;
    } else if (first.index < end) {
      this.#entries.length = first.index - this.#offset;
      this.#offsetInProgress = minIndex(this.#offsetInProgress, first.index);
    }
    assert(this.#offset + this.#entries.length === first.index, "unstable: what conflicts is gone");
    assert(this.#offsetInProgress <= first.index, "unstable: new entries are still to be handed out");
    for (const entry of entries) {
      assert(entry.index === this.#offset + this.#entries.length, "unstable: indexes must be contiguous");
      this.#entries.push(entry);
    }
  }
}
