/** What follows when the driver has applied entries or made a snapshot durable. FIG 2 All Servers. */
import { assert } from "@quorate/base";
import { type LogIndex, maxIndex } from "../types/ids.ts";
import { releasePages, releaseUncommitted } from "./flow-control.ts";
import { leaveWhenDue } from "./membership.ts";
import type { RaftState } from "./raft-state.ts";

/** The state machine holds everything up to `index`. */
export function markApplied(state: RaftState, index: LogIndex): void {
  assert(index <= state.log.committed, "apply: what is applied was committed");
  const payloadBytes = releasePages(state, index);
  raiseApplied(state, index);
  releaseUncommitted(state, payloadBytes);
}

/** The snapshot at `index` is durable: everything up to it counts as applied. */
export function markSnapshotStable(state: RaftState, index: LogIndex): void {
  state.log.unstable.stableSnapshotTo(index);
  assert(index <= state.log.committed, "apply: a snapshot holds what is committed");
  raiseApplied(state, index);
}

function raiseApplied(state: RaftState, index: LogIndex): void {
  state.log.appliedTo(maxIndex(index, state.log.applied));
  assert(state.log.applied >= index, "apply: what was applied is noted");
  assert(state.log.applied <= state.log.committed, "apply: nothing is applied that is not committed");
  leaveWhenDue(state);
}
