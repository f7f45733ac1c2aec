/**
 * What a leader sends (RAFT §3.5, §10.2.2): appends, heartbeats, and in a snapshot's place the snapshot. It never waits: entries
 * that are not in memory are asked for, and the member is served when they have come.
 */
import { assert } from "@quorate/base";
import { becomeProbe, isPaused, type Progress, sentEntries } from "../tracker/progress.ts";
import { progressOf } from "../tracker/tracker.ts";
import type { Entry } from "../types/entry.ts";
import { type LogIndex, minIndex, type NodeId, previousIndex, type Term } from "../types/ids.ts";
import { logEnd, type RaftState } from "./raft-state.ts";
import { send } from "./send.ts";
import { sendSnapshot } from "./snapshotting.ts";

/** Sends an append to every other member that can take one, empty or not. RAFT §4.3 [joint-replicates-to-all]: of both halves. */
export function broadcastAppend(state: RaftState): void {
  assert(state.role === "leader", "replicate: only a leader sends appends");
  for (const progress of state.tracker.membership.members) {
    if (progress.id !== state.id) {
      sendAppend(state, progress, true);
    }
  }
}

/** Sends every other member what it lacks, but no empty appends. */
export function broadcastEntries(state: RaftState): void {
  assert(state.role === "leader", "replicate: only a leader sends appends");
  for (const progress of state.tracker.membership.members) {
    if (progress.id !== state.id) {
      sendAppend(state, progress, false);
    }
  }
}

/**
 * Sends one append, or a snapshot where the log no longer reaches back far enough; whether anything was sent. An append without
 * entries still tells the commit index and finds out what was lost.
 */
export function sendAppend(state: RaftState, progress: Progress, sendIfEmpty: boolean): boolean {
  assert(state.role === "leader", "replicate: only a leader sends appends");
  assert(progress.id !== state.id, "replicate: append to self");
  if (isPaused(progress)) {
    return false;
  }
  assert(progress.match < progress.next, "replicate: match below next");
  // FIG 2 Rules for Servers, Leaders [leader-sends-next].
  const previous = previousIndex(progress.next);
  const term = state.log.term(previous);
  if (typeof term !== "number") {
    assert(term === "compacted", "replicate: next lies beyond the log");
    return sendSnapshot(state, progress);
  }
  // A full window carries no more entries; the empty append alone finds out whether what is under way was lost.
  const windowFull = progress.state === "replicate" && progress.inflights.full;
  const entries = windowFull ? noEntries : entriesFrom(state, progress.next);
  if (entries === "compacted") {
    return sendSnapshot(state, progress);
  }
  if (entries === "pending") {
    progress.waitsForLog = true;
    return false;
  }
  if (entries.length === 0 && !sendIfEmpty) {
    return false;
  }
  emitAppend(state, progress, previous, term, entries);
  return true;
}

const noEntries: readonly Entry[] = [];

/** RAFT §3.6.2 [entry-keeps-term]: entries as they stand in the log. */
function entriesFrom(state: RaftState, low: LogIndex): readonly Entry[] | "compacted" | "pending" {
  const end = logEnd(state);
  assert(low <= end, "replicate: next lies beyond the log");
  return low >= end ? noEntries : state.log.entries(low, end, state.config.appendBytesMax);
}

function emitAppend(
  state: RaftState,
  progress: Progress,
  previous: LogIndex,
  term: Term,
  entries: readonly Entry[],
): void {
  assert(
    entries.length === 0 || entries[0]?.index === previous + 1,
    "replicate: entries follow the one before",
  );
  // FIG 2 AppendEntries arguments [append-arguments]; the commit index: RAFT §3.5 [commit-told].
  send(state, {
    type: "append-entries",
    from: state.id,
    to: progress.id,
    term: state.term,
    previous: { term, index: previous },
    entries,
    commit: state.log.committed,
  });
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.data.length;
  }
  assert(bytes >= 0 && Number.isSafeInteger(bytes), "replicate: bytes are counted");
  sentEntries(progress, entries.length, bytes);
  progress.sentCommit = state.log.committed;
}

/** Tells every other member that this one leads; `context` names the reads that the round confirms. FIG 2 Leaders [leader-heartbeats]. */
export function broadcastHeartbeat(state: RaftState, context: Uint8Array): void {
  assert(state.role === "leader", "replicate: only a leader sends heartbeats");
  for (const progress of state.tracker.membership.members) {
    if (progress.id !== state.id) {
      sendHeartbeat(state, progress, context);
    }
  }
}

function sendHeartbeat(state: RaftState, progress: Progress, context: Uint8Array): void {
  // A heartbeat proves nothing about the member's log, so it never names a commit index beyond what is known to match.
  const commit = minIndex(progress.match, state.log.committed);
  assert(progress.id !== state.id, "replicate: heartbeat to self");
  send(state, {
    type: "heartbeat",
    from: state.id,
    to: progress.id,
    term: state.term,
    commit,
    context,
  });
  assert(commit <= progress.match, "replicate: a heartbeat claims what may be missing");
  progress.sentCommit = commit;
}

/** A message to `id` was lost: go back to one append at a time. */
export function reportUnreachable(state: RaftState, id: NodeId): void {
  const progress = progressOf(state.tracker, id);
  if (state.role === "leader" && progress !== null && progress.state === "replicate") {
    becomeProbe(progress);
  }
}

/** Serves the members that were skipped because their entries were not in memory. */
export function resumeAfterLoad(state: RaftState): void {
  for (const progress of state.tracker.membership.members) {
    if (progress.waitsForLog) {
      progress.waitsForLog = false;
      if (state.role === "leader" && progress.id !== state.id) {
        sendAppend(state, progress, true);
      }
    }
  }
}
