/** Handing leadership over (RAFT §3.10): bring the target up to date, take no proposals meanwhile, tell it to campaign at once. */
import { assert } from "@quorate/base";
import type { Progress } from "../tracker/progress.ts";
import { progressOf } from "../tracker/tracker.ts";
import { type NodeId, noNode } from "../types/ids.ts";
import { startElection } from "./election.ts";
import type { RaftState } from "./raft-state.ts";
import { sendAppend } from "./replication.ts";
import { send } from "./send.ts";

/** Why a transfer does not begin; null when it does, or when it is under way already. */
export type TransferRefusal = "not-leader" | "not-a-member" | "learner" | "already-leader" | null;

/** Begins to hand over to `target`. RAFT §3.10 step 1: from now on no new proposals. */
export function startTransfer(state: RaftState, target: NodeId): TransferRefusal {
  assert(state.role === "leader", "transfer: only a leader hands over");
  const progress = progressOf(state.tracker, target);
  if (progress === null) {
    return "not-a-member";
  }
  if (progress.isLearner) {
    return "learner";
  }
  if (state.transferee === target) {
    return null;
  }
  state.transferee = noNode;
  if (target === state.id) {
    return "already-leader";
  }
  // RAFT §3.10: the transfer has one election time-out to succeed, counted from now.
  assert(target !== noNode, "transfer: to nobody");
  state.electionElapsedTicks = 0;
  state.transferee = target;
  // RAFT §3.10 step 2 [transfer-catch-up]: the target needs all of the log first.
  if (progress.match === state.log.lastIndex) {
    sendTimeoutNow(state, target);
  } else {
    sendAppend(state, progress, true);
  }
  return null;
}

/** RAFT §3.10 step 3: the target acknowledged the whole log, so it may campaign. */
export function finishTransferWhenCaughtUp(state: RaftState, progress: Progress): void {
  assert(progress.match <= state.log.lastIndex, "transfer: more than there is");
  if (progress.id === state.transferee && progress.match === state.log.lastIndex) {
    sendTimeoutNow(state, progress.id);
  }
}

/** Gives up: proposals are taken again. */
export function abortTransfer(state: RaftState): void {
  assert(state.role === "leader", "transfer: only a leader hands over");
  assert(state.transferee !== noNode, "transfer: none is under way");
  state.transferee = noNode;
}

function sendTimeoutNow(state: RaftState, target: NodeId): void {
  assert(state.role === "leader", "transfer: only a leader hands over");
  assert(target !== state.id, "transfer: to self");
  assert(state.transferee === target, "transfer: to somebody else than was asked for");
  state.leaseGivenUp = true;
  send(state, { type: "timeout-now", from: state.id, to: target, term: state.term });
}

/** RAFT §3.10 [transfer-now]: the target campaigns as if its time-out had passed; without a trial, because the leader is not lost. */
export function handleTimeoutNow(state: RaftState): void {
  assert(state.role === "follower", "transfer: only a follower takes over");
  startElection(state, "transfer");
}
