/**
 * The door for messages: terms first (FIG 2 Rules for Servers, All Servers), then the handler of the present role. Nothing that
 * comes in here throws because of what a peer sent.
 */
import { assert } from "@quorate/base";
import { progressOf } from "../tracker/tracker.ts";
import { noNode } from "../types/ids.ts";
import type { Message } from "../types/message.ts";
import { becomeFollower } from "./become.ts";
import { refuseStaleVote } from "./election.ts";
import { answerStaleLeader } from "./follower.ts";
import { handlers } from "./handlers.ts";
import { isLeaderFresh, keepsLeasePromise } from "./lease.ts";
import type { RaftState } from "./raft-state.ts";
import {
  accepted,
  inconsistent,
  misdirected,
  refusedBecause,
  type StepResult,
  unknownPeer,
} from "./step-result.ts";

/** Takes one message. */
export function step(state: RaftState, message: Message): StepResult {
  if (message.to !== state.id) {
    return misdirected;
  }
  if (message.from === state.id && isRequest(message)) {
    return inconsistent("a request of a member to itself");
  }
  if (isResponse(message) && progressOf(state.tracker, message.from) === null) {
    return unknownPeer;
  }
  if (message.type !== "forward-proposal" && message.type !== "read-index") {
    if (message.term > state.term) {
      if (!meetLaterTerm(state, message)) {
        return refusedBecause("leader-alive");
      }
    } else if (message.term < state.term) {
      return meetEarlierTerm(state, message);
    }
  }
  return dispatch(state, message);
}

function dispatch(state: RaftState, message: Message): StepResult {
  assert(message.to === state.id, "step: for somebody else");
  const handler = handlers[state.role][message.type];
  // The table's type pairs each name with its message; the compiler does not follow that through an index of a union.
  return (handler as (state: RaftState, message: Message) => StepResult)(state, message);
}

/** What a leader or a candidate sends to others: nobody leads itself, or asks itself for its vote. */
function isRequest(message: Message): boolean {
  switch (message.type) {
    case "append-entries":
    case "heartbeat":
    case "install-snapshot":
    case "request-vote":
    case "pre-vote":
    case "timeout-now":
      return true;
    default:
      return false;
  }
}

/** Answers to what a member asked: they count only from members. */
function isResponse(message: Message): boolean {
  switch (message.type) {
    case "append-response":
    case "heartbeat-response":
    case "vote-response":
    case "pre-vote-response":
    case "read-index-response":
      return true;
    default:
      return false;
  }
}

/** FIG 2 Rules for Servers, All Servers [later-term]: a later term makes a follower, with exceptions. False: go no further. */
function meetLaterTerm(state: RaftState, message: Message): boolean {
  assert(message.term > state.term, "step: not a later term");
  switch (message.type) {
    case "request-vote":
    case "pre-vote":
      // RAFT §4.2.3 [sticky-voters, sticky-except-transfer]: who hears a leader does not help to depose it, unless the leader itself asked for that (§3.10).
      if (!message.leadershipTransfer && (isLeaderFresh(state) || keepsLeasePromise(state))) {
        return false;
      }
      // RAFT §9.6 [pre-vote-binds-nobody, pre-vote-conditions]: a trial changes nobody's term.
      if (message.type === "request-vote") {
        becomeFollower(state, message.term, noNode);
      }
      return true;
    case "pre-vote-response":
      // RAFT §9.6: a granted trial names the term that was asked about, a refused one the voter's own, later one.
      if (!message.granted) {
        becomeFollower(state, message.term, noNode);
      }
      return true;
    case "append-entries":
    case "heartbeat":
    case "install-snapshot":
      becomeFollower(state, message.term, message.from);
      return true;
    default:
      becomeFollower(state, message.term, noNode);
      return true;
  }
}

/** FIG 2 All Servers [earlier-term]: messages of earlier terms change nothing; some are answered so that their senders learn the present term. */
function meetEarlierTerm(state: RaftState, message: Message): StepResult {
  assert(message.term < state.term, "step: not an earlier term");
  const { checkQuorum, preVote, staleCandidateAnswered, staleLeaderAnswered } = state.config;
  switch (message.type) {
    case "append-entries":
    case "heartbeat":
      // FIG 2 AppendEntries receiver 1 [append-stale-term], RAFT §3.4 [candidate-refuses-stale]: a leader of an earlier term is refused, and learns the
      // later one even from a member that never campaigns.
      if (checkQuorum || preVote || staleLeaderAnswered) {
        answerStaleLeader(state, message);
      }
      return refusedBecause("stale-term");
    case "pre-vote":
      // FIG 2 RequestVote receiver 1 [vote-stale-term].
      refuseStaleVote(state, message);
      return refusedBecause("stale-term");
    case "request-vote":
      // FIG 2 RequestVote receiver 1 [vote-stale-term]: nobody else may be there to teach the candidate the later term.
      if (staleCandidateAnswered) {
        refuseStaleVote(state, message);
      }
      return refusedBecause("stale-term");
    case "install-snapshot":
      // RAFT §5.3 [snapshot-stale-term]: the sender learns the term from the answer to its next heartbeat.
      return refusedBecause("stale-term");
    default:
      return accepted;
  }
}
