/**
 * Committed entries on their way to the state machine: in order, a slice per turn, and held back while a snapshot is being put
 * in place. RAFT §3.5.
 */
import { assert, RingBuffer } from "@quorate/base";
import type { Entry } from "../types/entry.ts";
import type { LogIndex } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";

/** Applies one entry; the index has been checked. */
type ApplyEntry = (entry: Entry) => void;

/** Is told of entries `[start, end)` of a page before the first of them is applied. */
export type LookAhead = (page: readonly Entry[], start: number, end: number) => void;

/** At most so many at a time: what one brings near must not push out what another did. */
const aheadCountMax = 128;

/** What is committed and not applied yet. */
export class ApplyQueue {
  readonly #pages: RingBuffer<readonly Entry[]> = new RingBuffer();
  /** Entries of the oldest page that are applied. */
  #position = 0;
  #applied: LogIndex;
  /** A snapshot that is not in the state machine yet: entries wait behind it. */
  #restoring: SnapshotMetadata | null = null;

  constructor(applied: LogIndex) {
    this.#applied = applied;
  }

  /** Highest index that the state machine holds. */
  get applied(): LogIndex {
    return this.#applied;
  }

  /** The snapshot that entries wait for, null when none. */
  get restoring(): SnapshotMetadata | null {
    return this.#restoring;
  }

  /** Highest index that is applied, or is part of the snapshot that entries wait for: it is never applied as an entry any more. */
  get passed(): LogIndex {
    return this.#restoring === null ? this.#applied : this.#restoring.index;
  }

  /** Whether {@link run} has something to do now. */
  get hasWork(): boolean {
    return this.#restoring === null && this.#pages.length > 0;
  }

  push(entries: readonly Entry[]): void {
    if (entries.length > 0) {
      this.#pages.push(entries);
    }
  }

  /** Entries before `snapshot` are part of it; what follows waits until {@link restored}. */
  beginRestore(snapshot: SnapshotMetadata): void {
    assert(snapshot.index > this.#applied, "apply: snapshot of the past");
    assert(snapshot.index > (this.#restoring?.index ?? 0), "apply: snapshots go back");
    this.#restoring = snapshot;
    this.#pages.clear();
    this.#position = 0;
  }

  /** The state at `applied` is restored once more, from an image of the leader. */
  beginRestoreAgain(snapshot: SnapshotMetadata): void {
    assert(snapshot.index === this.#applied, "apply: an image of another place");
    assert(this.#restoring === null && this.#pages.length === 0, "apply: something waits to be applied");
    this.#restoring = snapshot;
  }

  /** The state machine holds `snapshot`; whether entries may go on (a newer snapshot may have come meanwhile). */
  restored(snapshot: SnapshotMetadata): boolean {
    assert(this.#restoring !== null, "apply: restored out of turn");
    assert(snapshot.index <= this.#restoring.index, "apply: restored what was never begun");
    this.#applied = snapshot.index;
    if (this.#restoring.index === snapshot.index) {
      this.#restoring = null;
    }
    return this.#restoring === null;
  }

  /** Applies at most `countMax` entries of about `bytesMax` bytes; returns how many. */
  run(countMax: number, bytesMax: number, apply: ApplyEntry, lookAhead: LookAhead | null): number {
    assert(countMax > 0, "apply: empty slice");
    let count = 0;
    /** Of the present page, what was looked ahead at. */
    let aheadEnd = 0;
    let bytes = 0;
    while (this.hasWork && count < countMax && bytes < bytesMax) {
      const page = this.#pages.peek() ?? [];
      if (lookAhead !== null && this.#position >= aheadEnd) {
        aheadEnd = Math.min(page.length, this.#position + Math.min(aheadCountMax, countMax - count));
        lookAhead(page, this.#position, aheadEnd);
      }
      const entry = page[this.#position];
      assert(entry !== undefined, "apply: page without a next entry");
      // FIG 3 State Machine Safety: every index once, in order.
      assert(entry.index === this.#applied + 1, "apply: entries leave a gap");
      apply(entry);
      this.#applied = entry.index;
      count++;
      bytes += entry.data.length;
      this.#position++;
      if (this.#position === page.length) {
        this.#pages.shift();
        this.#position = 0;
        aheadEnd = 0;
      }
    }
    return count;
  }
}
