/**
 * Snapshots in place of a log prefix (RAFT §5.1, §5.3). The image travels and is stored beside; here only its place in the log
 * counts, and the configuration in it.
 */
import { assert } from "@quorate/base";
import { isInConfState, normalizeConfState, validateConfState } from "../conf/restore.ts";
import { becomeProbe, becomeSnapshot, type Progress } from "../tracker/progress.ts";
import { progressOf } from "../tracker/tracker.ts";
import { indexZero, type NodeId, termZero } from "../types/ids.ts";
import type { InstallSnapshot } from "../types/message.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { endSnapshotRequest, learnCommit } from "./commit-ceiling.ts";
import { acknowledgeTo } from "./follower.ts";
import { createMembership, type RaftState } from "./raft-state.ts";
import { send } from "./send.ts";
import { accepted, inconsistent, type StepResult } from "./step-result.ts";

/** RAFT §5.3 [snapshot-when-gone]: sends the newest snapshot to a member that needs entries which are gone; whether it was sent. */
export function sendSnapshot(state: RaftState, progress: Progress): boolean {
  assert(state.role === "leader", "snapshot: only a leader sends one");
  // An image is too much to send to a member that may be gone.
  if (!progress.recentActive) {
    return false;
  }
  const snapshot = state.log.snapshot();
  if (snapshot === "pending") {
    return false;
  }
  assert(snapshot !== null, "snapshot: the log was compacted without one");
  assert(snapshot.index <= state.log.committed, "snapshot: of what is not committed");
  becomeSnapshot(progress, snapshot.index);
  send(state, { type: "install-snapshot", from: state.id, to: progress.id, term: state.term, snapshot });
  return true;
}

/** The driver says how the transfer to `id` ended. Until the member answers, nothing is sent to it. */
export function reportSnapshot(state: RaftState, id: NodeId, ok: boolean): void {
  const progress = progressOf(state.tracker, id);
  if (state.role !== "leader" || progress === null || progress.state !== "snapshot") {
    return;
  }
  if (!ok) {
    progress.pendingSnapshot = indexZero;
  }
  becomeProbe(progress);
  assert(progress.pendingSnapshot === indexZero, "snapshot: none is under way any more");
  // After a success: wait for the acknowledgement. After a failure: for a heartbeat's answer, before trying again.
  progress.flowPaused = true;
}

/** Takes a snapshot that brings something new, and acknowledges what is then there. RAFT §5.3. */
export function handleInstallSnapshot(state: RaftState, message: InstallSnapshot): StepResult {
  assert(message.term === state.term, "snapshot: of another term");
  const { snapshot } = message;
  const problems = validateConfState(normalizeConfState(snapshot.confState));
  const { index, term } = snapshot;
  if (problems.length > 0 || term > message.term || (index > 0 && term === termZero)) {
    return inconsistent("install-snapshot: impossible metadata");
  }
  const restored = restore(state, snapshot);
  acknowledgeTo(state, message, restored ? state.log.lastIndex : state.log.committed);
  return accepted;
}

/** Replaces log and configuration by `snapshot`; false when there is nothing to gain from it. */
function restore(state: RaftState, snapshot: SnapshotMetadata): boolean {
  assert(state.role === "follower", "snapshot: only a follower restores one");
  if (snapshot.index <= state.log.committed) {
    return false;
  }
  if (!isInConfState(snapshot.confState, state.id)) {
    // It was made before this member was added, or is not meant for it.
    return false;
  }
  if (state.log.matches(snapshot)) {
    // RAFT §5.3 [snapshot-of-prefix]: a snapshot of a prefix of the log teaches only that the prefix is committed; the rest of the log stays.
    learnCommit(state, snapshot.index);
    return false;
  }
  // Whatever was asked for: this image takes the place of the state machine too.
  endSnapshotRequest(state);
  state.log.restore(snapshot);
  // RAFT §5.1 [snapshot-configuration]: the configuration at the snapshot's index is in force, also a joint one.
  state.tracker.membership = createMembership(state, normalizeConfState(snapshot.confState));
  assert(state.log.lastIndex === snapshot.index, "snapshot: the log ends with it");
  assert(state.log.committed === snapshot.index, "snapshot: all of it is committed");
  return true;
}
