/** The contract between the core and whoever drives it: what must now happen, and in which order. */
import type { Entry, LogId } from "./entry.ts";
import type { HardState, SoftState } from "./hard-state.ts";
import type { LogIndex } from "./ids.ts";
import type { LogRange } from "./log-view.ts";
import type { Message } from "./message.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/** A read may be answered once `index` is applied here. RAFT §6.4. */
export interface ReadState {
  readonly index: LogIndex;
  readonly context: Uint8Array;
}

/**
 * One batch of work. The driver
 * 1. may hand `sendNow` to the network at once, also while the disk writes (RAFT §10.2.1);
 * 2. persists `hardState`, `snapshot` and `entries` as one unit, with an fsync when `mustSync`;
 * 3. only then sends `sendAfterPersist` (messages to this member itself are stepped back into it) and calls
 *    `persisted(seq)`, in the order of the batches;
 * 4. restores the state machine from `snapshot` if there is one, applies `apply`, in order, and calls `applied(index)`;
 *    each configuration change among them goes to `applyConfChange` first, also one that the application dislikes;
 * 5. loads `loads` into memory and calls `logLoaded()`.
 *
 * With `asyncStorage` a next batch may be taken before this one is durable, and `apply` holds only entries that are durable
 * here. Without it, `apply` may hold entries of this very batch (apply after persisting), and the next batch is taken only
 * after `advance()`.
 *
 * The arrays belong to the core: read them, do not change them.
 */
export interface Ready {
  /** Numbers the batches from 1, without gaps. */
  readonly seq: number;
  readonly softState: SoftState | null;
  /** Null when it did not change. Persist BEFORE `sendAfterPersist` leaves. RAFT §3.8. */
  readonly hardState: HardState | null;
  /** Entries to append; one at an index that the storage already holds replaces it and everything after it. */
  readonly entries: readonly Entry[];
  /** Replaces the whole log and the state machine. */
  readonly snapshot: SnapshotMetadata | null;
  /** Whether step 2 must be durable before step 3; false when only the commit index moved. */
  readonly mustSync: boolean;
  readonly sendNow: readonly Message[];
  readonly sendAfterPersist: readonly Message[];
  /** Committed entries, contiguous and never handed out twice. */
  readonly apply: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** What `persisted(seq)` marks durable: the last entry of the log at this moment; null when nothing is left to mark. */
  readonly stable: LogId | null;
  /** Ranges of the log that the core would read but that are not in memory. Each is named once until `logLoaded()`. */
  readonly loads: readonly LogRange[];
}
