/**
 * A follower that asked its leader for an image although its log is whole, because it doubts its state machine. Until the image is there
 * it takes and acknowledges entries as ever, but learns no commit index above the ceiling: what is applied stays where the image
 * can take its place. Not of the papers; a follower may always be late to learn what is committed (FIG 2 State, commitIndex).
 */
import { assert } from "@quorate/base";
import { type LogIndex, minIndex, nextIndex, noNode } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import type { RaftState } from "./raft-state.ts";

/** Why no image is asked for. */
export type SnapshotRequestRefusal = "no-leader" | "is-leader" | "already-asked" | "restoring" | "behind";

/** How asking for an image ended: `index` is the lowest that the image may have. */
export type SnapshotRequestResult =
  | { readonly ok: true; readonly index: LogIndex }
  | { readonly ok: false; readonly reason: SnapshotRequestRefusal };

/** Stops learning what is committed, until the image is there or {@link endSnapshotRequest}. */
export function requestSnapshot(state: RaftState): SnapshotRequestResult {
  const { log } = state;
  const reason = refusalOf(state);
  if (reason !== null) {
    return { ok: false, reason };
  }
  assert(state.role === "follower", "snapshot request: only a follower asks");
  state.commitCeiling = log.committed;
  // Above everything that this member may have made an image of by itself.
  return { ok: true, index: nextIndex(log.committed) };
}

function refusalOf(state: RaftState): SnapshotRequestRefusal | null {
  if (state.role === "leader") {
    return "is-leader";
  }
  if (state.role !== "follower" || state.leader === noNode) {
    return "no-leader";
  }
  if (state.commitCeiling !== null) {
    return "already-asked";
  }
  if (state.log.unstable.snapshot !== null) {
    return "restoring";
  }
  return state.voteFloor === null ? null : "behind";
}

/**
 * The image that was asked for is on its way: everything up to it is committed, and is applied before the image takes its place. False
 * where the log here does not hold its last entry; it is then taken like any other image, in place of the log.
 */
export function raiseCommitCeiling(state: RaftState, image: SnapshotMetadata): boolean {
  const { commitCeiling, log } = state;
  if (commitCeiling === null || image.index < commitCeiling || !log.matches(image)) {
    return false;
  }
  // RAFT §5.3 [snapshot-of-prefix]: what the leader has an image of is committed.
  state.commitCeiling = image.index;
  log.commitTo(image.index);
  assert(log.committed === image.index, "snapshot request: nothing above the image is known to be committed");
  return true;
}

/** Learns again what is committed. */
export function endSnapshotRequest(state: RaftState): void {
  state.commitCeiling = null;
}

/** Learns that everything up to `index` is committed, as far as it may be known now. */
export function learnCommit(state: RaftState, index: LogIndex): void {
  const { commitCeiling, log } = state;
  assert(state.role === "follower", "commit: others find it out by themselves");
  log.commitTo(commitCeiling === null ? index : minIndex(index, commitCeiling));
  assert(commitCeiling === null || log.committed <= commitCeiling, "commit: above the ceiling");
}
