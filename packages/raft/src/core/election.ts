/** Elections: who campaigns, who votes for whom, and what the answers lead to. FIG 2 RequestVote; RAFT §3.4, §3.6.1, §9.6. */
import { assert } from "@quorate/base";
import { allVoters } from "../quorum/joint.ts";
import { recordVote, tallyVotes } from "../tracker/tracker.ts";
import { type NodeId, noNode, type Term, toTerm } from "../types/ids.ts";
import type { RequestVote, VoteResponse } from "../types/message.ts";
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from "./become.ts";
import { hasUnappliedConfChange } from "./commit.ts";
import { keepsLeasePromise } from "./lease.ts";
import { isPromotable, type RaftState } from "./raft-state.ts";
import { broadcastAppend } from "./replication.ts";
import { send } from "./send.ts";
import { accepted, type RequestRefusal, refusedBecause, type StepResult } from "./step-result.ts";
import { isBelowFloor, reachesFloor } from "./vote-floor.ts";

/** A trial, an election, or an election that the leader asked for. */
type CampaignKind = "pre-vote" | "election" | "transfer";

/** Campaigns, if this member may; whether it did. FIG 2 Rules for Servers, Followers: election time-out. */
export function startElection(state: RaftState, kind: CampaignKind): boolean {
  if (state.role === "leader" || !isPromotable(state)) {
    return false;
  }
  // RAFT §4.1 [no-campaign-unapplied]: a committed change that is not applied may have shrunk or moved the quorum that this member would count by.
  if (hasUnappliedConfChange(state)) {
    return false;
  }
  // RAFT §3.8 [floor-campaigns]: with a log that lost its end, this member could win and lack what it acknowledged itself.
  if (isBelowFloor(state)) {
    return false;
  }
  // RAFT §6.4.1: a campaign on request would break the promise that a lease rests on; a time-out is longer than the promise.
  if (kind !== "transfer" && keepsLeasePromise(state)) {
    return false;
  }
  campaign(state, kind);
  // An only voter waits for its own vote, too.
  assert(state.role === "candidate" || state.role === "pre-candidate", "campaign: it has begun");
  return true;
}

/** The kind of campaign that a time-out leads to. */
export function ordinaryCampaign(state: RaftState): CampaignKind {
  return state.config.preVote ? "pre-vote" : "election";
}

function campaign(state: RaftState, kind: CampaignKind): void {
  assert(isPromotable(state), "campaign: not a voter");
  const trial = kind === "pre-vote";
  if (trial) {
    becomePreCandidate(state);
  } else {
    becomeCandidate(state);
  }
  // RAFT §9.6 [pre-vote-first]: a trial asks about the term that an election would have.
  const term = trial ? toTerm(state.term + 1) : state.term;
  assert(trial || state.vote === state.id, "campaign: the first vote is the own one");
  const last = state.log.lastId();
  // FIG 2 Rules for Servers, Candidates [candidate-begins]: send RequestVote to all other servers. RAFT §4.3 [joint-any-leader]: of both halves.
  for (const id of allVoters(state.tracker.membership.confState)) {
    if (id === state.id) {
      // RAFT §3.8 [own-vote-durable]: the own vote counts once it is durable; the driver loops this back then.
      answerVote(state, trial ? "pre-vote-response" : "vote-response", id, term, true);
      continue;
    }
    // FIG 2 RequestVote arguments [vote-arguments].
    send(state, {
      type: trial ? "pre-vote" : "request-vote",
      from: state.id,
      to: id,
      term,
      last,
      leadershipTransfer: kind === "transfer",
    });
  }
}

/** Why `message` gets no vote here; null when it gets one. Its term is not an earlier one. FIG 2 RequestVote receiver 2. */
function voteRefusal(state: RaftState, message: RequestVote): RequestRefusal | null {
  assert(message.term >= state.term, "vote: of an earlier term");
  const trial = message.type === "pre-vote";
  if (!message.leadershipTransfer && keepsLeasePromise(state)) {
    return "leader-alive";
  }
  // FIG 2 RequestVote receiver 2 [vote-grant, vote-once]: votedFor is null or the candidate. A trial for a later term binds nobody.
  const free =
    state.vote === message.from ||
    (state.vote === noNode && state.leader === noNode) ||
    (trial && message.term > state.term);
  if (!free) {
    return "already-voted";
  }
  // FIG 3 Leader Completeness [leader-completeness]: the candidate's log must be at least as up-to-date as the voter's.
  const complete = state.log.isUpToDate(message.last) && reachesFloor(state, message.last);
  return complete ? null : "inconsistent-log";
}

