/**
 * Leases on leadership, counted in ticks. A member that heard its leader within an election time-out does not help to depose it
 * (RAFT §4.2.3), and a leader may rely on that to answer reads by its clock alone (RAFT §6.4.1), where that is switched on.
 */
import { assert } from "@quorate/base";
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

/** Whether reads are answered by the lease: safe only while all clocks run about equally fast. RAFT §6.4.1 [lease-by-heartbeats]. */
export function leaseAnswersReads(state: RaftState): boolean {
  assert(state.role === "leader", "lease: only a leader holds it");
  if (state.config.readMode !== "lease") {
    return false;
  }
  assert(state.config.checkQuorum, "lease: without the quorum check a deposed leader would answer");
  return true;
}
