/**
 * The state of one member: FIG 2 State, and what the extensions add. One mutable record; the chapters of this folder are
 * functions over it. Nothing outside `core/` and `raw-node.ts` touches it, except tests.
 */
import { assert } from "@quorate/base";
import type { ResolvedRaftConfig } from "../config.ts";
import { RaftLog } from "../log/raft-log.ts";
import { createProgress } from "../tracker/progress.ts";
import {
  createInflights,
  createTracker,
  type Membership,
  progressOf,
  type Tracker,
} from "../tracker/tracker.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { Role } from "../types/hard-state.ts";
import {
  type LogIndex,
  maxIndex,
  type NodeId,
  nextIndex,
  noNode,
  type Term,
  toLogIndex,
} from "../types/ids.ts";
import type { Message } from "../types/message.ts";
import type { ReadState } from "../types/ready.ts";
import type { VoteFloor } from "../types/vote-floor.ts";

/** A read that waits for the leader to prove that it still leads. RAFT §6.4. */
export interface PendingRead {
  /** Who asked; this member itself included. */
  readonly from: NodeId;
  readonly context: Uint8Array;
  /** The commit index when the read arrived. */
  readonly index: LogIndex;
}

/**
 * Reads of the present leadership, in order. A heartbeat carries the position of the newest read, so that one round confirms
 * all up to it, and a repeated context never confirms anything.
 */
interface ReadQueue {
  /** Reads not yet confirmed; the first has position `confirmed + 1`. */
  readonly unconfirmed: PendingRead[];
  /** Reads confirmed so far. */
  confirmed: number;
  /** The highest position that each member echoed. */
  readonly acked: Map<NodeId, number>;
}

/** A read that came before the first commit of this leader's term. */
export interface EarlyRead {
  readonly from: NodeId;
  readonly context: Uint8Array;
}

/** A run of committed entries that was handed out and is being applied. */
interface ApplyingPage {
  readonly last: LogIndex;
  /** As the limits on applying count it. */
  readonly bytes: number;
  /** As the limit on uncommitted entries counts it. */
  readonly payloadBytes: number;
}

/** See the chapters for the rules that keep each field. */
export interface RaftState {
  readonly id: NodeId;
  readonly config: ResolvedRaftConfig;
  /** FIG 2 State, persistent: currentTerm. */
  term: Term;
  /** FIG 2 State, persistent: votedFor. */
  vote: NodeId;
  role: Role;
  leader: NodeId;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  /** Ticks since the last election time-out (leader, candidate) or since the leader was heard (follower). */
  electionElapsedTicks: number;
  /** Ticks since the last heartbeat; leaders only. */
  heartbeatElapsedTicks: number;
  /** The time-out drawn for this role, in `[electionTimeoutTicks, 2 × electionTimeoutTicks)`. */
  randomizedTimeoutTicks: number;
  /** What this member may have acknowledged beyond the end of its log; null unless damage took it. See core/vote-floor.ts. */
  voteFloor: VoteFloor | null;
  /** No commit index above it is learned: an image was asked for. Null mostly; see core/commit-ceiling.ts. */
  commitCeiling: LogIndex | null;
  /** Whom this leader hands over to, or `noNode`. RAFT §3.10. */
  transferee: NodeId;
  /**
   * At or above the index of the newest configuration change that may not be applied yet. The next one is refused until
   * `applied` has reached it. RAFT §4.1.
   */
  pendingConfIndex: LogIndex;
  /** Payload bytes of this leader's entries that are not applied yet; may run low, never high. */
  uncommittedBytes: number;
  reads: ReadQueue;
  /** Ticks since any leader was heard, or since the start: for how long this member has kept what it promised. RAFT §6.4.1. */
  leaderSilentTicks: number;
  /** Whether the driver's clock says that the lease runs. */
  leaseAllowed: boolean;
  /** Whether this leader told a member to campaign: its lease is over for the rest of the term. */
  leaseGivenUp: boolean;
  earlyReads: EarlyRead[];
  /** Handed out and not yet applied, in order. */
  readonly applyingPages: ApplyingPage[];
  applyingBytes: number;
  /** Whether no further entries are handed out until some are applied. */
  applyingPaused: boolean;
  /** Whether the next entries to apply are not in memory. */
  applyWaitsForLog: boolean;
  /** For the next batch. */
  readStates: ReadState[];
  messages: Message[];
  messagesAfterPersist: Message[];
}

