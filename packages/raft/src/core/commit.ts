/** The commit rule (RAFT §3.5, §3.6.2), and the handing out of what is committed. */
import { assert } from "@quorate/base";
import { quorumMatch } from "../tracker/tracker.ts";
import type { Entry } from "../types/entry.ts";
import { nextIndex, offsetIndex } from "../types/ids.ts";
import { acceptPage } from "./flow-control.ts";
import type { RaftState } from "./raft-state.ts";

/** Raises the commit index to what a quorum stores; whether it rose. FIG 2 Leaders, last [commit-majority]. */
export function advanceCommit(state: RaftState): boolean {
  assert(state.role === "leader", "commit: only a leader counts replicas");
  // RAFT §10.2.1 [commit-before-own-write]: the own copy counts like any other, so a majority may do without it.
  const index = quorumMatch(state.tracker);
  assert(index <= state.log.lastIndex, "commit: counted beyond the end of the log");
  if (index <= state.log.committed) {
    return false;
  }
  // RAFT §3.6.2 [commit-own-term, commit-prefix]: only entries of the current term are committed by counting; earlier ones are committed with them.
  if (state.log.term(index) !== state.term) {
    return false;
  }
  state.log.commitTo(index);
  assert(state.log.committed === index, "commit: raised to what was counted");
  return true;
}

const noEntries: readonly Entry[] = [];

/** FIG 2 All Servers [apply-committed]: committed entries to hand out now, within the limits; empty when there are none, or they must wait. */
export function takeCommitted(state: RaftState): readonly Entry[] {
  if (!canTakeCommitted(state)) {
    return noEntries;
  }
  const allowUnstable = !state.config.asyncStorage;
  const low = nextIndex(state.log.applying);
  const high = nextIndex(state.log.appliableIndex(allowUnstable));
  const room = state.config.committedBytesPerReadyMax - state.applyingBytes;
  assert(room > 0, "commit: paused when there is no room");
  assert(low < high, "commit: there is something to hand out");
  const entries = state.log.entries(low, high, room);
  assert(entries !== "compacted", "commit: entries were compacted before they were applied");
  if (entries === "pending") {
    state.applyWaitsForLog = true;
    return noEntries;
  }
  assert(entries[0]?.index === low, "commit: a page begins where the last one ended");
  acceptPage(state, entries, allowUnstable);
  return entries;
}

/** Whether {@link takeCommitted} has something to look for. */
export function canTakeCommitted(state: RaftState): boolean {
  assert(state.log.applying <= state.log.committed, "commit: handed out what is not committed");
  if (state.applyingPaused || state.applyWaitsForLog || state.log.unstable.snapshot !== null) {
    return false;
  }
  return state.log.applying < state.log.appliableIndex(!state.config.asyncStorage);
}

/**
 * Whether a configuration change is committed and not yet applied, as far as can be seen: entries that are not in memory may
 * hold one.
 */
export function hasUnappliedConfChange(state: RaftState): boolean {
  let low = nextIndex(state.log.applied);
  const high = nextIndex(state.log.committed);
  while (low < high) {
    const page = state.log.entries(low, high, state.config.committedBytesPerReadyMax);
    assert(page !== "compacted", "commit: entries were compacted before they were applied");
    if (page === "pending" || page.some((entry) => entry.type !== "normal")) {
      return true;
    }
    assert(page.length > 0, "commit: a page holds at least one entry");
    low = offsetIndex(low, page.length);
  }
  return false;
}
