/** The clock of the protocol: elections when no leader is heard, heartbeats while leading. RAFT §3.4, §3.9. */
import { assert } from "@quorate/base";
import { isVoter } from "../quorum/joint.ts";
import { isQuorumActive } from "../tracker/tracker.ts";
import { type NodeId, noNode } from "../types/ids.ts";
import { becomeFollower } from "./become.ts";
import { ordinaryCampaign, startElection } from "./election.ts";
import { leaveWhenDue } from "./membership.ts";
import { isPromotable, type RaftState } from "./raft-state.ts";
import { heartbeatContext } from "./read-index.ts";
import { broadcastHeartbeat } from "./replication.ts";
import { abortTransfer, startTransfer } from "./transfer.ts";

/** One unit of time has passed. */
export function tick(state: RaftState): void {
  state.leaderSilentTicks++;
  if (state.role === "leader") {
    tickLeader(state);
  } else {
    tickElection(state);
  }
}

/** FIG 2 Followers [follower-timeout, follower-passive], FIG 2 Candidates [candidate-again]: without a leader for an election time-out, become a candidate. */
function tickElection(state: RaftState): void {
  assert(state.role !== "leader", "tick: leaders hold no election");
  state.electionElapsedTicks++;
  assert(state.randomizedTimeoutTicks > 0, "tick: a time-out was drawn");
  if (isPromotable(state) && state.electionElapsedTicks >= state.randomizedTimeoutTicks) {
    state.electionElapsedTicks = 0;
    startElection(state, ordinaryCampaign(state));
  }
}

function tickLeader(state: RaftState): void {
  assert(state.leader === state.id, "tick: a leader knows that it leads");
  state.heartbeatElapsedTicks++;
  state.electionElapsedTicks++;
  if (state.electionElapsedTicks >= state.config.electionTimeoutTicks) {
    state.electionElapsedTicks = 0;
    leaderTimeout(state);
  }
  // The quorum check may just have ended this leadership.
  if (state.role === "leader" && state.heartbeatElapsedTicks >= state.config.heartbeatTicks) {
    state.heartbeatElapsedTicks = 0;
    // FIG 2 Leaders [leader-heartbeats]: heartbeats during idle periods.
    broadcastHeartbeat(state, heartbeatContext(state));
  }
}

function leaderTimeout(state: RaftState): void {
  assert(state.role === "leader", "tick: of a leader");
  if (state.config.checkQuorum) {
    checkQuorum(state);
  }
  // RAFT §3.10 [transfer-gives-up]: a transfer that did not end within an election time-out is given up.
  if (state.role === "leader" && state.transferee !== noNode) {
    const { transferee } = state;
    abortTransfer(state);
    if (state.config.handOverCompleted && state.config.stepDownOnRemoval && !votes(state)) {
      handOverAgain(state, transferee);
    }
  }
  // A joint configuration that was applied during a transfer that came to nothing would else stay until something else is applied.
  if (state.config.leaveRetried) {
    leaveWhenDue(state);
  }
}

function votes(state: RaftState): boolean {
  return isVoter(state.tracker.membership.confState, state.id);
}

/**
 * RAFT §4.2.2 [removed-leader-hands-over]: a leader that has no vote any more tries the next one, the most complete first. It ends with the check
 * of the quorum; where there is none, now.
 */
function handOverAgain(state: RaftState, before: NodeId): void {
  assert(state.role === "leader" && state.transferee === noNode, "tick: a hand-over is under way");
  const { confState, members } = state.tracker.membership;
  const heirs = members
    .filter(({ id }) => isVoter(confState, id))
    .sort((left, right) => right.match - left.match);
  const heir = heirs.find(({ id }) => id !== before) ?? heirs[0];
  if (!state.config.checkQuorum || heir === undefined || startTransfer(state, heir.id) !== null) {
    becomeFollower(state, state.term, noNode);
  }
}

/** RAFT §6.2 [quorum-check]: a leader that did not hear a quorum for an election time-out steps down, so that clients look elsewhere. */
function checkQuorum(state: RaftState): void {
  assert(state.role === "leader", "tick: only leaders check the quorum");
  if (!isQuorumActive(state.tracker)) {
    becomeFollower(state, state.term, noNode);
  }
  for (const progress of state.tracker.membership.members) {
    if (progress.id !== state.id) {
      progress.recentActive = false;
    }
  }
}
