/**
 * The log as the protocol sees it: what is stored, and behind it what is on its way to the disk; with the three marks
 * applied ≤ applying ≤ committed ≤ last. It decides nothing: the rules stand in core/.
 */
import { assert } from "@quorate/base";
import { type Entry, entryBytes, type LogId } from "../types/entry.ts";
import { type LogIndex, maxIndex, minIndex, nextIndex, previousIndex, type Term } from "../types/ids.ts";
import type { LogRange, LogView } from "../types/log-view.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { limitBytes } from "./limit.ts";
import { Unstable } from "./unstable.ts";

const noRanges: readonly LogRange[] = [];

/** INV log-order: firstIndex − 1 ≤ applied ≤ applying ≤ committed ≤ lastIndex. */
export class RaftLog {
  readonly #view: LogView;
  readonly #measure: (entry: Entry) => number;
  readonly #unstable: Unstable;
  readonly #wanted: LogRange[] = [];
  #committed: LogIndex;
  #applying: LogIndex;
  #applied: LogIndex;

  /** @param measure Bytes that an entry counts with in limits. */
  constructor(view: LogView, measure: (entry: Entry) => number = entryBytes) {
    assert(view.firstIndex > 0, "log: first index starts above 0");
    assert(view.lastIndex >= view.firstIndex - 1, "log: last index below first index");
    this.#view = view;
    this.#measure = measure;
    this.#unstable = new Unstable(nextIndex(view.lastIndex));
    const start = previousIndex(view.firstIndex);
    this.#committed = start;
    this.#applying = start;
    this.#applied = start;
  }

  /** Highest index known to be committed. FIG 2 State, commitIndex. */
  get committed(): LogIndex {
    return this.#committed;
  }

  /** Highest index handed out for applying. */
  get applying(): LogIndex {
    return this.#applying;
  }

  /** Highest index whose application finished. FIG 2 State, lastApplied. */
  get applied(): LogIndex {
    return this.#applied;
  }

  /** What is not known to be durable. */
  get unstable(): Unstable {
    return this.#unstable;
  }

  /** Index of the oldest entry; below stands a snapshot, or nothing. */
  get firstIndex(): LogIndex {
    const snapshot = this.#unstable.snapshot;
    return snapshot === null ? this.#view.firstIndex : nextIndex(snapshot.index);
  }

  /** Index of the newest entry, durable or not. */
  get lastIndex(): LogIndex {
    return this.#unstable.lastIndex() ?? this.#view.lastIndex;
  }

