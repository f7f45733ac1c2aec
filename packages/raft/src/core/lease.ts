/**
 * Leases on leadership. A member that heard its leader within an election time-out does not help to depose it (RAFT §4.2.3), and a
 * leader may rely on that to answer reads by its clock alone (RAFT §6.4.1), where that is switched on. The core counts ticks; how
 * long they took, and so whether the lease still runs, is for the driver to say by `allowLease`.
 */
import { assert } from "@quorate/base";
import { isSingleton } from "../tracker/tracker.ts";
import { noNode } from "../types/ids.ts";
import type { RaftState } from "./raft-state.ts";

/** Whether a request for votes must be ignored because a leader was heard lately. RAFT §4.2.3. */
export function isLeaderFresh(state: RaftState): boolean {
  return (
    state.config.checkQuorum &&
    state.leader !== noNode &&
    state.electionElapsedTicks < state.config.electionTimeoutTicks
  );
}

/**
 * Whether this member has promised some leader not to elect another yet. ETCD: differs, there the promise ends with whatever makes a
 * member forget its leader: a restart, a message of a later term, a campaign on request; a lease that rests on it would be void.
 */
export function keepsLeasePromise(state: RaftState): boolean {
  const { electionTimeoutTicks, leaseProtected, readMode } = state.config;
  assert(state.leaderSilentTicks >= 0, "lease: negative ticks");
  return (
    readMode === "lease" &&
    leaseProtected &&
    state.leaderSilentTicks < electionTimeoutTicks &&
    !isSingleton(state.tracker)
  );
}

/** Whether reads are answered by the lease: safe only while all clocks run about equally fast. RAFT §6.4.1 [lease-by-heartbeats]. */
export function leaseAnswersReads(state: RaftState): boolean {
  assert(state.role === "leader", "lease: only a leader holds it");
  if (state.config.readMode !== "lease") {
    return false;
  }
  assert(state.config.checkQuorum, "lease: without the quorum check a deposed leader would answer");
  if (!state.config.leaseProtected) {
    return true;
  }
  // RAFT §6.4.1 [lease-ends-before-transfer]: whom it told to campaign is elected without regard to the lease, now or whenever the message arrives.
  return state.leaseAllowed && !state.leaseGivenUp && state.transferee === noNode;
}
