/** What the core reads of the stored log: synchronous, so that it never waits inside a step. */
import type { Entry } from "./entry.ts";
import type { LogIndex, Term } from "./ids.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/**
 * The stored log. Entries lie in `[firstIndex, lastIndex]`; below is a snapshot that ends at `firstIndex - 1`, or nothing
 * when `firstIndex` is 1. After a compaction without reading, `term(firstIndex - 1)` still answers.
 */
export interface LogView {
  readonly firstIndex: LogIndex;
  /** `firstIndex - 1` when no entry is stored. */
  readonly lastIndex: LogIndex;
  /** Term of the entry at `index`; answers for `firstIndex - 1` too. Always from memory. */
  term(index: LogIndex): Term | "compacted" | "unavailable";
  /**
   * Entries of `[low, high)`: at least one, then as many as fit into `bytesMax`. `pending` when they are not in memory: the driver loads
   * them and calls `logLoaded()`. `low` must be within the log.
   */
  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted" | "pending";
  /** The newest durable snapshot, null when there is none yet, `pending` while one is being made. */
  snapshot(): SnapshotMetadata | "pending" | null;
}

/** Entries of `[low, high)`, about `bytesMax` of them, that the core needs in memory before it can go on. */
export interface LogRange {
  readonly low: LogIndex;
  readonly high: LogIndex;
  readonly bytesMax: number;
}
