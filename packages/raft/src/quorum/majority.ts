/**
 * One majority: which index a majority has acknowledged, and whether a majority voted. RAFT §3.3. The empty set agrees with
 * everything, which makes it the neutral half of a joint configuration that has only one half.
 */
import { assert } from "@quorate/base";
import type { NodeId } from "../types/ids.ts";
import type { VoteResult } from "./vote-result.ts";

/** The highest index (or position) that a member acknowledged; 0 when it never did. */
export type AckedOf = (id: NodeId) => number;

/** A member's vote; undefined when it did not answer yet. */
export type VoteOf = (id: NodeId) => boolean | undefined;

/** Members that form a majority of `count`: ⌊n/2⌋+1, for even counts too. */
function majorityCount(count: number): number {
  assert(count > 0, "quorum: a majority of nobody");
  const majority = Math.floor(count / 2) + 1;
  assert(majority * 2 > count && majority <= count, "quorum: two majorities share a member");
  return majority;
}

/** The highest index that a majority of `voters` acknowledged; Infinity for the empty set. */
export function majorityAcked(voters: readonly NodeId[], ackedOf: AckedOf): number {
  const count = voters.length;
  if (count === 0) {
    return Number.POSITIVE_INFINITY;
  }
  // PERF: an insertion sort of a handful of numbers, without a comparison function: this runs for each acknowledgement.
  const acked: number[] = [];
  for (const id of voters) {
    const index = ackedOf(id);
    assert(index >= 0, "quorum: negative index");
    let place = acked.length;
    acked.push(index);
    while (place > 0 && (acked[place - 1] as number) > index) {
      acked[place] = acked[place - 1] as number;
      place--;
    }
    acked[place] = index;
  }
  assert(acked.length === count, "quorum: every voter is counted once");
  return acked[count - majorityCount(count)] as number;
}

/** The state of a vote among `voters`; won for the empty set. */
export function majorityVote(voters: readonly NodeId[], voteOf: VoteOf): VoteResult {
  if (voters.length === 0) {
    return "won";
  }
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = voteOf(id);
    granted += vote === true ? 1 : 0;
    missing += vote === undefined ? 1 : 0;
  }
  const needed = majorityCount(voters.length);
  assert(granted <= voters.length, "quorum: more grants than voters");
  assert(granted + missing <= voters.length, "quorum: more votes than voters");
  if (granted >= needed) {
    return "won";
  }
  return granted + missing >= needed ? "pending" : "lost";
}