/** An empty queue of reads. */
export function createReadQueue(): ReadQueue {
  return { unconfirmed: [], confirmed: 0, acked: new Map() };
}

/** A member as it stands after a start, before it took its first role. */
export function createRaftState(config: ResolvedRaftConfig): RaftState {
  const log = new RaftLog(config.log, config.measureEntry);
  const { hardState } = config;
  const state: RaftState = {
    id: config.id,
    config,
    term: hardState.term,
    vote: hardState.vote,
    // RAFT §3.4 [starts-as-follower].
    role: "follower",
    leader: noNode,
    log,
    tracker: createTracker(config.inflightCountMax, config.inflightBytesMax),
    electionElapsedTicks: 0,
    heartbeatElapsedTicks: 0,
    randomizedTimeoutTicks: config.electionTimeoutTicks,
    voteFloor: config.voteFloor,
    commitCeiling: null,
    transferee: noNode,
    pendingConfIndex: toLogIndex(0),
    uncommittedBytes: 0,
    reads: createReadQueue(),
    leaderSilentTicks: 0,
    leaseAllowed: true,
    leaseGivenUp: false,
    earlyReads: [],
    applyingPages: [],
    applyingBytes: 0,
    applyingPaused: config.committedBytesPerReadyMax <= 0,
    applyWaitsForLog: false,
    readStates: [],
    messages: [],
    messagesAfterPersist: [],
  };
  log.commitTo(hardState.commit);
  // RAFT §3.8 [applied-kept].
  if (config.applied > 0) {
    log.appliedTo(config.applied);
  }
  state.tracker.membership = createMembership(state, config.confState);
  assert(log.applied <= log.committed, "state: applied beyond committed");
  assert(log.committed <= log.lastIndex, "state: committed beyond the end of the log");
  return state;
}

/** The members of `confState`, of whom nothing is known yet. */
export function createMembership(state: RaftState, confState: ConfState): Membership {
  return reconcileMembership(state, { confState, members: [] }, confState, new Set());
}

/**
 * The members of `confState`: those of `before` keep their progress, unless they are `fresh`; all others start anew, as if
 * just heard, so that the quorum check gives them time to answer.
 */
export function reconcileMembership(
  state: RaftState,
  before: Membership,
  confState: ConfState,
  fresh: ReadonlySet<NodeId>,
): Membership {
  const ids = new Set([...confState.voters, ...confState.votersOutgoing, ...confState.learners]);
  const members = [...ids]
    .sort((left, right) => left - right)
    .map((id) => {
      const isLearner = confState.learners.includes(id);
      const known = fresh.has(id) ? undefined : before.members.find((progress) => progress.id === id);
      if (known !== undefined) {
        known.isLearner = isLearner;
        return known;
      }
      // The entry before the newest is probed first: it costs an empty append only where the member has nothing.
      const next = maxIndex(state.log.lastIndex, toLogIndex(1));
      const progress = createProgress(id, next, isLearner, createInflights(state.tracker));
      progress.recentActive = true;
      return progress;
    });
  assert(members.length === ids.size, "state: one progress for each member");
  assert(members.length === 0 || confState.voters.length > 0, "state: members, but no voters");
  return { confState, members };
}

/** RAFT §4.2.2 [removed-campaigns]: whether this member may campaign: it is a voter as far as it knows, and no snapshot is being restored. */
export function isPromotable(state: RaftState): boolean {
  const progress = progressOf(state.tracker, state.id);
  return progress !== null && !progress.isLearner && state.log.unstable.snapshot === null;
}

/** Whether an entry of the present term is committed. RAFT §6.4: only then does a leader know what is committed. */
export function hasCommittedInTerm(state: RaftState): boolean {
  assert(state.role === "leader", "state: only a leader asks what its term committed");
  return state.log.term(state.log.committed) === state.term;
}

/** The index after the newest entry. */
export function logEnd(state: RaftState): LogIndex {
  return nextIndex(state.log.lastIndex);
}
