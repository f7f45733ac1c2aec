/**
 * The members: the configuration in force, the leader's progress of each, and the votes of the present election. Members are
 * visited in ascending order of id, so that two runs of one history send the same messages in the same order.
 */
import { assert } from "@quorate/base";
import { jointAcked, jointVote } from "../quorum/joint.ts";
import type { VoteResult } from "../quorum/vote-result.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { LogIndex, NodeId } from "../types/ids.ts";
import { toLogIndex } from "../types/ids.ts";
import { Inflights } from "./inflights.ts";
import type { Progress } from "./progress.ts";

/** The configuration in force and the progress of each of its members. Both are replaced together. */
export interface Membership {
  readonly confState: ConfState;
  /** Ascending by id: each voter of either half and each learner, once. */
  readonly members: readonly Progress[];
}

/** All that the core keeps about its members. */
export interface Tracker {
  membership: Membership;
  readonly votes: Map<NodeId, boolean>;
  readonly inflightCountMax: number;
  readonly inflightBytesMax: number;
}

/** A configuration without members. */
const emptyConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** A tracker without members. */
export function createTracker(inflightCountMax: number, inflightBytesMax: number): Tracker {
  assert(inflightCountMax > 0 && inflightBytesMax > 0, "tracker: a window without room");
  return {
    membership: { confState: emptyConfState, members: [] },
    votes: new Map(),
    inflightCountMax,
    inflightBytesMax,
  };
}

/** A window for one member, within the tracker's bounds. */
export function createInflights(tracker: Tracker): Inflights {
  return new Inflights(tracker.inflightCountMax, tracker.inflightBytesMax);
}

/** The progress of `id`, null when it is no member. PERF: a scan, because groups have a handful of members. */
export function progressOf(tracker: Tracker, id: NodeId): Progress | null {
  for (const progress of tracker.membership.members) {
    if (progress.id === id) {
      return progress;
    }
  }
  return null;
}

/** Whether there is one voter and no joint configuration: its own word is a quorum. */
export function isSingleton(tracker: Tracker): boolean {
  const { voters, votersOutgoing } = tracker.membership.confState;
  return voters.length === 1 && votersOutgoing.length === 0;
}

/** FIG 2 Leaders: the highest index that a quorum of voters stores. RAFT §4.2.1 [learner-silent]: learners are not asked. */
export function quorumMatch(tracker: Tracker): LogIndex {
  const members = tracker.membership.members;
  const acked = jointAcked(tracker.membership.confState, (id) => {
    for (const progress of members) {
      if (progress.id === id) {
        return progress.match;
      }
    }
    return 0;
  });
  assert(acked !== Number.POSITIVE_INFINITY, "tracker: a configuration without voters commits nothing");
  assert(acked >= 0, "tracker: a negative index");
  return toLogIndex(acked);
}

/** Whether a quorum was heard since the flags were last cleared. RAFT §6.2: a leader that reaches no quorum steps down. */
export function isQuorumActive(tracker: Tracker): boolean {
  assert(tracker.membership.confState.voters.length > 0, "tracker: nobody to be heard");
  const result = jointVote(tracker.membership.confState, (id) => {
    const progress = progressOf(tracker, id);
    return progress === null || progress.isLearner ? undefined : progress.recentActive;
  });
  return result === "won";
}

/** Counts the first answer of each member; a repeated one changes nothing. */
export function recordVote(tracker: Tracker, id: NodeId, granted: boolean): void {
  assert(progressOf(tracker, id) !== null, "tracker: a vote of no member");
  if (!tracker.votes.has(id)) {
    tracker.votes.set(id, granted);
  }
  assert(tracker.votes.has(id), "tracker: the first answer is kept");
}

/** The state of the present election. */
export function tallyVotes(tracker: Tracker): VoteResult {
  assert(tracker.membership.confState.voters.length > 0, "tracker: nobody to elect");
  return jointVote(tracker.membership.confState, (id) => tracker.votes.get(id));
}
