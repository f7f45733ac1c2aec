/** Log entries. RAFT §3.5: an entry is a command with the term in which a leader received it. */
import type { LogIndex, Term } from "./ids.ts";

/**
 * What an entry holds: `normal` a command of the state machine (empty: the no-op of a new leader), `conf-change` and
 * `conf-change-v2` an encoded change of the configuration.
 */
export type EntryType = "normal" | "conf-change" | "conf-change-v2";

/** One entry. Its bytes belong to the log: nobody changes them after the proposal. */
export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** Names one entry of one leader: two logs that hold the same id are equal up to it. RAFT §3.5 Log Matching. */
export interface LogId {
  readonly term: Term;
  readonly index: LogIndex;
}

/** Bytes that an entry is counted with in every size limit: its data and a fixed share for its header. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + entryOverheadBytes;
}

/** The share of {@link entryBytes} that is not data. */
export const entryOverheadBytes = 16;
