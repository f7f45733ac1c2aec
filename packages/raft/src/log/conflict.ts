/** Where two logs part. RAFT §3.5. */
import { assert } from "@quorate/base";
import type { Entry, LogId } from "../types/entry.ts";
import { type LogIndex, previousIndex, type Term, termZero } from "../types/ids.ts";
import type { RaftLog } from "./raft-log.ts";

/** The place in `entries` of the first one that the log does not hold; their number when it holds them all. */
export function firstConflict(log: RaftLog, entries: readonly Entry[]): number {
  let place = 0;
  for (const entry of entries) {
    if (log.term(entry.index) !== entry.term) {
      return place;
    }
    place++;
  }
  assert(place === entries.length, "conflict: all were looked at");
  return place;
}

/**
 * The highest entry at or below `index` whose term is at most `term`: the highest place where this log can agree with one
 * that has `term` at `index`, because terms only grow along a log. Its term is 0 where the log does not reach that far back.
 */
export function findConflictByTerm(log: RaftLog, index: LogIndex, term: Term): LogId {
  let at = index;
  while (at > 0) {
    const own = log.term(at);
    if (typeof own !== "number") {
      return { term: termZero, index: at };
    }
    if (own <= term) {
      assert(at <= index, "conflict: searched forward");
      return { term: own, index: at };
    }
    at = previousIndex(at);
  }
  return { term: termZero, index: at };
}
