/** What a leader learns from the answers of its members (RAFT §3.5): where the logs agree, what is committed, who still listens. */
import { assert } from "@quorate/base";
import { findConflictByTerm } from "../log/conflict.ts";
import {
  acknowledge,
  becomeProbe,
  becomeReplicate,
  canRaiseCommit,
  type Progress,
  retreat,
} from "../tracker/progress.ts";
import { progressOf } from "../tracker/tracker.ts";
import type { LogIndex } from "../types/ids.ts";
import type { AppendAccepted, AppendRejected, HeartbeatResponse } from "../types/message.ts";
import { advanceCommit } from "./commit.ts";
import type { RaftState } from "./raft-state.ts";
import { noteReadEcho, releaseEarlyReads } from "./read-index.ts";
import { broadcastAppend, sendAppend } from "./replication.ts";
import { finishTransferWhenCaughtUp } from "./transfer.ts";

/** FIG 2 Leaders [leader-success]: if successful, update nextIndex and matchIndex. Also the own disk's acknowledgement. */
export function handleAppendAccepted(state: RaftState, progress: Progress, message: AppendAccepted): void {
  assert(state.role === "leader", "acknowledge: only a leader counts");
  assert(message.term === state.term, "acknowledge: of another term");
  assert(message.from === progress.id, "acknowledge: another member's progress");
  assert(message.index <= state.log.lastIndex, "acknowledge: beyond the end of the log");
  progress.recentActive = true;
  const { match } = progress;
  const isNews = acknowledge(progress, message.index);
  // FIG 2 State [match-grows]: a late acknowledgement takes nothing back.
  assert(progress.match >= match, "acknowledge: match goes back");
  // A probe that was answered with what is known already still shows where the logs agree.
  if (!isNews && !(progress.match === message.index && progress.state === "probe")) {
    return;
  }
  resumeAfterAck(state, progress, message.index);
  if (advanceCommit(state)) {
    releaseEarlyReads(state);
    broadcastAppend(state);
  } else if (progress.id !== state.id && canRaiseCommit(progress, state.log.committed)) {
    sendAppend(state, progress, true);
  }
  if (progress.id !== state.id) {
    // The freed window may take several appends.
    while (sendAppend(state, progress, false)) {
      assert(progress.state !== "probe" || progress.flowPaused, "replicate: a probe sends one append");
    }
  }
  finishTransferWhenCaughtUp(state, progress);
}

function resumeAfterAck(state: RaftState, progress: Progress, index: LogIndex): void {
  assert(progress.match >= index, "acknowledge: resumed by what was not taken");
  switch (progress.state) {
    case "probe":
      becomeReplicate(progress);
      return;
    case "snapshot":
      // Whatever made the member's log meet this one's: it needs the image no longer.
      if (progress.match + 1 >= state.log.firstIndex) {
        becomeProbe(progress);
        becomeReplicate(progress);
      }
      return;
    case "replicate":
      progress.inflights.freeTo(index);
  }
}

/** FIG 2 Leaders [leader-backs-up]: if refused for inconsistency, decrement nextIndex and retry; here by whole terms. */
export function handleAppendRejected(state: RaftState, progress: Progress, message: AppendRejected): void {
  assert(state.role === "leader", "acknowledge: only a leader counts");
  assert(message.from === progress.id, "acknowledge: another member's progress");
  progress.recentActive = true;
  // RAFT §3.5 [hint-by-term], RAFT §4.2.1 [joiner-found-empty]: one probe for each conflicting term instead of each entry. The member's last possible term of agreement is the
  // hint's, and this log's entries with later terms cannot be among those that agree.
  const hint =
    message.hint.term > 0
      ? findConflictByTerm(state.log, message.hint.index, message.hint.term).index
      : message.hint.index;
  if (!retreat(progress, message.index, hint)) {
    return;
  }
  if (progress.state === "replicate") {
    becomeProbe(progress);
  }
  sendAppend(state, progress, true);
}

/** A member that answers is served again: what was under way may have been lost. */
export function handleHeartbeatResponse(state: RaftState, message: HeartbeatResponse): void {
  assert(state.role === "leader", "acknowledge: only a leader asks who listens");
  const progress = progressOf(state.tracker, message.from);
  if (progress === null) {
    return;
  }
  progress.recentActive = true;
  progress.flowPaused = false;
  // RAFT §3.5 [append-retry]: also a member that has everything is probed until it says so.
  if (progress.match < state.log.lastIndex || progress.state === "probe") {
    sendAppend(state, progress, true);
  }
  noteReadEcho(state, message.from, message.context);
}
