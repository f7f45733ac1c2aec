/** Two majorities that must both agree: the joint configuration C_old,new. RAFT §4.3. */
import { assert } from "@quorate/base";
import type { NodeId } from "../types/ids.ts";
import { type AckedOf, majorityAcked, majorityVote, type VoteOf } from "./majority.ts";
import { bothVoteResults, type VoteResult } from "./vote-result.ts";

/** The voting half or halves of a configuration; `votersOutgoing` is empty outside a joint one. */
interface VoterSets {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
}

/** The highest index that both majorities acknowledged. */
export function jointAcked(sets: VoterSets, ackedOf: AckedOf): number {
  // RAFT §4.3 [joint-both-commit], RAFT §4.2.2 [removed-leader-uncounted]: agreement needs separate majorities from both the old and the new configuration.
  const incoming = majorityAcked(sets.voters, ackedOf);
  const outgoing = majorityAcked(sets.votersOutgoing, ackedOf);
  assert(incoming >= 0, "quorum: negative index of the new half");
  assert(outgoing >= 0, "quorum: negative index of the old half");
  return Math.min(incoming, outgoing);
}

/** The state of a vote in which both majorities must grant. */
export function jointVote(sets: VoterSets, voteOf: VoteOf): VoteResult {
  // RAFT §4.3 [joint-both-elect]: an election needs separate majorities from both the old and the new configuration.
  return bothVoteResults(majorityVote(sets.voters, voteOf), majorityVote(sets.votersOutgoing, voteOf));
}

/** Whether `id` votes in either half. */
export function isVoter(sets: VoterSets, id: NodeId): boolean {
  return sets.voters.includes(id) || sets.votersOutgoing.includes(id);
}

/** All voters of both halves, ascending. */
export function allVoters(sets: VoterSets): NodeId[] {
  const joined = [...sets.voters, ...sets.votersOutgoing.filter((id) => !sets.voters.includes(id))];
  assert(joined.length <= sets.voters.length + sets.votersOutgoing.length, "quorum: each voter once");
  return joined.sort((left, right) => left - right);
}
