/**
 * The leader's view of one member: what it has (`match`), what is sent next (`next`), and how: `probe` finds where the logs
 * agree with one append at a time, `replicate` pipelines, `snapshot` waits for an image to arrive. RAFT §3.5, §10.2.2, §5.3.
 * Only the leader's own term counts; everything is rebuilt when a leader is elected. FIG 2 State, volatile on leaders.
 */
import { assert } from "@quorate/base";
import {
  indexZero,
  type LogIndex,
  maxIndex,
  minIndex,
  type NodeId,
  nextIndex,
  offsetIndex,
  previousIndex,
} from "../types/ids.ts";
import type { ProgressState, ProgressStatus } from "../types/status.ts";
import type { Inflights } from "./inflights.ts";

/**
 * INV progress: 0 ≤ match < next; but in `snapshot`, next = pendingSnapshot + 1, whatever the member has.
 * PERF: one flat mutable record instead of a union of states, so that every member has the same hidden class.
 */
export interface Progress {
  readonly id: NodeId;
  match: LogIndex;
  next: LogIndex;
  /** The highest commit index sent; it tells whether an empty append would bring news. */
  sentCommit: LogIndex;
  state: ProgressState;
  /** In `snapshot`: the index of the image under way. Otherwise 0. */
  pendingSnapshot: LogIndex;
  /** Whether it was heard since the last check of the quorum. RAFT §6.2. */
  recentActive: boolean;
  /** Whether appends wait for an answer. */
  flowPaused: boolean;
  isLearner: boolean;
  /** Whether an append was skipped because its entries were not in memory. */
  waitsForLog: boolean;
  readonly inflights: Inflights;
}

/** A member of whom only the id is known: probed from `next`. */
export function createProgress(
  id: NodeId,
  next: LogIndex,
  isLearner: boolean,
  inflights: Inflights,
): Progress {
  assert(next > 0, "progress: next starts above 0");
  assert(inflights.count === 0, "progress: a new window is empty");
  return {
    id,
    match: indexZero,
    next,
    sentCommit: indexZero,
    state: "probe",
    pendingSnapshot: indexZero,
    recentActive: false,
    flowPaused: false,
    isLearner,
    waitsForLog: false,
    inflights,
  };
}

/** Forgets what an earlier term knew: the member has nothing, as far as this leader knows. */
export function resetProgress(progress: Progress, match: LogIndex, next: LogIndex): void {
  assert(match < next, "progress: match below next");
  resetState(progress, "probe");
  progress.match = match;
  progress.next = next;
  assert(progress.state === "probe", "progress: a new leader probes");
  progress.sentCommit = indexZero;
  progress.recentActive = false;
  progress.waitsForLog = false;
}

function resetState(progress: Progress, state: ProgressState): void {
  progress.state = state;
  progress.flowPaused = false;
  progress.pendingSnapshot = indexZero;
  progress.inflights.reset();
  assert(progress.inflights.count === 0, "progress: a reset window is empty");
  assert(progress.inflights.bytes === 0, "progress: a reset window holds no bytes");
}

/** Sends one append at a time from after `match`, or from after the snapshot that arrived. */
export function becomeProbe(progress: Progress): void {
  const arrived = progress.state === "snapshot" ? progress.pendingSnapshot : indexZero;
  resetState(progress, "probe");
  progress.next = nextIndex(maxIndex(progress.match, arrived));
  assert(progress.pendingSnapshot === indexZero, "progress: a probe waits for no snapshot");
  assert(!progress.flowPaused, "progress: a new probe may leave");
  capSentCommit(progress);
  assert(progress.match < progress.next, "progress: match below next");
}

/** Pipelines appends from after `match`. */
export function becomeReplicate(progress: Progress): void {
  resetState(progress, "replicate");
  progress.next = nextIndex(progress.match);
  assert(progress.match < progress.next, "progress: match below next");
  assert(progress.inflights.count === 0, "progress: a reset window is empty");
  assert(!progress.flowPaused, "progress: nothing to wait for");
}

