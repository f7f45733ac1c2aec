/**
 * The door to the core: inputs in, {@link Ready} out. It owns one `RaftState`, does no I/O and knows no time but `tick()`. One
 * caller at a time; no method may be called from inside another.
 */
import { assert } from "@quorate/base";
import { changeConf } from "./conf/changer.ts";
import { decodeConfChange, encodeConfChange } from "./conf/codec.ts";
import { normalizeConfState, validateConfState } from "./conf/restore.ts";
import { type RaftConfig, resolveConfig } from "./config.ts";
import { markApplied, markSnapshotStable } from "./core/apply.ts";
import { becomeFollower } from "./core/become.ts";
import { canTakeCommitted, takeCommitted } from "./core/commit.ts";
import {
  endSnapshotRequest,
  raiseCommitCeiling,
  requestSnapshot,
  type SnapshotRequestResult,
} from "./core/commit-ceiling.ts";
import { ordinaryCampaign, startElection } from "./core/election.ts";
import { leaseAnswersReads } from "./core/lease.ts";
import { applyConfChange, checkConfChange, checkOutcome, type RefusedChange } from "./core/membership.ts";
import { propose } from "./core/proposal.ts";
import { createMembership, createRaftState, type RaftState } from "./core/raft-state.ts";
import { leaderRead } from "./core/read-index.ts";
import { reportUnreachable, resumeAfterLoad } from "./core/replication.ts";
import { send } from "./core/send.ts";
import { reportSnapshot } from "./core/snapshotting.ts";
import { step } from "./core/step.ts";
import type { StepResult } from "./core/step-result.ts";
import { tick } from "./core/tick.ts";
import { startTransfer, type TransferRefusal } from "./core/transfer.ts";
import { isBelowFloor, setVoteFloor } from "./core/vote-floor.ts";
import { progressStatus } from "./tracker/progress.ts";
import type { ConfChange } from "./types/conf-change.ts";
import type { ConfState } from "./types/conf-state.ts";
import type { Entry, LogId } from "./types/entry.ts";
import type { HardState, Role, SoftState } from "./types/hard-state.ts";
import { type LogIndex, type NodeId, noNode, type Term, termZero } from "./types/ids.ts";
import type { Message } from "./types/message.ts";
import type { ConfChangeResult, ProposeResult } from "./types/proposal.ts";
import type { Ready } from "./types/ready.ts";
import type { SnapshotMetadata } from "./types/snapshot.ts";
import type { Status } from "./types/status.ts";

// For the driver, which sees no other part of the core.
export { confChangeContextBytesMax, confChangeStepsMax, leaveJointChange } from "./conf/codec.ts";
export type { SnapshotRequestRefusal, SnapshotRequestResult } from "./core/commit-ceiling.ts";
export type { RequestRefusal } from "./core/step-result.ts";

/** What became of a read: its index will come in `Ready.readStates`, or nobody can confirm it now. */
export type ReadIndexResult = "asked" | "no-leader";

/** What became of the wish to hand over leadership: begun here, passed on to the leader, or refused. */
export type TransferResult =
  | "started"
  | "forwarded"
  | "no-leader"
  | Exclude<TransferRefusal, null | "not-leader">;

const noMessages: readonly Message[] = [];

/** What `persisted(seq)` stands for. */
interface Batch {
  readonly seq: number;
  readonly term: Term;
  readonly stable: LogId | null;
  readonly snapshot: LogIndex | null;
  /** For `advance()`: messages to this member itself, and the last entry handed out. */
  readonly loopback: readonly Message[];
  readonly applyTo: LogIndex | null;
}

