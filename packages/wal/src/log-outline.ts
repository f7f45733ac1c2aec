/**
 * What memory knows of the whole log, however long: where its ends are, the term of each index (as runs), and where on
 * disk entries lie (sparsely). Entries themselves are in the window or in the segments.
 */
import { assert } from "@quorate/base";

/** A place in the segments from which entries can be read on. */
export interface EntryPlace {
  readonly index: number;
  readonly segment: number;
  readonly offset: number;
}

/** The term of an index that recovery has not learnt. */
const termUnknown = -1;

/** Ends, terms and places of the log. */
export class LogOutline {
  /** The place before the first entry; its term is known too. */
  #baseIndex = 0;
  #baseTerm = 0;
  #lastIndex = 0;
  // Runs of equal terms: run k begins at #runStarts[k]. PERF: binary search over flat numbers.
  #runStarts: number[] = [];
  #runTerms: number[] = [];
  #places: EntryPlace[] = [];

  get firstIndex(): number {
    return this.#baseIndex + 1;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#runTerms.at(-1) ?? this.#baseTerm;
  }

  get baseIndex(): number {
    return this.#baseIndex;
  }

  /** Whether recovery learnt the term of the place before the first entry. */
  get complete(): boolean {
    return this.#baseTerm !== termUnknown;
  }

  /** Forgets all entries: the log now begins after `(index, term)`. */
  reset(index: number, term: number): void {
    assert(index >= 0 && term >= 0, "outline: reset below 0");
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#lastIndex = index;
    this.#runStarts = [];
    this.#runTerms = [];
    this.#places = [];
    assert(this.lastTerm === term, "outline: an empty log ends in its base");
  }

  /** Recovery only: entries below the base are being replaced, and what came before is not known yet. */
  rebase(index: number): void {
    assert(index >= 0 && index < this.#baseIndex, "outline: rebase not below the base");
    this.reset(index, 0);
    this.#baseTerm = index === 0 ? 0 : termUnknown;
    assert(this.firstIndex === index + 1, "outline: it begins behind its base");
  }

  /** Adds one entry at the end. `place` null: it lies behind the entry before it, in the same segment. */
  append(index: number, term: number, place: EntryPlace | null): void {
    assert(index === this.#lastIndex + 1, "outline: gap in the log");
    assert(term >= this.lastTerm, "outline: term regresses");
    if (this.#runTerms.length === 0 || this.#runTerms.at(-1) !== term) {
      this.#runStarts.push(index);
      this.#runTerms.push(term);
    }
    if (place !== null) {
      assert(place.index === index, "outline: place of another entry");
      assert(place.segment > 0 && place.offset > 0, "outline: no place in a segment");
      this.#places.push(place);
    }
    this.#lastIndex = index;
    assert(this.#runStarts.length === this.#runTerms.length, "outline: each run has a term");
  }

  /** Drops the entries from `index` on. */
  truncate(index: number): void {
    assert(index > this.#baseIndex, "outline: truncation into what is compacted");
    while (this.#runStarts.length > 0 && (this.#runStarts.at(-1) as number) >= index) {
      this.#runStarts.pop();
      this.#runTerms.pop();
    }
    while (this.#places.length > 0 && (this.#places.at(-1) as EntryPlace).index >= index) {
      this.#places.pop();
    }
    this.#lastIndex = Math.min(this.#lastIndex, index - 1);
    assert(this.#lastIndex >= this.#baseIndex, "outline: cut below its base");
    assert((this.#runStarts.at(-1) ?? 0) < index, "outline: a run behind the cut");
  }

  /** Drops the entries up to `index`, whose term is `term`. */
  compact(index: number, term: number): void {
    assert(index >= this.#baseIndex && index <= this.#lastIndex, "outline: compaction outside the log");
    assert(term >= 0, "outline: compaction to an unknown term");
    const run = this.#runOf(index + 1);
    this.#runStarts = this.#runStarts.slice(Math.max(run, 0));
    this.#runTerms = this.#runTerms.slice(Math.max(run, 0));
    if (index === this.#lastIndex) {
      this.#runStarts = [];
      this.#runTerms = [];
    }
    const place = lastAtOrBelow(this.#places.length, (i) => (this.#places[i] as EntryPlace).index, index + 1);
    this.#places = index === this.#lastIndex ? [] : this.#places.slice(Math.max(place, 0));
    this.#baseIndex = index;
    this.#baseTerm = term;
    assert(this.#runTerms.length > 0 || index === this.#lastIndex, "outline: entries without a term");
    assert((this.#runTerms[0] ?? term) >= term, "outline: terms go back behind the base");
  }

  /** Term at `index`, which lies from the place before the first entry to the last. */
  term(index: number): number {
    assert(index >= this.#baseIndex && index <= this.#lastIndex, "outline: index outside the log");
    return index === this.#baseIndex ? this.#baseTerm : (this.#runTerms[this.#runOf(index)] as number);
  }

  /** The last known place at or before `index`, and the one after it: entries between lie in one piece. */
  locate(index: number): { readonly place: EntryPlace; readonly next: EntryPlace | null } {
    assert(index > this.#baseIndex && index <= this.#lastIndex, "outline: index outside the log");
    const at = lastAtOrBelow(this.#places.length, (i) => (this.#places[i] as EntryPlace).index, index);
    assert(at >= 0, "outline: entry without a place");
    const place = this.#places[at] as EntryPlace;
    const next = this.#places[at + 1] ?? null;
    assert(place.index <= index, "outline: a place behind the entry");
    assert(next === null || next.index > index, "outline: a nearer place was passed over");
    return { place, next };
  }

  /** The oldest segment that holds an entry after `index`, or null when none does. */
  oldestSegmentAfter(index: number): number | null {
    return index >= this.#lastIndex ? null : this.locate(Math.max(index + 1, this.firstIndex)).place.segment;
  }

  #runOf(index: number): number {
    return lastAtOrBelow(this.#runStarts.length, (i) => this.#runStarts[i] as number, index);
  }
}

/** Position of the last of `length` ascending keys that is not above `key`; -1 when all are. */
function lastAtOrBelow(length: number, keyOf: (position: number) => number, key: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(middle) <= key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  assert(low === high, "outline: searched to the end");
  return low - 1;
}