/**
 * Votes, or refuses to. FIG 2 RequestVote receiver 2. RAFT §4.1 [vote-for-stranger]: for whom is not asked. A learner votes, too: it may have been promoted without knowing it yet, and
 * its vote may be needed.
 */
export function handleVoteRequest(state: RaftState, message: RequestVote): StepResult {
  const trial = message.type === "pre-vote";
  const refusal = voteRefusal(state, message);
  const granted = refusal === null;
  const response = trial ? "pre-vote-response" : "vote-response";
  // FIG 2 RequestVote results [vote-answer-term]: a grant names the candidate's term, a refusal the own one, from which the candidate may learn.
  answerVote(state, response, message.from, granted ? message.term : state.term, granted);
  if (!granted) {
    return refusedBecause(refusal);
  }
  if (!trial) {
    // FIG 2 Followers [timeout-restarts]: granting a vote restarts the election time-out.
    state.electionElapsedTicks = 0;
    assert(state.vote === noNode || state.vote === message.from, "vote: two candidates in one term");
    state.vote = message.from;
    assert(message.term === state.term, "vote: granted in another term");
    assert(state.role !== "leader", "vote: a leader votes for nobody else");
  }
  return accepted;
}

/** Refuses a candidate of an earlier term: it might never learn the present term if it were ignored. */
export function refuseStaleVote(state: RaftState, message: RequestVote): void {
  assert(message.term < state.term, "vote: not stale");
  const response = message.type === "pre-vote" ? "pre-vote-response" : "vote-response";
  answerVote(state, response, message.from, state.term, false);
}

function answerVote(
  state: RaftState,
  type: VoteResponse["type"],
  to: NodeId,
  term: Term,
  granted: boolean,
): void {
  assert(granted || to !== state.id, "vote: a member refuses itself");
  assert(term >= state.term, "vote: an answer of an earlier term");
  send(state, { type, from: state.id, to, term, granted });
}

/** Counts an answer to the present campaign. FIG 2 Candidates [candidate-majority]: votes from a majority make a leader. */
export function handleVoteResponse(state: RaftState, message: VoteResponse): void {
  const expected = state.role === "pre-candidate" ? "pre-vote-response" : "vote-response";
  if (message.type !== expected) {
    return;
  }
  assert(state.role === "candidate" || state.role === "pre-candidate", "vote: nobody campaigns");
  assert(state.role === "pre-candidate" || message.term === state.term, "vote: counted in another term");
  if (isOfEarlierTrial(state, message)) {
    return;
  }
  recordVote(state.tracker, message.from, message.granted);
  const result = tallyVotes(state.tracker);
  if (result === "lost") {
    // A majority refused: this election cannot be won any more.
    becomeFollower(state, state.term, noNode);
  } else if (result === "won") {
    winElection(state);
  }
}

/** RAFT §9.6: a grant names the term that was asked for; one for an earlier trial says nothing of how things stand now. */
function isOfEarlierTrial({ config, role, term }: RaftState, message: VoteResponse): boolean {
  return (
    config.trialGrantsMatched && role === "pre-candidate" && message.granted && message.term !== term + 1
  );
}

function winElection(state: RaftState): void {
  assert(tallyVotes(state.tracker) === "won", "vote: won by a majority");
  if (state.role === "pre-candidate") {
    // RAFT §9.6 [pre-vote-first]: only now is the term raised.
    campaign(state, "election");
    return;
  }
  assert(state.role === "candidate", "vote: only an election makes a leader");
  becomeLeader(state);
  // FIG 2 Leaders [leader-announces]: upon election, tell every other server.
  broadcastAppend(state);
}
