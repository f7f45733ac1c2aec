/** The changes of role. FIG 3.3 (server states) and FIG 2 Rules for Servers; each edge that does not exist is asserted. */
import { assert, emptyBytes } from "@quorate/base";
import { becomeReplicate, resetProgress } from "../tracker/progress.ts";
import { progressOf } from "../tracker/tracker.ts";
import { indexZero, type NodeId, nextIndex, noNode, type Term, toTerm } from "../types/ids.ts";
import { appendOwn } from "./flow-control.ts";
import { createReadQueue, type RaftState } from "./raft-state.ts";

/** Follows `leader` (or nobody yet) in `term`. */
export function becomeFollower(state: RaftState, term: Term, leader: NodeId): void {
  // FIG 2 State [term-grows].
  assert(term >= state.term, "become: a term never goes back");
  reset(state, term);
  state.role = "follower";
  state.leader = leader;
  assert(state.term === term, "become: the term is the one that was asked for");
}

/** Tries out an election without touching term or vote. RAFT §9.6 [pre-vote-binds-nobody]. */
export function becomePreCandidate(state: RaftState): void {
  assert(state.role !== "leader", "become: a leader does not campaign");
  const { term, vote } = state;
  state.tracker.votes.clear();
  state.leader = noNode;
  state.commitCeiling = null;
  state.role = "pre-candidate";
  // RAFT §9.6: a trial election must not disturb anybody.
  assert(state.term === term && state.vote === vote, "become: a pre-vote changes neither term nor vote");
}

/** Stands for election in the next term. FIG 2 Rules for Servers, Candidates [candidate-begins]: increment currentTerm, vote for self, reset timer. */
export function becomeCandidate(state: RaftState): void {
  assert(state.role !== "leader", "become: a leader does not campaign");
  const { term } = state;
  reset(state, toTerm(term + 1));
  assert(state.term > term && state.vote === noNode, "become: a new term has a free vote");
  state.vote = state.id;
  state.role = "candidate";
  assert(state.leader === noNode, "become: a candidate follows nobody");
}

/** Leads: FIG 2 State, volatile on leaders, is built anew, and an entry of the own term is appended. */
export function becomeLeader(state: RaftState): void {
  // FIG 3 Election Safety [election-safety]: one vote in a term, a majority of votes, so one leader.
  assert(state.role === "candidate", "become: only a candidate is elected");
  assert(state.vote === state.id, "become: a leader voted for itself");
  reset(state, state.term);
  state.role = "leader";
  state.leader = state.id;
  const own = progressOf(state.tracker, state.id);
  if (own !== null) {
    becomeReplicate(own);
    own.recentActive = true;
  }
  // RAFT §4.1 [new-leader-waits]: there may be an unapplied change in the log. Looking for it could mean to read all of it, so no change is
  // taken up before everything that is there now is applied.
  state.pendingConfIndex = state.log.lastIndex;
  // RAFT §6.4 [read-own-term]: a no-op, because only an entry of its own term tells a leader which entries are committed.
  const appended = appendOwn(state, [{ type: "normal", data: emptyBytes }]);
  assert(appended, "become: no limit refuses the no-op");
  assert(state.log.lastId().term === state.term, "become: the log ends in an entry of the own term");
  assert(state.pendingConfIndex < state.log.lastIndex, "become: what was there lies before the no-op");
}

function reset(state: RaftState, term: Term): void {
  // FIG 2 State [term-grows].
  assert(term >= state.term, "become: the term goes back");
  if (state.term !== term) {
    state.term = term;
    // FIG 2 State [vote-once]: a new term frees the vote.
    state.vote = noNode;
  }
  // RAFT §6.2 [leader-forgotten]: stale knowledge of the leader would send clients in circles.
  state.leader = noNode;
  state.electionElapsedTicks = 0;
  state.heartbeatElapsedTicks = 0;
  drawTimeout(state);
  state.transferee = noNode;
  state.tracker.votes.clear();
  const last = state.log.lastIndex;
  for (const progress of state.tracker.membership.members) {
    // FIG 2 State, volatile on leaders [progress-anew]: matchIndex starts at 0, nextIndex after the leader's last entry.
    resetProgress(progress, progress.id === state.id ? last : indexZero, nextIndex(last));
  }
  state.pendingConfIndex = indexZero;
  state.uncommittedBytes = 0;
  state.reads = createReadQueue();
  state.leaseGivenUp = false;
  // Asked of a leader, in its term.
  state.commitCeiling = null;
}

/** RAFT §3.4 [timeout-random]: time-outs are drawn at random, so that elections rarely split the vote. */
function drawTimeout(state: RaftState): void {
  const { electionTimeoutTicks, random } = state.config;
  const extra = random(0, electionTimeoutTicks);
  assert(Number.isSafeInteger(extra), "become: random must give integers");
  assert(extra >= 0 && extra < electionTimeoutTicks, "become: random out of range");
  state.randomizedTimeoutTicks = electionTimeoutTicks + extra;
}
