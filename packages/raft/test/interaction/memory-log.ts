/** A stored log in memory, as the scripts' members have it. */
import type { Entry, HardState, LogIndex, LogView, SnapshotMetadata, Term } from "@quorate/raft";
import { entryBytes, indexZero, noNode, termZero, toLogIndex } from "@quorate/raft";

const nothing: SnapshotMetadata = {
  index: indexZero,
  term: termZero,
  confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
};

/** What a member finds again after a crash. `history` holds the states that its application went through. */
export class MemoryLog implements LogView {
  hardState: HardState = { term: termZero, vote: noNode, commit: indexZero };
  /** The snapshot that was stored last; the log may begin later, after a compaction. */
  stored: SnapshotMetadata = nothing;
  history: SnapshotMetadata[] = [nothing];
  #start: { index: number; term: number } = { index: 0, term: 0 };
  #entries: Entry[] = [];
  readonly #measure: (entry: Entry) => number;

  constructor(measure: (entry: Entry) => number = entryBytes) {
    this.#measure = measure;
  }

  get firstIndex(): LogIndex {
    return toLogIndex(this.#start.index + 1);
  }

  get lastIndex(): LogIndex {
    return toLogIndex(this.#start.index + this.#entries.length);
  }

  term(index: LogIndex): Term | "compacted" | "unavailable" {
    if (index < this.#start.index) return "compacted";
    if (index === this.#start.index) return this.#start.term as Term;
    return this.#entries[index - this.#start.index - 1]?.term ?? "unavailable";
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted" {
    if (low < this.firstIndex) return "compacted";
    const all = this.#entries.slice(low - this.firstIndex, high - this.firstIndex);
    let bytes = 0;
    let count = 0;
    for (const entry of all) {
      bytes += this.#measure(entry);
      if (count > 0 && bytes > bytesMax) break;
      count++;
    }
    return all.slice(0, count);
  }

  snapshot(): SnapshotMetadata | null {
    return this.history.at(-1) ?? null;
  }

  /** All entries. */
  all(): readonly Entry[] {
    return this.#entries;
  }

  append(entries: readonly Entry[]): void {
    const fresh = entries.filter((entry) => entry.index >= this.firstIndex);
    const first = fresh[0];
    if (first === undefined) return;
    if (first.index > this.lastIndex + 1) throw new Error("memory log: missing entries");
    this.#entries.length = first.index - this.firstIndex;
    this.#entries.push(...fresh);
  }

  restore(snapshot: SnapshotMetadata): void {
    if (snapshot.index <= this.stored.index && this.stored.index !== 0) {
      throw new Error("requested index is older than the existing snapshot");
    }
    this.stored = snapshot;
    this.#start = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
  }

  compact(index: number): void {
    if (index <= this.#start.index) throw new Error("requested index is unavailable due to compaction");
    if (index > this.lastIndex)
      throw new Error(`compact ${index} is out of bound lastindex(${this.lastIndex})`);
    const term = this.term(toLogIndex(index)) as number;
    this.#entries = this.#entries.slice(index - this.#start.index);
    this.#start = { index, term };
  }
}