/** Waits until the image at `index` has arrived. */
export function becomeSnapshot(progress: Progress, index: LogIndex): void {
  // ETCD: as there, also an image that brings nothing new is sent: what a storage offers that compacted further is for its driver to judge.
  assert(index > 0, "progress: a snapshot of nothing");
  resetState(progress, "snapshot");
  progress.pendingSnapshot = index;
  progress.next = nextIndex(index);
  progress.sentCommit = index;
  assert(progress.next === index + 1, "progress: next follows the image");
  assert(progress.inflights.count === 0, "progress: a reset window is empty");
}

/** Notes that `count` entries of `bytes` left. */
export function sentEntries(progress: Progress, count: number, bytes: number): void {
  assert(progress.state !== "snapshot", "progress: no append while a snapshot is under way");
  assert(count >= 0 && bytes >= 0, "progress: negative entries");
  assert(count > 0 || bytes === 0, "progress: bytes without entries");
  if (progress.state === "probe") {
    // RAFT §3.5 [probe-one].
    if (count > 0) {
      progress.flowPaused = true;
    }
    return;
  }
  if (count > 0) {
    assert(!progress.inflights.full, "progress: entries beyond the window");
    progress.next = offsetIndex(progress.next, count);
    progress.inflights.add(previousIndex(progress.next), bytes);
  }
  progress.flowPaused = progress.inflights.full;
}

/** Whether an append would tell the member a commit index that it lacks and can use. */
export function canRaiseCommit(progress: Progress, commit: LogIndex): boolean {
  assert(commit >= 0, "progress: negative commit index");
  return commit > progress.sentCommit && progress.sentCommit < previousIndex(progress.next);
}

/** Takes an acknowledgement up to `index`; false when it brings nothing new. FIG 2 State [match-grows]. */
export function acknowledge(progress: Progress, index: LogIndex): boolean {
  assert(index >= 0, "progress: negative index");
  if (index <= progress.match) {
    return false;
  }
  progress.match = index;
  progress.next = maxIndex(progress.next, nextIndex(index));
  progress.flowPaused = false;
  assert(progress.match < progress.next, "progress: match below next");
  return true;
}

/**
 * Takes a refusal of the append whose previous entry is `refused`; false when it is stale. RAFT §3.5: the leader decrements
 * next and retries.
 */
export function retreat(progress: Progress, refused: LogIndex, hint: LogIndex): boolean {
  assert(refused >= 0 && hint >= 0, "progress: negative index");
  // What is known to match never regresses: such a refusal was overtaken by an acknowledgement, or the member lost what it
  // acknowledged and asks for it itself. ETCD: differs, a probe goes out again at once, and one more for each heartbeat, for ever.
  if (refused <= progress.match) {
    return false;
  }
  if (progress.state === "replicate") {
    progress.next = nextIndex(progress.match);
    capSentCommit(progress);
    assert(progress.next <= refused, "progress: a refusal leads back");
    return true;
  }
  // A probe has one append under way; a refusal of any other is stale.
  if (previousIndex(progress.next) !== refused) {
    return false;
  }
  progress.next = maxIndex(minIndex(refused, nextIndex(hint)), nextIndex(progress.match));
  capSentCommit(progress);
  progress.flowPaused = false;
  assert(progress.match < progress.next, "progress: match below next");
  return true;
}

/** Whether nothing may be sent now. */
export function isPaused(progress: Progress): boolean {
  return progress.state === "snapshot" || progress.flowPaused;
}

function capSentCommit(progress: Progress): void {
  progress.sentCommit = minIndex(progress.sentCommit, previousIndex(progress.next));
  assert(progress.sentCommit < progress.next, "progress: told a commit index beyond what was sent");
}

/** A copy for observers. */
export function progressStatus(progress: Progress): ProgressStatus {
  return {
    id: progress.id,
    match: progress.match,
    next: progress.next,
    state: progress.state,
    paused: isPaused(progress),
    pendingSnapshot: progress.pendingSnapshot,
    recentActive: progress.recentActive,
    isLearner: progress.isLearner,
    inflightCount: progress.inflights.count,
    inflightFull: progress.inflights.count > 0 && progress.inflights.full,
  };
}