/**
 * One member of a group, without I/O.
 *
 * @example
 * ```ts
 * import { indexZero, type LogView, noNode, RawNode, termZero, toLogIndex, toNodeId } from "@quorate/raft";
 * const emptyLog: LogView = {
 *   firstIndex: toLogIndex(1),
 *   lastIndex: indexZero,
 *   term: () => termZero,
 *   entries: () => [],
 *   snapshot: () => null,
 * };
 * const id = toNodeId(1);
 * const node = new RawNode({
 *   id,
 *   log: emptyLog,
 *   hardState: { term: termZero, vote: noNode, commit: indexZero },
 *   confState: { voters: [id], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
 *   applied: indexZero,
 *   random: (low) => low,
 * });
 * node.campaign();
 * while (node.hasReady()) {
 *   const ready = node.ready(); // persist, then:
 *   for (const message of ready.sendAfterPersist) node.step(message);
 *   node.persisted(ready.seq);
 *   break; // The log above keeps nothing, so this is as far as it goes.
 * }
 * ```
 */
export class RawNode {
  readonly #state: RaftState;
  #previousSoft: SoftState;
  #previousHard: HardState;
  #seq = 0;
  #persistedSeq = 0;
  #batches: Batch[] = [];

  /** @throws ConfigError with every problem of `config` at once. */
  constructor(config: RaftConfig) {
    this.#state = createRaftState(resolveConfig(config));
    becomeFollower(this.#state, this.#state.term, noNode);
    this.#previousSoft = this.#soft();
    this.#previousHard = this.#hard();
  }

  /** One unit of time has passed. */
  tick(): void {
    tick(this.#state);
  }

  /** Campaigns now, without waiting for the time-out; whether this member may. */
  campaign(): boolean {
    return startElection(this.#state, ordinaryCampaign(this.#state));
  }

  /** Proposes commands as one run of entries. All of them enter the log, or none. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    assert(data.length > 0, "propose: nothing");
    return propose(
      this.#state,
      this.#state.id,
      data.map((bytes) => ({ type: "normal" as const, data: bytes })),
    );
  }

  /**
   * Proposes a configuration change; `single` is the form of one step without a joint configuration. A refused change may
   * still take up an (empty) entry of the log.
   */
  proposeConfChange(change: ConfChange, form: "single" | "joint"): ConfChangeResult {
    assert(
      form === "joint" || (change.changes.length === 1 && change.transition === "auto"),
      "propose: the single form has one step",
    );
    const refused = this.#refusedChange(change);
    if (refused !== null && refused.refusal === "invalid") {
      return { ok: false, reason: "conf-change", ...refused, leader: noNode };
    }
    const type = form === "single" ? "conf-change" : "conf-change-v2";
    const result = propose(this.#state, this.#state.id, [{ type, data: encodeConfChange(change) }]);
    if (result.ok && refused !== null) {
      // ETCD: the entry is in the log, but empty.
      return { ok: false, reason: "conf-change", ...refused, leader: noNode };
    }
    return result;
  }

  #refusedChange(change: ConfChange): RefusedChange | null {
    const state = this.#state;
    if (state.role !== "leader") {
      return null;
    }
    const refused = checkConfChange(state, change);
    return refused === null && state.config.refuseImpossibleConfChanges
      ? checkOutcome(state, change)
      : refused;
  }

  /**
   * Applies a committed configuration change and returns the configuration then in force. To be called for each such entry of
   * `Ready.apply`, in order, before `applied`.
   */
  applyConfChange(change: ConfChange): ConfState {
    return applyConfChange(this.#state, change);
  }

  /**
   * Whether a leader would refuse any change now: an earlier one may not be applied yet. RAFT §4.1. To ask before proposing saves
   * the empty entry that a refused change leaves.
   */
  get confChangePending(): boolean {
    return this.#state.pendingConfIndex > this.#state.log.applied;
  }

  /** Of a leader: no change of its log that may wait to be committed or applied lies beyond this index. */
  get pendingConfIndex(): LogIndex {
    return this.#state.pendingConfIndex;
  }

  /**
   * A member that was started without a configuration, to be added to a group, learns the one that its first change rests on.
   * The log does not hold it: a group begins with a configuration, not with a change to one.
   */
  adoptConfState(confState: ConfState): void {
    const state = this.#state;
    assert(state.tracker.membership.members.length === 0, "conf: a configuration is never replaced");
    assert(state.role === "follower", "conf: a member of nothing follows");
    assert(validateConfState(confState).length === 0, "conf: an impossible configuration");
    state.tracker.membership = createMembership(state, normalizeConfState(confState));
  }

  /** A leader gives up its place, because it cannot do its work; whether it led. */
  resign(): boolean {
    const state = this.#state;
    if (state.role !== "leader") {
      return false;
    }
    becomeFollower(state, state.term, noNode);
    return true;
  }

  /**
   * Whether the log ends below what this member may have acknowledged, because damage took its end: it then neither votes for a log
   * below that nor campaigns.
   */
  get belowVoteFloor(): boolean {
    return isBelowFloor(this.#state);
  }

  /** How far the log has to come, where that was unknown; or null, once {@link belowVoteFloor} is false and the log there is durable. */
  setVoteFloor(floor: LogId | null): void {
    setVoteFloor(this.#state, floor);
  }

  /** What `change` would make of the configuration in force; `problem` says why it can make nothing. */
  previewConfChange(
    change: ConfChange,
  ): { readonly ok: true; readonly confState: ConfState } | { readonly ok: false; readonly problem: string } {
    return changeConf(this.#state.tracker.membership.confState, change);
  }

  /** The change that `entry` holds. @throws DecodeError when it holds none. */
  confChangeOf(entry: Entry): ConfChange {
    assert(entry.type !== "normal", "conf: the entry holds no configuration change");
    return decodeConfChange(entry.data);
  }

  /** {@link applyConfChange} for an entry of `Ready.apply` whose bytes are the change. @throws DecodeError when they are none. */
  applyConfChangeEntry(entry: Entry): ConfState {
    assert(entry.type !== "normal", "apply: the entry holds no configuration change");
    return this.applyConfChange(decodeConfChange(entry.data));
  }

  /** Takes a message from another member, or one to this member itself out of `sendAfterPersist`. Never throws on its content. */
  step(message: Message): StepResult {
    return step(this.#state, message);
  }

  /** Whether {@link ready} has anything to say. */
  hasReady(): boolean {
    const state = this.#state;
    return (
      state.messages.length > 0 ||
      state.messagesAfterPersist.length > 0 ||
      state.readStates.length > 0 ||
      state.log.unstable.hasNextEntries() ||
      state.log.unstable.nextSnapshot() !== null ||
      state.log.hasWanted ||
      canTakeCommitted(state) ||
      this.#softChanged() ||
      this.#hardChanged()
    );
  }

  /** The next batch of work. With synchronous storage, {@link advance} comes before the next one. */
  ready(): Ready {
    const state = this.#state;
    const { unstable } = state.log;
    assert(state.config.asyncStorage || this.#batches.length === 0, "ready: advance() comes first");
    const hardState = this.#hardChanged() ? this.#hard() : null;
    const softState = this.#softChanged() ? this.#soft() : null;
    const entries = unstable.nextEntries();
    const snapshot = unstable.nextSnapshot();
    const sendAfterPersist = state.messagesAfterPersist;
    const sendNow = state.messages;
    const readStates = state.readStates;
    const apply = takeCommitted(state);
    const stable = unstable.count > 0 ? state.log.lastId() : null;
    const ready: Ready = {
      seq: ++this.#seq,
      softState,
      hardState,
      entries,
      snapshot,
      mustSync: this.#mustSync(entries.length, hardState),
      sendNow,
      sendAfterPersist,
      apply,
      readStates,
      stable,
      loads: state.log.takeWanted(),
    };
    this.#accept(ready);
    return ready;
  }

  /** RAFT §3.8 [state-durable, vote-durable]: term, vote and entries must survive a crash; the commit index is found again. */
  #mustSync(entryCount: number, hardState: HardState | null): boolean {
    const { term, vote } = this.#previousHard;
    return entryCount > 0 || (hardState !== null && (hardState.term !== term || hardState.vote !== vote));
  }

  #accept(ready: Ready): void {
    const state = this.#state;
    this.#previousSoft = ready.softState ?? this.#previousSoft;
    this.#previousHard = ready.hardState ?? this.#previousHard;
    state.messages = [];
    state.messagesAfterPersist = [];
    state.readStates = [];
    state.log.unstable.acceptInProgress();
    // PERF: asynchronous drivers loop back by themselves.
    const loops = !state.config.asyncStorage && ready.sendAfterPersist.length > 0;
    this.#batches.push({
      seq: ready.seq,
      term: state.term,
      stable: ready.stable,
      snapshot: ready.snapshot === null ? null : ready.snapshot.index,
      loopback: loops ? ready.sendAfterPersist.filter((message) => message.to === state.id) : noMessages,
      applyTo: ready.apply.at(-1)?.index ?? null,
    });
  }

  /**
   * Batch `seq` and all before it are durable. Its entries count as durable only if this member is still in the term in which it
   * handed them out: in a later one they may have been replaced by others with the same index and term, which are still on their
   * way to the disk.
   */
  persisted(seq: number): void {
    assert(
      seq > this.#persistedSeq && seq <= this.#seq,
      "persisted: batches are acknowledged once, in order",
    );
    this.#persistedSeq = seq;
    while (this.#batches.length > 0) {
      const batch = this.#batches[0] as Batch;
      if (batch.seq > seq) {
        break;
      }
      this.#batches.shift();
      this.#markPersisted(batch);
    }
  }

  #markPersisted(batch: Batch): void {
    const state = this.#state;
    assert(batch.term <= state.term, "persisted: a batch of a later term");
    // Across a change of term, (term, index) may name an entry that was cut, written again, and is not durable.
    if (batch.stable !== null && batch.term === state.term) {
      state.log.unstable.stableTo(batch.stable);
    }
    // A snapshot holds what is committed, in whatever term.
    if (batch.snapshot !== null) {
      markSnapshotStable(state, batch.snapshot);
    }
  }

  /** Everything up to `index` is applied to the state machine. A lower index than before changes nothing. */
  applied(index: LogIndex): void {
    assert(index <= this.#state.log.committed, "applied: beyond what is committed");
    markApplied(this.#state, index);
  }

  /**
   * Synchronous storage: the last batch is durable, sent and applied. Loops back what this member sent to itself, then does what
   * `persisted` and `applied` do.
   */
  advance(): void {
    assert(!this.#state.config.asyncStorage, "advance: only with synchronous storage");
    const batch = this.#batches[0];
    assert(batch !== undefined && this.#batches.length === 1, "advance: ready() comes first");
    for (const message of batch.loopback) {
      step(this.#state, message);
    }
    this.persisted(batch.seq);
    if (batch.applyTo !== null) {
      this.applied(batch.applyTo);
    }
  }

  /** A range of `Ready.loads` is in memory: tries again what had to wait for it. */
  logLoaded(): void {
    this.#state.applyWaitsForLog = false;
    resumeAfterLoad(this.#state);
  }

  /** A message to `id` was lost. */
  reportUnreachable(id: NodeId): void {
    reportUnreachable(this.#state, id);
  }

  /** The transfer of a snapshot to `id` has ended. */
  reportSnapshot(id: NodeId, ok: boolean): void {
    reportSnapshot(this.#state, id, ok);
  }

  /**
   * A follower or learner asks for an image, because its state machine is doubted although its log is whole. From here on it learns no
   * commit index, until the driver has put an image of at least this index in place, gives up, or another leads.
   */
  requestSnapshot(): SnapshotRequestResult {
    return requestSnapshot(this.#state);
  }

  /**
   * The image asked for is on its way: everything up to it is to be applied before it takes the state machine's place. False where it is
   * none that was asked for, or the log does not hold its last entry: it then goes the way of every `install-snapshot`.
   */
  expectSnapshot(image: SnapshotMetadata): boolean {
    return raiseCommitCeiling(this.#state, image);
  }

  /** Takes back {@link requestSnapshot}, or says that the image is in place. */
  endSnapshotRequest(): void {
    endSnapshotRequest(this.#state);
  }

  /** Asks that `id` leads from now on. RAFT §3.10. */
  transferLeadership(id: NodeId): TransferResult {
    const state = this.#state;
    if (state.role === "leader") {
      const refusal = startTransfer(state, id);
      assert(refusal !== "not-leader", "transfer: asked of a leader");
      return refusal ?? "started";
    }
    if (state.role !== "follower" || state.leader === noNode) {
      return "no-leader";
    }
    send(state, { type: "transfer-leadership", from: id, to: state.leader, term: state.term });
    return "forwarded";
  }

  /**
   * Forgets who leads, so that this member votes for others at once; the leader's next message brings it back. Refused with lease
   * reads, which rest on members that do remember. Whether there was a leader to forget.
   */
  forgetLeader(): boolean {
    const state = this.#state;
    if (state.role !== "follower" || state.config.readMode === "lease" || state.leader === noNode) {
      return false;
    }
    state.leader = noNode;
    state.commitCeiling = null;
    return true;
  }

  /**
   * Whether the lease of this leader runs, by the driver's clock: lease reads are answered only then, all others by a quorum. A driver
   * without a clock need not call it; ticks are then trusted to be as long as they should. RAFT §6.4.1.
   */
  allowLease(allowed: boolean): void {
    this.#state.leaseAllowed = allowed;
  }

  /**
   * Asks for an index at which a read is linearizable; `context` names the read. `quorum` has the leader ask one even where a lease
   * would do. RAFT §6.4.
   */
  readIndex(context: Uint8Array, by: "mode" | "quorum" = "mode"): ReadIndexResult {
    const state = this.#state;
    if (state.role === "leader") {
      leaderRead(state, { from: state.id, context }, by);
      return "asked";
    }
    if (state.role !== "follower" || state.leader === noNode) {
      return "no-leader";
    }
    send(state, { type: "read-index", from: state.id, to: state.leader, term: termZero, context });
    return "asked";
  }

  /** Whether this leader answers reads by its lease now. */
  get leaseHeld(): boolean {
    return this.#state.role === "leader" && leaseAnswersReads(this.#state);
  }

  /** PERF: {@link status} without the copy, for the driver's every turn. */
  get role(): Role {
    return this.#state.role;
  }

  /** `noNode` when unknown. */
  get leader(): NodeId {
    return this.#state.leader;
  }

  /** Whom this leader hands over to, `noNode` when nobody. */
  get transferee(): NodeId {
    return this.#state.transferee;
  }

  /** The present term. */
  get term(): Term {
    return this.#state.term;
  }

  /** Highest index known to be committed. */
  get committed(): LogIndex {
    return this.#state.log.committed;
  }

  /** A copy of what is going on, for observers. */
  status(): Status {
    const state = this.#state;
    return {
      id: state.id,
      role: state.role,
      leader: state.leader,
      hardState: this.#hard(),
      applied: state.log.applied,
      last: state.log.lastId(),
      confState: state.tracker.membership.confState,
      transferee: state.transferee,
      progress: state.role === "leader" ? state.tracker.membership.members.map(progressStatus) : [],
    };
  }

  /** The state itself: for tests, invariants and the simulator's checkers only. */
  get unsafeState(): RaftState {
    return this.#state;
  }

  #soft(): SoftState {
    return { leader: this.#state.leader, role: this.#state.role };
  }

  #hard(): HardState {
    return { term: this.#state.term, vote: this.#state.vote, commit: this.#state.log.committed };
  }

  #softChanged(): boolean {
    return this.#state.leader !== this.#previousSoft.leader || this.#state.role !== this.#previousSoft.role;
  }

  #hardChanged(): boolean {
    const { term, vote, commit } = this.#previousHard;
    const state = this.#state;
    return state.term !== term || state.vote !== vote || state.log.committed !== commit;
  }
}
