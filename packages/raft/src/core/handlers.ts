/**
 * Who handles what: one handler for each role and message, so that the compiler shows what is missing. They see only messages of
 * the present term, or of no term; core/step.ts sorts out all others before.
 */
import { assert } from "@quorate/base";
import { progressOf } from "../tracker/tracker.ts";
import type { Role } from "../types/hard-state.ts";
import { type NodeId, noNode } from "../types/ids.ts";
import type { AppendEntries, Heartbeat, InstallSnapshot, MessageOf, MessageType } from "../types/message.ts";
import { handleAppendAccepted, handleAppendRejected, handleHeartbeatResponse } from "./acknowledge.ts";
import { becomeFollower } from "./become.ts";
import { handleVoteRequest, handleVoteResponse } from "./election.ts";
import { handleAppendEntries, handleHeartbeat } from "./follower.ts";
import { handleForwardProposal } from "./proposal.ts";
import type { RaftState } from "./raft-state.ts";
import { leaderRead } from "./read-index.ts";
import { send } from "./send.ts";
import { handleInstallSnapshot } from "./snapshotting.ts";
import { accepted, inconsistent, type StepResult } from "./step-result.ts";
import { handleTimeoutNow, startTransfer } from "./transfer.ts";

/** Takes one message in one role. */
type Handler<Type extends MessageType> = (state: RaftState, message: MessageOf<Type>) => StepResult;

/** A handler for each message. */
type RoleHandlers = { readonly [Type in MessageType]: Handler<Type> };

function ignore(): StepResult {
  return accepted;
}

function countVote(state: RaftState, message: MessageOf<"vote-response" | "pre-vote-response">): StepResult {
  handleVoteResponse(state, message);
  return accepted;
}

/** FIG 2 Followers [timeout-restarts]: a message of the present leader restarts the election time-out. */
function hearLeader(state: RaftState, leader: NodeId): void {
  assert(state.role === "follower", "handlers: only a follower hears a leader");
  state.electionElapsedTicks = 0;
  state.leaderSilentTicks = 0;
  state.leader = leader;
}

const follower: RoleHandlers = {
  // RAFT §4.1 [append-from-stranger]: also of a leader that is not in the configuration here.
  "append-entries": (state, message) => {
    hearLeader(state, message.from);
    return handleAppendEntries(state, message);
  },
  heartbeat: (state, message) => {
    hearLeader(state, message.from);
    return handleHeartbeat(state, message);
  },
  // RAFT §5.3 [snapshot-restarts-timeout].
  "install-snapshot": (state, message) => {
    hearLeader(state, message.from);
    return handleInstallSnapshot(state, message);
  },
  "request-vote": handleVoteRequest,
  "pre-vote": handleVoteRequest,
  "timeout-now": (state) => {
    handleTimeoutNow(state);
    return accepted;
  },
  "forward-proposal": handleForwardProposal,
  // RAFT §6.4 [read-by-follower].
  "read-index": (state, message) => {
    if (state.leader !== noNode) {
      send(state, { ...message, to: state.leader });
    }
    return accepted;
  },
  "read-index-response": (state, message) => {
    state.readStates.push({ index: message.index, context: message.context });
    return accepted;
  },
  "transfer-leadership": (state, message) => {
    if (state.leader !== noNode) {
      send(state, { ...message, to: state.leader, term: state.term });
    }
    return accepted;
  },
  "append-response": ignore,
  "heartbeat-response": ignore,
  "vote-response": ignore,
  "pre-vote-response": ignore,
};

/** FIG 2 Candidates [candidate-follows], RAFT §9.6 [pre-vote-ends]: whoever hears the leader of its own term follows it. */
function followLeader<Type extends "append-entries" | "heartbeat" | "install-snapshot">(
  type: Type,
): (state: RaftState, message: MessageOf<Type>) => StepResult {
  const handle = follower[type] as Handler<Type>;
  return (state, message) => {
    becomeFollower(state, message.term, message.from);
    return handle(state, message);
  };
}

const candidate: RoleHandlers = {
  "append-entries": followLeader("append-entries"),
  heartbeat: followLeader("heartbeat"),
  "install-snapshot": followLeader("install-snapshot"),
  "request-vote": handleVoteRequest,
  "pre-vote": handleVoteRequest,
  "vote-response": countVote,
  "pre-vote-response": countVote,
  "forward-proposal": handleForwardProposal,
  "append-response": ignore,
  "heartbeat-response": ignore,
  "timeout-now": ignore,
  "read-index": ignore,
  "read-index-response": ignore,
  "transfer-leadership": ignore,
};

/** FIG 3 Election Safety [election-safety]: no other member can lead in this term; such a message is forged or this disk lost its vote. */
function secondLeader(state: RaftState, message: AppendEntries | Heartbeat | InstallSnapshot): StepResult {
  assert(message.term === state.term, "handlers: of another term");
  return inconsistent("a second leader in one term");
}

const leader: RoleHandlers = {
  "append-response": (state, message) => {
    const progress = progressOf(state.tracker, message.from);
    if (progress === null) {
      return accepted;
    }
    if (message.rejected) {
      handleAppendRejected(state, progress, message);
      return accepted;
    }
    if (message.index > state.log.lastIndex) {
      return inconsistent("append-response: beyond the end of the leader's log");
    }
    handleAppendAccepted(state, progress, message);
    return accepted;
  },
  "heartbeat-response": (state, message) => {
    handleHeartbeatResponse(state, message);
    return accepted;
  },
  "forward-proposal": handleForwardProposal,
  "read-index": (state, message) => {
    leaderRead(state, { from: message.from, context: message.context });
    return accepted;
  },
  "transfer-leadership": (state, message) => {
    startTransfer(state, message.from);
    return accepted;
  },
  "request-vote": handleVoteRequest,
  "pre-vote": handleVoteRequest,
  "append-entries": secondLeader,
  heartbeat: secondLeader,
  "install-snapshot": secondLeader,
  "vote-response": ignore,
  "pre-vote-response": ignore,
  "timeout-now": ignore,
  "read-index-response": ignore,
};

/** The table. */
export const handlers: { readonly [R in Role]: RoleHandlers } = {
  follower,
  "pre-candidate": candidate,
  candidate,
  leader,
};
