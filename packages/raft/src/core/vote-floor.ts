/**
 * The floor of a member whose log was damaged: what it may have acknowledged beyond what its log still shows. RAFT §3.6.1 compares
 * logs so that whoever is elected holds every committed entry; that rests on voters that still know what they acknowledged.
 * ETCD: differs, has none: a log that lost its end votes as if it had never been longer.
 */
import { assert } from "@quorate/base";
import type { LogId } from "../types/entry.ts";
import type { VoteFloor } from "../types/vote-floor.ts";
import type { RaftState } from "./raft-state.ts";

/** Whether this member's log ends below what it may have acknowledged. Log ids only grow here, so that a reached floor stays reached. */
export function isBelowFloor(state: RaftState): boolean {
  return !reachesFloor(state, state.log.lastId());
}

/** RAFT §3.8 [floor-votes]: whether a log that ends in `last` holds everything that this member may have acknowledged, as far as the end tells. */
export function reachesFloor(state: RaftState, last: LogId): boolean {
  const floor = state.voteFloor;
  if (floor === null) {
    return true;
  }
  if (floor === "unknown") {
    return false;
  }
  assert(floor.index >= 0 && floor.term >= 0, "floor: not a log id");
  return last.term > floor.term || (last.term === floor.term && last.index >= floor.index);
}

/** The driver learnt how far an unknown floor lies, or that it was reached (null). It never sinks. */
export function setVoteFloor(state: RaftState, floor: VoteFloor | null): void {
  assert(floor === null || state.role === "follower", "floor: who votes for nobody only follows");
  assert(floor !== null || !isBelowFloor(state), "floor: removed before it was reached");
  assert(floor === null || state.voteFloor === "unknown", "floor: a known one is not moved");
  state.voteFloor = floor;
}
