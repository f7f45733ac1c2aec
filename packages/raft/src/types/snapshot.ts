/** What a snapshot replaces: the log up to `index`, and the configuration there. RAFT §5.1. */
import type { ConfState } from "./conf-state.ts";
import type { LogIndex, Term } from "./ids.ts";

/** The bytes of the image travel and are stored apart from this. */
export interface SnapshotMetadata {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
}
