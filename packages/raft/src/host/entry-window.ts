/**
 * The entries of a log that is wholly in memory: what a storage without pages of its own answers `LogView` from. Below the first
 * entry only the term of the one before it is known.
 */
import { assert, must } from "@quorate/base";
import { type Entry, entryBytes, type LogId } from "../types/entry.ts";
import { indexZero, type LogIndex, offsetIndex, type Term, termZero } from "../types/ids.ts";

/** A run of entries behind a compacted place. */
export class EntryWindow {
  #base: LogId;
  #entries: Entry[] = [];

  /** Begins behind `base`, the last entry that is compacted. */
  constructor(base: LogId = { index: indexZero, term: termZero }) {
    this.#base = base;
  }

  get firstIndex(): LogIndex {
    return offsetIndex(this.#base.index, 1);
  }

  get lastIndex(): LogIndex {
    return offsetIndex(this.#base.index, this.#entries.length);
  }

  /** As `LogView.term`. */
  term(index: LogIndex): Term | "compacted" | "unavailable" {
    if (index <= this.#base.index) {
      return index === this.#base.index ? this.#base.term : "compacted";
    }
    return this.#entries[index - this.#base.index - 1]?.term ?? "unavailable";
  }

  /** As `LogView.entries`; nothing is ever pending. */
  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted" {
    const { index: base } = this.#base;
    if (low <= base) {
      return "compacted";
    }
    assert(low < high, "entry window: empty range");
    assert(high <= this.lastIndex + 1, "entry window: range beyond the last entry");
    const start = low - base - 1;
    let end = start;
    let bytes = 0;
    for (; end < high - base - 1; end++) {
      bytes += entryBytes(must(this.#entries[end], "entry window: hole"));
      if (bytes > bytesMax && end > start) {
        break;
      }
    }
    return this.#entries.slice(start, end);
  }

  /** Appends, or replaces what stands from the first of `entries` on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) {
      return;
    }
    assert(first.index > this.#base.index, "entry window: entries before the log");
    assert(first.index <= this.lastIndex + 1, "entry window: entries leave a gap");
    this.#entries.length = first.index - this.#base.index - 1;
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, "entry window: entries do not follow each other");
      this.#entries.push(entry);
    }
  }

  /** Drops entries up to and including `index`, and returns what the log then begins behind; null when they are gone already. */
  compact(index: LogIndex): LogId | null {
    if (index <= this.#base.index) {
      return null;
    }
    assert(index <= this.lastIndex, "entry window: compaction beyond the last entry");
    const term = this.term(index);
    assert(typeof term === "number", "entry window: compaction of nothing");
    this.#entries = this.#entries.slice(index - this.#base.index);
    this.#base = { index, term };
    return this.#base;
  }
}