  /** The newest entry's id. */
  lastId(): LogId {
    const index = this.lastIndex;
    assert(index >= this.#committed, "log: what is committed is there");
    const term = this.term(index);
    assert(typeof term === "number", "log: the last entry has a term");
    return { term, index };
  }

  /** The term at `index`, or why it is not known. Answers for the place before the first entry, too. */
  term(index: LogIndex): Term | "compacted" | "unavailable" {
    const unstable = this.#unstable.term(index);
    if (unstable !== null) {
      return unstable;
    }
    if (index + 1 < this.firstIndex) {
      return "compacted";
    }
    if (index > this.lastIndex) {
      return "unavailable";
    }
    return this.#view.term(index);
  }

  /** Whether the log holds exactly this entry. RAFT §3.5 Log Matching. */
  matches(id: LogId): boolean {
    return this.term(id.index) === id.term;
  }

  /** RAFT §3.6.1 [log-up-to-date]: the log whose last entry has the later term, or the longer log of equal terms, is more up-to-date. */
  isUpToDate(candidate: LogId): boolean {
    assert(candidate.index >= 0 && candidate.term >= 0, "log: not a log id");
    const own = this.lastId();
    return candidate.term > own.term || (candidate.term === own.term && candidate.index >= own.index);
  }

  /** Appends to the end, or in place of a conflicting end. What is committed is never touched. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    assert(first !== undefined, "log: append nothing");
    // FIG 3 State Machine Safety [state-machine-safety]: a committed entry is never replaced.
    assert(first.index > this.#committed, "log: append would replace a committed entry");
    assert(first.index <= this.lastIndex + 1, "log: append leaves a gap");
    this.#unstable.truncateAndAppend(entries);
    assert(this.lastIndex === first.index + entries.length - 1, "log: it ends with what was appended");
  }

  /** Raises the commit index; a lower one changes nothing. */
  commitTo(index: LogIndex): void {
    if (index <= this.#committed) {
      return;
    }
    assert(index <= this.lastIndex, "log: commit beyond the end; was the log cut or lost?");
    // FIG 2 State [commit-grows].
    this.#committed = index;
    assert(this.#applying <= this.#committed, "log: handed out what is not committed");
  }

  /** The handed-out entries up to `index` are on their way into the state machine. */
  acceptApplying(index: LogIndex): void {
    assert(index > this.#applying, "log: applying goes forward");
    assert(index <= this.#committed, "log: applying what is not committed");
    this.#applying = index;
    assert(this.#applied <= this.#applying, "log: applied what was not handed out");
  }

  /** The application of everything up to `index` finished. */
  appliedTo(index: LogIndex): void {
    // FIG 2 State [applied-grows].
    assert(index >= this.#applied, "log: applied goes forward");
    assert(index <= this.#committed, "log: applied what is not committed");
    this.#applied = index;
    this.#applying = maxIndex(this.#applying, index);
    assert(this.#applying <= this.#committed, "log: applying what is not committed");
  }

  /** Everything is replaced by `snapshot`, whose restoration the driver will report. RAFT §5.3 [snapshot-replaces]. */
  restore(snapshot: SnapshotMetadata): void {
    assert(snapshot.index > this.#committed, "log: a snapshot must bring something new");
    assert(snapshot.term > 0, "log: a snapshot of no term");
    this.#committed = snapshot.index;
    this.#unstable.restore(snapshot);
    assert(this.lastIndex === snapshot.index, "log: nothing behind a restored snapshot");
    assert(this.firstIndex === snapshot.index + 1, "log: nothing before a restored snapshot");
  }

  /** The newest snapshot, which a member too far behind is sent. */
  snapshot(): SnapshotMetadata | "pending" | null {
    return this.#unstable.snapshot ?? this.#view.snapshot();
  }

  /** Highest index that may be applied: committed, and durable here unless unstable entries are allowed. */
  appliableIndex(allowUnstable: boolean): LogIndex {
    return allowUnstable ? this.#committed : minIndex(this.#committed, previousIndex(this.#unstable.offset));
  }

  /**
   * Entries of `[low, high)` within `bytesMax`, at least one. `pending` when the first is not in memory: the range is then
   * noted for the driver.
   */
  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted" | "pending" {
    assert(low > 0, "log: before the first index");
    assert(low < high, "log: empty range");
    assert(bytesMax >= 0, "log: negative bytes");
    assert(high <= this.lastIndex + 1, "log: range beyond the end");
    if (low < this.firstIndex) {
      return "compacted";
    }
    const offset = this.#unstable.offset;
    if (low >= offset) {
      return limitBytes(this.#unstable, low, high, bytesMax, this.#measure);
    }
    const cut = minIndex(high, offset);
    const stored = this.#view.entries(low, cut, bytesMax);
    if (stored === "pending") {
      this.#want({ low, high: cut, bytesMax });
      return "pending";
    }
    assert(stored === "compacted" || stored[0]?.index === low, "log: the store answered another range");
    if (stored === "compacted" || stored.length < cut - low || high <= offset) {
      return stored;
    }
    return this.#extend(stored, high, bytesMax);
  }

  #extend(stored: readonly Entry[], high: LogIndex, bytesMax: number): readonly Entry[] {
    assert(stored.at(-1)?.index === this.#unstable.offset - 1, "log: the store left a gap");
    let bytes = 0;
    for (const entry of stored) {
      bytes += this.#measure(entry);
    }
    if (bytes >= bytesMax) {
      return stored;
    }
    const offset = this.#unstable.offset;
    assert(offset < high, "log: nothing to extend by");
    const rest = limitBytes(this.#unstable, offset, high, bytesMax - bytes, this.#measure);
    const first = rest[0];
    if (rest.length === 1 && first !== undefined && bytes + this.#measure(first) > bytesMax) {
      return stored;
    }
    return [...stored, ...rest];
  }

  /** Ranges that were met `pending` since the last call. */
  takeWanted(): readonly LogRange[] {
    // PERF: almost always empty, and asked for in each batch.
    return this.#wanted.length === 0 ? noRanges : this.#wanted.splice(0);
  }

  /** Whether a range waits to be named to the driver. */
  get hasWanted(): boolean {
    return this.#wanted.length > 0;
  }

  #want(range: LogRange): void {
    assert(range.low < range.high, "log: an empty range is wanted");
    assert(range.high <= this.#unstable.offset, "log: what is here is wanted from the store");
    if (!this.#wanted.some((other) => other.low === range.low && other.high === range.high)) {
      this.#wanted.push(range);
    }
  }
}
