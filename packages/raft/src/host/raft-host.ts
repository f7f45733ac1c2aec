/**
 * The driver of one member, without I/O of its own: it executes {@link Ready} against its ports. Everything that happens in one
 * turn of the event loop forms one batch: incoming frames and proposals are stepped, one Ready is taken, its messages leave
 * while the disk writes. It knows no time but `tick()` and no chance but what it is given.
 */
import { assert, RingBuffer, runTask, type Task } from "@quorate/base";
import { type RaftConfig, raftDefaults } from "../config.ts";
import { RawNode, type TransferResult } from "../raw-node.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { Entry } from "../types/entry.ts";
import type { Role } from "../types/hard-state.ts";
import { indexZero, type LogIndex, type NodeId, noNode, type Term, termZero } from "../types/ids.ts";
import type { LogRange } from "../types/log-view.ts";
import type { MemberInfo } from "../types/member.ts";
import type { InstallSnapshot, Message } from "../types/message.ts";
import type { ProposalRefusal, ProposeResult } from "../types/proposal.ts";
import type { Ready } from "../types/ready.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { AppliedWaiters } from "./applied-waiters.ts";
import { ApplyQueue } from "./apply-queue.ts";
import { createCounters, type HostCounters, type HostEvent, type HostStatus } from "./events.ts";
import { ForwardIntake, Forwarding, RequestIds } from "./forwarding.ts";
import type { Guard } from "./guard.ts";
import { idsOf, noNotes } from "./member-record.ts";
import { Membership, type MembershipChange, type MembershipOutcome } from "./membership.ts";
import {
  type HostLimits,
  type HostOptions,
  resolveLimits,
  resolveMembership,
  resolvePolicy,
} from "./options.ts";
import type { ProposalOutcome, ReadOutcome, Waiting } from "./outcome.ts";
import { PersistQueue } from "./persist-queue.ts";
import type { Completed, GroupId, PeerFrame, Storage } from "./ports.ts";
import { Promotion } from "./promotion.ts";
import { type Proposal, ProposalTable } from "./proposals.ts";
import { ReadQueue } from "./reads.ts";
import { SnapshotMaker } from "./snapshot-maker.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import { type Restored, restoreNewest } from "./start.ts";
import { bestHeir, type TransferOutcome, Transfers } from "./transfers.ts";

type Input =
  | { readonly kind: "frame"; readonly from: NodeId; readonly frame: PeerFrame }
  | { readonly kind: "unreachable"; readonly peer: NodeId };

/** How a member is stopped. */
export interface StopOptions {
  /** Hand leadership over first, where somebody can take it. Default true. */
  readonly transfer?: boolean;
}

/**
 * One member of one group.
 *
 * @example
 * ```ts
 * import { RaftHost, toNodeId } from "@quorate/raft";
 * import { MemoryNetwork, MemoryStorage, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";
 * const scheduler = new TurnScheduler();
 * const id = toNodeId(1);
 * const host = new RaftHost({
 *   id,
 *   storage: new MemoryStorage({ voters: [id] }),
 *   transport: new MemoryNetwork(scheduler).connect(id),
 *   scheduler,
 *   stateMachine: new RecordingMachine(),
 *   random: (low) => low,
 *   onFatal: (error) => { throw error; },
 * });
 * host.start((error) => { if (error !== null) throw error; });
 * scheduler.runAll();
 * host.campaign();
 * host.propose(new Uint8Array([1]), (outcome) => outcome.kind); // "applied"
 * scheduler.runAll();
 * ```
 */
export class RaftHost<Result = unknown> {
  readonly id: NodeId;
  readonly #options: HostOptions<Result>;
  readonly #group: GroupId;
  readonly #limits: HostLimits;
  readonly #storage: Storage;
  readonly #electionTimeoutTicks: number;
  readonly #appendBytesMax: number;
  readonly #counters: HostCounters = createCounters();
  readonly #guard: Guard;
  readonly #inputs: RingBuffer<Input> = new RingBuffer();
  readonly #proposals: ProposalTable<Result>;
  readonly #forwarding: Forwarding<Result>;
  readonly #reads: ReadQueue;
  readonly #persisting: PersistQueue;
  readonly #maker: SnapshotMaker;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #membership: Membership;
  readonly #promotion: Promotion;
  readonly #transfers: Transfers;
  readonly #appliedWaiters: AppliedWaiters = new AppliedWaiters();
  #core: RawNode | null = null;
  #intake: ForwardIntake;
  #applyQueue: ApplyQueue = new ApplyQueue(indexZero);
  #appliedTerm: Term = termZero;
  #state: HostStatus["state"] = "starting";
  #restoring = false;
  #scheduled = false;
  #tickDue = false;
  #lastRole: Role = "follower";
  #lastLeader: NodeId = noNode;
  #lastTerm: Term = termZero;
  #stopping: { ticksLeft: number; readonly completed: Completed } | null = null;

  /** @throws ConfigError with every problem of the limits at once. */
  constructor(options: HostOptions<Result>) {
    this.id = options.id;
    this.#options = options;
    this.#group = options.group ?? 0;
    this.#limits = resolveLimits(options);
    this.#storage = options.storage;
    this.#electionTimeoutTicks = options.core?.electionTimeoutTicks ?? raftDefaults.electionTimeoutTicks;
    this.#appendBytesMax = options.core?.appendBytesMax ?? raftDefaults.appendBytesMax;
    const { confState, hardState } = options.storage.initial;
    this.#intake = new ForwardIntake(hardState.term);
    this.#guard = {
      enter: (work) => this.#enter(work),
      fail: (error) => this.#fail(error),
      run: (task, completed) => this.#run(task, completed),
    };
    const parts = this.#createParts();
    this.#proposals = parts.proposals;
    this.#forwarding = parts.forwarding;
    this.#reads = parts.reads;
    this.#persisting = parts.persisting;
    const snapshots = this.#createSnapshotParts();
    this.#maker = snapshots.maker;
    this.#sender = snapshots.sender;
    this.#receiver = snapshots.receiver;
    const group = this.#createGroupParts(confState);
    this.#membership = group.membership;
    this.#promotion = group.promotion;
    this.#transfers = group.transfers;
  }

  #createGroupParts(confState: ConfState): {
    readonly membership: Membership;
    readonly promotion: Promotion;
    readonly transfers: Transfers;
  } {
    const host = this;
    const election = this.#electionTimeoutTicks;
    const policy = resolveMembership(this.#options.membership);
    const { transport } = this.#options;
    const membership = new Membership(
      {
        id: this.id,
        get node(): RawNode {
          return host.#node;
        },
        get lastIndex(): LogIndex {
          return host.#node.status().last.index;
        },
        send: (to, frame) => this.#sendFrame(to, frame),
        emit: (event) => this.#emit(event),
        peersChanged: (peers) => transport.setPeers?.(this.#group, peers),
      },
      {
        strictQuorum: policy.strictQuorum,
        catchUpEntryCount: policy.promotionMarginEntryCount,
        electionTimeoutTicks: election,
      },
      confState,
      noNotes,
    );
    const isActive = (id: NodeId): boolean => membership.liveness.isActive(id);
    const promotion = new Promotion(
      {
        get isLeader(): boolean {
          return host.role === "leader";
        },
        get members(): readonly MemberInfo[] {
          return membership.members;
        },
        get lastIndex(): LogIndex {
          return host.#node.status().last.index;
        },
        progress: () => this.#node.status().progress,
        isActive,
        change: (change, done) => void this.changeMembers(change, done),
        emit: (event) => this.#emit(event),
      },
      policy.promotionMarginEntryCount,
      policy.promotionTimeoutTicks,
    );
    const transferPort = {
      id: this.id,
      get role(): Role {
        return host.role;
      },
      get leader(): NodeId {
        return host.leader;
      },
      status: () => this.#node.status(),
      isActive,
      transfer: (target: NodeId): TransferResult => this.#node.transferLeadership(target),
    };
    // RAFT §3.10: the core gives up after one election time-out; what the transferee began by then gets as much again.
    return { membership, promotion, transfers: new Transfers(transferPort, 2 * election) };
  }

  #createParts(): {
    readonly proposals: ProposalTable<Result>;
    readonly forwarding: Forwarding<Result>;
    readonly reads: ReadQueue;
    readonly persisting: PersistQueue;
  } {
    const host = this;
    const options = this.#options;
    const limits = this.#limits;
    const counters = this.#counters;
    const election = this.#electionTimeoutTicks;
    const ids = new RequestIds(options.random);
    const send = (to: NodeId, frame: PeerFrame): void => this.#sendFrame(to, frame);
    const proposals = new ProposalTable<Result>(limits, counters);
    const forwardingPort = {
      send,
      get applied(): LogIndex {
        return host.#applyQueue.applied;
      },
      termOf: (index: LogIndex): Term | null => this.#termOf(index),
    };
    const readPort = {
      ask: (context: Uint8Array): boolean => this.#node.readIndex(context) === "asked",
      get leader(): NodeId {
        return host.leader;
      },
      get applied(): LogIndex {
        return host.#applyQueue.applied;
      },
    };
    return {
      proposals,
      forwarding: new Forwarding(forwardingPort, proposals, ids, 2 * election),
      reads: new ReadQueue(
        readPort,
        ids,
        limits,
        { retryTicks: election, timeoutTicks: 5 * election },
        counters,
      ),
      persisting: new PersistQueue(
        this.#storage,
        (work) => this.#enter(work),
        (ready) => this.#durable(ready),
      ),
    };
  }

  #createSnapshotParts(): {
    readonly maker: SnapshotMaker;
    readonly sender: SnapshotSender;
    readonly receiver: SnapshotReceiver;
  } {
    const limits = this.#limits;
    const counters = this.#counters;
    const guard = this.#guard;
    const { scheduler, snapshots, stateMachine, storage } = this.#options;
    const election = this.#electionTimeoutTicks;
    const send = (to: NodeId, frame: PeerFrame): void => this.#sendFrame(to, frame);
    const emit = (event: HostEvent): void => this.#emit(event);
    return {
      maker: new SnapshotMaker(
        { guard, scheduler, storage, stateMachine, counters, emit },
        resolvePolicy(snapshots),
        limits.snapshotChunkBytes,
      ),
      sender: new SnapshotSender(
        { guard, storage, counters, send, emit, ended: (to, ok) => this.#snapshotSent(to, ok) },
        {
          chunkBytes: limits.snapshotChunkBytes,
          windowCount: limits.snapshotWindowCount,
          resendTicks: election,
          giveUpTicks: 10 * election,
        },
      ),
      receiver: new SnapshotReceiver(
        {
          guard,
          storage,
          send,
          emit,
          received: (from, term, snapshot) => this.#install(from, term, snapshot),
        },
        20 * election,
      ),
    };
  }

  /** Restores the state machine, joins the network. Calls back once it runs; a failure is fatal and told by `onFatal` too. */
  start(completed: Completed): void {
    assert(this.#state === "starting" && this.#core === null, "host: started twice");
    const snapshot = this.#storage.snapshot();
    assert(snapshot !== "pending", "host: the storage is in use");
    runTask(this.#restoreAtStart(snapshot), (error) => {
      if (error !== null) {
        this.#fail(error);
      }
      completed(error);
    });
  }

  *#restoreAtStart(snapshot: SnapshotMetadata | null): Task<void> {
    let applied = indexZero;
    if (snapshot !== null) {
      const ports = { guard: this.#guard, ...this.#options };
      const restored = yield* restoreNewest(ports, snapshot, this.#limits.snapshotChunkBytes);
      assert(restored.metadata.index === snapshot.index, "host: the snapshot changed while starting");
      applied = snapshot.index;
      this.#appliedTerm = snapshot.term;
      this.#membership.restored(snapshot.confState, restored.notes);
    }
    this.#applyQueue = new ApplyQueue(applied);
    this.#core = new RawNode(this.#coreConfig(applied));
    this.#lastTerm = this.#core.term;
    this.#state = "running";
    this.#options.transport.start({
      received: (group, from, frame) => this.#received(group, from, frame),
      unreachable: (peer) => this.#input({ kind: "unreachable", peer }),
    });
    this.#schedule();
  }

  #coreConfig(applied: LogIndex): RaftConfig {
    const { hardState } = this.#storage.initial;
    return {
      ...this.#options.core,
      id: this.id,
      log: this.#storage,
      hardState,
      confState: this.#membership.confState,
      applied,
      random: this.#options.random,
      asyncStorage: true,
      // Forwarding is a request between hosts, so that its answer reaches who asked.
      proposalForwarding: false,
    };
  }

  // -- Inputs ---------------------------------------------------------------------------------------------------------

  /**
   * Proposes a command, wherever this member stands: a follower forwards it. `done` is called exactly once; with `applied`
   * from within the apply, so that the result may be a view. The bytes belong to the host from here on.
   */
  propose(command: Uint8Array, done: (outcome: ProposalOutcome<Result>) => void): Waiting {
    const waiting = this.#proposals.admit(command, done);
    this.#schedule();
    return waiting;
  }

  /** Asks for a moment from which the local state is linearizable to read; `done` is called exactly once. RAFT §6.4. */
  read(done: (outcome: ReadOutcome) => void): Waiting {
    const waiting = this.#reads.admit(done);
    this.#schedule();
    return waiting;
  }

  /** One unit of time has passed. Several calls in one turn count once: missed time is never made up for. */
  tick(): void {
    this.#tickDue = true;
    this.#schedule();
  }

  /** Campaigns without waiting for the time-out; whether this member may. */
  campaign(): boolean {
    const campaigns = this.#state === "running" && this.#node.campaign();
    this.#schedule();
    return campaigns;
  }

  /**
   * Changes the membership; only a leader does. `done` is called exactly once: with `applied` when the change is in force, a joint
   * configuration on the way left again. RAFT §4.
   */
  changeMembers(change: MembershipChange, done: (outcome: MembershipOutcome) => void): Waiting {
    if (this.#state !== "running") {
      done({ kind: "refused", reason: "stopped", leader: noNode });
      return { abandon: () => {} };
    }
    const waiting = this.#membership.change(change, done);
    this.#schedule();
    return waiting;
  }

  /** Calls `done` exactly once: with true when `index` is applied here, with false when the wait or this member ended before. */
  whenApplied(index: LogIndex, done: (reached: boolean) => void): Waiting {
    if (this.#state === "stopped") {
      done(index <= this.applied);
      return { abandon: () => {} };
    }
    return this.#appliedWaiters.add(index, this.applied, done);
  }

  /** Hands over to `target`, or to the member best able where it is null; `done` is called exactly once. RAFT §3.10. */
  handOver(target: NodeId | null, done: (outcome: TransferOutcome) => void): Waiting {
    if (this.#state !== "running") {
      done({ kind: "refused", reason: "stopped", transferee: target ?? noNode, leader: noNode });
      return { abandon: () => {} };
    }
    const waiting = this.#transfers.begin(target, done);
    this.#schedule();
    return waiting;
  }

  /** Forgets who leads, so that this member votes for others at once; whether there was somebody to forget. */
  forgetLeader(): boolean {
    const forgot = this.#state === "running" && this.#node.forgetLeader();
    this.#schedule();
    return forgot;
  }

  /** Asks that `target` leads from now on, and does not wait for it. RAFT §3.10. */
  transferLeadership(target: NodeId): TransferResult {
    if (this.#state === "starting" || this.#state === "stopped") {
      return "no-leader";
    }
    const result = this.#node.transferLeadership(target);
    this.#schedule();
    return result;
  }

  #received(group: GroupId, from: NodeId, frame: PeerFrame): void {
    if (group === this.#group) {
      this.#input({ kind: "frame", from, frame });
    }
  }

  #input(input: Input): void {
    if (this.#state !== "stopped") {
      this.#inputs.push(input);
      this.#schedule();
    }
  }

  // -- Observers ------------------------------------------------------------------------------------------------------

  /** The present role. */
  get role(): Role {
    return this.#core?.role ?? "follower";
  }

  /** The present leader, `noNode` when unknown. */
  get leader(): NodeId {
    return this.#core?.leader ?? noNode;
  }

  get term(): Term {
    return this.#core?.term ?? this.#storage.initial.hardState.term;
  }

  /** Highest index that the state machine has finished. */
  get applied(): LogIndex {
    return this.#applyQueue.applied;
  }

  /** Highest index known committed. */
  get committed(): LogIndex {
    return this.#core?.committed ?? indexZero;
  }

  get state(): HostStatus["state"] {
    return this.#state;
  }

  /** The core itself: for invariants and the simulator's checkers only. */
  get unsafeCore(): RawNode {
    return this.#node;
  }

  /** A copy of what is going on. Only of a member that has started. */
  status(): HostStatus {
    return {
      ...this.#node.status(),
      state: this.#state,
      machineApplied: this.#applyQueue.applied,
      pendingProposalCount: this.#proposals.count,
      pendingProposalBytes: this.#proposals.bytes,
      persistingCount: this.#persisting.length,
      persistingTicks: this.#persisting.oldestTicks,
      confIndex: this.#membership.notes.confIndex,
      members: this.#membership.members,
      activePeers: idsOf(this.#membership.confState).filter((id) => this.#membership.liveness.isActive(id)),
      counters: { ...this.#counters },
    };
  }

  // -- The turn -------------------------------------------------------------------------------------------------------

  #schedule(): void {
    if (!this.#scheduled && (this.#state === "running" || this.#state === "stopping")) {
      this.#scheduled = true;
      this.#options.scheduler.defer(this.#runTurn);
    }
  }

  /** PERF: one closure for all turns. */
  readonly #runTurn = (): void => {
    this.#scheduled = false;
    this.#enter(() => this.#turn());
  };

  /** What came in goes first: after a stall the leader's messages are heard before the clock says that it is lost. */
  #turn(): void {
    this.#counters.turns++;
    this.#drainInputs();
    this.#submitProposals();
    this.#reads.flush();
    if (this.#tickDue) {
      this.#tickDue = false;
      this.#tick();
    }
    this.#takeReady();
    this.#applySlice();
    this.#makeSnapshot();
    if (this.#stopping !== null) {
      this.#continueStop();
    }
    this.#scheduleRest();
  }

  #scheduleRest(): void {
    const mayTake = this.#persisting.length < this.#limits.persistingCountMax && this.#node.hasReady();
    const mayAsk = this.#reads.hasQueued && this.leader !== noNode;
    if (mayTake || mayAsk || this.#applyQueue.hasWork || this.#tickDue || this.#inputs.length > 0) {
      this.#schedule();
    }
  }

  #tick(): void {
    this.#counters.ticks++;
    this.#persisting.tick();
    this.#membership.liveness.tick();
    this.#node.tick();
    this.#watchDisk();
    this.#transfers.tick();
    this.#promotion.tick();
    this.#forwarding.tick();
    this.#reads.tick();
    this.#sender.tick();
    this.#receiver.tick();
    if (this.#stopping !== null) {
      this.#stopping.ticksLeft--;
    }
    this.#reads.flush();
  }

  /**
   * A leader whose disk hangs takes proposals that it cannot count itself for and keeps the group from a better one: it hands over
   * where it can, and gives up its place where it could not.
   */
  #watchDisk(): void {
    const ticks = this.#persisting.oldestTicks;
    if (ticks === 0 || ticks % this.#electionTimeoutTicks !== 0) {
      return;
    }
    this.#emit({ type: "slow-disk", ticks });
    if (this.role !== "leader") {
      return;
    }
    if (ticks === this.#electionTimeoutTicks) {
      this.#handOver();
    } else if (this.#node.resign()) {
      this.#emit({ type: "resigned", ticks });
    }
  }

  #drainInputs(): void {
    // What arrives from within belongs to the next turn.
    for (let rest = this.#inputs.length; rest > 0; rest--) {
      const input = this.#inputs.shift();
      assert(input !== undefined, "host: input vanished");
      if (input.kind === "frame") {
        this.#counters.framesReceived++;
        this.#membership.liveness.heard(input.from);
        this.#handleFrame(input.from, input.frame);
      } else {
        this.#handleUnreachable(input.peer);
      }
    }
  }

  #handleUnreachable(peer: NodeId): void {
    this.#node.reportUnreachable(peer);
    this.#forwarding.connectionLost(peer);
    this.#emit({ type: "peer-unreachable", peer });
  }

  #handleFrame(from: NodeId, frame: PeerFrame): void {
    switch (frame.kind) {
      case "message":
        this.#handleMessage(from, frame.message);
        return;
      case "propose":
        this.#handlePropose(from, frame);
        return;
      case "propose-accepted":
        this.#forwarding.accepted(from, frame);
        return;
      case "propose-refused":
        this.#forwarding.refused(from, frame);
        return;
      case "snapshot-chunk":
        this.#handleChunk(from, frame);
        return;
      case "snapshot-answer":
        this.#sender.answered(from, frame);
        return;
    }
  }

  #handleMessage(from: NodeId, message: Message): void {
    // Requests that followers pass on keep the name of who asked; everything else speaks for its sender only. A snapshot counts
    // only with its image, which comes in chunks.
    const passedOn = message.type === "read-index" || message.type === "transfer-leadership";
    if ((message.from !== from && !passedOn) || message.type === "install-snapshot") {
      this.#counters.framesRefused++;
      return;
    }
    this.#step(message);
  }

  #step(message: Message): void {
    const result = this.#node.step(message);
    if (result.status === "inconsistent") {
      this.#counters.framesRefused++;
      this.#emit({ type: "message-inconsistent", from: message.from, what: result.what });
    } else if (result.status !== "accepted") {
      this.#counters.framesRefused++;
    }
  }

  // -- Proposals ------------------------------------------------------------------------------------------------------

  #submitProposals(): void {
    const queue = this.#proposals.takeQueue();
    let start = 0;
    let bytes = 0;
    for (let end = 0; end < queue.length; end++) {
      bytes += (queue[end] as Proposal<Result>).command.length;
      if (end === queue.length - 1 || bytes >= this.#appendBytesMax) {
        this.#submit(start === 0 && end === queue.length - 1 ? queue : queue.slice(start, end + 1));
        start = end + 1;
        bytes = 0;
      }
    }
  }

  #submit(batch: readonly Proposal<Result>[]): void {
    const node = this.#node;
    const result = this.#proposeToCore(batch.map((proposal) => proposal.command));
    if (result.ok) {
      assert(!result.forwarded, "host: the core does not forward");
      let index: number = result.firstIndex;
      for (const proposal of batch) {
        this.#proposals.track(proposal, index as LogIndex, result.term);
        index++;
      }
      return;
    }
    if (result.reason === "not-leader" && result.leader !== noNode) {
      this.#counters.proposalsForwarded += batch.length;
      this.#forwarding.forward(batch, result.leader, node.term);
      return;
    }
    for (const proposal of batch) {
      proposal.refuse(result.reason, result.leader);
    }
    this.#emit({ type: "proposals-refused", reason: result.reason, count: batch.length });
  }

  #proposeToCore(commands: readonly Uint8Array[]): ProposeResult {
    return this.#node.propose(commands);
  }

  #handlePropose(from: NodeId, frame: PeerFrame & { readonly kind: "propose" }): void {
    const { commands, requestId, term } = frame;
    if (!this.#intake.admits(from, requestId, term, this.#node.term)) {
      this.#counters.framesRefused++;
      return;
    }
    const refusal = this.#refusalOf(commands);
    const result = refusal === null ? this.#proposeToCore(commands) : refusal;
    if (result.ok) {
      assert(!result.forwarded, "host: the core does not forward");
      const { firstIndex } = result;
      const count = commands.length;
      this.#sendFrame(from, { kind: "propose-accepted", requestId, term: result.term, firstIndex, count });
    } else {
      this.#sendFrame(from, {
        kind: "propose-refused",
        requestId,
        reason: result.reason,
        leader: result.leader,
      });
    }
  }

  #refusalOf(commands: readonly Uint8Array[]): (ProposeResult & { readonly ok: false }) | null {
    const refuse = (reason: ProposalRefusal): ProposeResult & { readonly ok: false } => ({
      ok: false,
      reason,
      leader: this.leader,
    });
    if (this.#state !== "running") {
      return refuse("stopped");
    }
    const max = this.#limits.commandBytesMax;
    if (commands.length === 0 || commands.some(({ length }) => length === 0 || length > max)) {
      return refuse("too-large");
    }
    return null;
  }

  // -- Ready ----------------------------------------------------------------------------------------------------------

  #takeReady(): void {
    const node = this.#node;
    if (this.#persisting.length >= this.#limits.persistingCountMax || !node.hasReady()) {
      return;
    }
    const ready = node.ready();
    this.#counters.readies++;
    this.#observe(ready);
    // RAFT §10.2.1: these may leave while the disk writes.
    this.#sendAll(ready.sendNow);
    if (ready.snapshot !== null) {
      this.#maker.abort();
      this.#proposals.snapshotPassed(ready.snapshot.index, ready.snapshot.term);
      this.#membership.snapshotPassed(ready.snapshot.index);
      this.#applyQueue.beginRestore(ready.snapshot);
    }
    this.#applyQueue.push(ready.apply);
    for (const state of ready.readStates) {
      this.#reads.confirmed(state);
    }
    this.#load(ready.loads);
    if (this.#persisting.write(ready)) {
      this.#counters.writes++;
    }
  }

  /** RAFT §3.8: only now may what rests on this batch leave. */
  #durable(ready: Ready): void {
    for (const message of ready.sendAfterPersist) {
      if (message.to === this.id) {
        this.#step(message);
      } else {
        this.#sendMessage(message);
      }
    }
    this.#node.persisted(ready.seq);
    if (ready.snapshot !== null) {
      this.#restore(ready.snapshot);
    }
    this.#schedule();
  }

  #load(loads: readonly LogRange[]): void {
    for (const { low, high, bytesMax } of loads) {
      this.#storage.load(low, high, bytesMax, (error) => {
        this.#enter(() => {
          if (error !== null && !isGone(error)) {
            throw error;
          }
          this.#node.logLoaded();
          this.#schedule();
        });
      });
    }
  }

  #observe(ready: Ready): void {
    const { leader, role, term } = this.#node;
    if (term !== this.#lastTerm) {
      this.#emit({ type: "term", term });
    }
    if (leader !== this.#lastLeader || term !== this.#lastTerm) {
      this.#forwarding.leaderChanged(leader, term);
      this.#reads.leaderChanged();
      this.#transfers.leaderChanged(leader);
      this.#emit({ type: "leader", leader, term });
    }
    if (role !== this.#lastRole) {
      if (this.#lastRole === "leader") {
        this.#sender.stop();
      }
      this.#emit({ type: "role", role, term });
    }
    this.#lastTerm = term;
    this.#lastLeader = leader;
    this.#lastRole = role;
    assert(ready.softState === null || ready.softState.role === role, "host: role out of step");
  }

  #sendAll(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#sendMessage(message);
    }
  }

  #sendMessage(message: Message): void {
    assert(message.to !== this.id, "host: message to self outside the durable part");
    if (message.type === "install-snapshot") {
      this.#sendSnapshot(message);
    } else {
      this.#sendFrame(message.to, { kind: "message", message });
    }
  }

  #sendSnapshot(message: InstallSnapshot): void {
    if (idsOf(message.snapshot.confState).includes(message.to)) {
      this.#sender.begin(message);
      return;
    }
    // It was made before the member was added, who would not take it up. The core asks again with the next heartbeat.
    this.#maker.demand();
    this.#node.reportSnapshot(message.to, false);
  }

  #sendFrame(to: NodeId, frame: PeerFrame): void {
    assert(this.#state !== "stopped", "host: frame after the end");
    this.#counters.framesSent++;
    this.#options.transport.send(this.#group, to, frame);
  }

  // -- Applying -------------------------------------------------------------------------------------------------------

  #applySlice(): void {
    const { applyBytesPerTurnMax, applyCountPerTurnMax } = this.#limits;
    const count = this.#applyQueue.run(applyCountPerTurnMax, applyBytesPerTurnMax, this.#applyEntry);
    if (count > 0) {
      this.#counters.entriesApplied += count;
      this.#node.applied(this.#applyQueue.applied);
      this.#reads.appliedTo(this.#applyQueue.applied);
      this.#appliedWaiters.appliedTo(this.#applyQueue.applied);
    }
  }

  /** PERF: one closure for all entries. */
  readonly #applyEntry = (entry: Entry): void => {
    const { data, index, term } = entry;
    assert(term >= this.#appliedTerm, "host: terms go back along the log");
    if (term > this.#appliedTerm) {
      this.#appliedTerm = term;
      this.#proposals.termBegan(index, term);
      this.#membership.termBegan(index, term);
    }
    this.#maker.count(data.length);
    if (entry.type !== "normal") {
      this.#membership.apply(entry);
      this.#proposals.passed(index);
      return;
    }
    if (this.#membership.hasWaiting) {
      this.#membership.passed(index);
    }
    if (data.length === 0) {
      this.#proposals.passed(index);
    } else {
      const result = this.#options.stateMachine.apply(data, { index, term });
      this.#proposals.applied(index, term, result);
    }
  };

  #termOf(index: LogIndex): Term | null {
    const term = this.#storage.term(index);
    return typeof term === "number" ? term : null;
  }

  // -- Snapshots ------------------------------------------------------------------------------------------------------

  #makeSnapshot(): void {
    if (this.#state === "running" && this.#applyQueue.restoring === null && this.#maker.isDue) {
      const { confState, notes } = this.#membership;
      this.#maker.begin(this.#applyQueue.applied, this.#appliedTerm, confState, notes);
    }
  }

  #snapshotSent(to: NodeId, ok: boolean): void {
    this.#node.reportSnapshot(to, ok);
    this.#schedule();
  }

  #handleChunk(from: NodeId, frame: PeerFrame & { readonly kind: "snapshot-chunk" }): void {
    const { snapshot, term, totalBytes } = frame;
    if (term < this.#node.term) {
      this.#counters.framesRefused++;
      return;
    }
    if (snapshot.index <= this.#node.committed) {
      // Nothing to gain; the message tells the leader how far this member is.
      this.#sendFrame(from, { kind: "snapshot-answer", snapshot, offset: totalBytes, failed: false });
      this.#install(from, term, snapshot);
      return;
    }
    this.#receiver.chunk(from, frame);
  }

  /** The image is there, or not needed: from here on the core decides. */
  #install(from: NodeId, term: Term, snapshot: SnapshotMetadata): void {
    this.#step({ type: "install-snapshot", from, to: this.id, term, snapshot });
    this.#schedule();
  }

  /** One at a time: a newer one that becomes durable meanwhile is restored next. */
  #restore(snapshot: SnapshotMetadata): void {
    if (this.#restoring || snapshot.index <= this.#applyQueue.applied) {
      return;
    }
    this.#restoring = true;
    const ports = { guard: this.#guard, ...this.#options };
    this.#run(restoreNewest(ports, snapshot, this.#limits.snapshotChunkBytes), (restored) => {
      this.#restoring = false;
      this.#restored(restored);
      const newest = this.#storage.snapshot();
      if (newest !== null && newest !== "pending" && this.#applyQueue.restoring?.index === newest.index) {
        this.#restore(newest);
      }
    });
  }

  #restored({ metadata: snapshot, notes }: Restored): void {
    this.#applyQueue.restored(snapshot);
    this.#appliedTerm = snapshot.term;
    this.#membership.restored(snapshot.confState, notes);
    this.#counters.snapshotsInstalled++;
    this.#node.applied(snapshot.index);
    this.#emit({ type: "snapshot-installed", snapshot });
    this.#reads.appliedTo(snapshot.index);
    this.#appliedWaiters.appliedTo(snapshot.index);
    this.#schedule();
  }

  // -- The end --------------------------------------------------------------------------------------------------------

  #enter(work: () => void): void {
    if (this.#state === "stopped") {
      return;
    }
    try {
      work();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #run<T>(task: Task<T>, completed: (value: T) => void): void {
    runTask(task, (error, value) => {
      this.#enter(() => {
        if (error !== null) {
          throw error;
        }
        completed(value as T);
      });
    });
  }

  /** RAFT §3.8 rests on the disk and on this code: when either failed, nothing more leaves and nothing is acknowledged. */
  #fail(error: Error): void {
    if (this.#state === "stopped") {
      return;
    }
    this.#state = "stopped";
    try {
      this.#emit({ type: "fatal", error });
    } finally {
      try {
        this.#options.onFatal(error);
      } finally {
        this.#settleAll();
      }
    }
  }

  /** Ends at once, as a crash would: nothing more leaves, nothing is closed; every waiter is told. */
  halt(): void {
    if (this.#state !== "stopped") {
      this.#state = "stopped";
      this.#settleAll();
    }
  }

  /**
   * Hands leadership over where it can, takes no new proposals, waits a while for those under way, closes transport and
   * storage. It needs `tick()` to go on until it calls back.
   */
  stop(options: StopOptions, completed: Completed): void {
    assert(this.#stopping === null, "host: stopped twice");
    if (this.#state !== "running") {
      this.halt();
      completed(null);
      return;
    }
    this.#state = "stopping";
    this.#stopping = { ticksLeft: this.#electionTimeoutTicks, completed };
    this.#proposals.refuseAll();
    if (options.transfer ?? true) {
      this.#handOver();
    }
    this.#schedule();
  }

  #handOver(): void {
    if (this.role !== "leader") {
      return;
    }
    const { progress } = this.#node.status();
    const heir = bestHeir(this.id, progress, (id) => this.#membership.liveness.isActive(id));
    if (heir !== null) {
      this.#node.transferLeadership(heir);
    }
  }

  #continueStop(): void {
    const stopping = this.#stopping;
    assert(stopping !== null, "host: not stopping");
    const { progress, transferee } = this.#node.status();
    const handsOver = this.role === "leader" && transferee !== noNode && progress.length > 1;
    const drained = this.#proposals.count === 0 && this.#persisting.length === 0 && !this.#applyQueue.hasWork;
    if ((handsOver || !drained) && stopping.ticksLeft > 0) {
      return;
    }
    this.#state = "stopped";
    this.#settleAll();
    this.#options.transport.close((transportError) => {
      this.#storage.close((storageError) => stopping.completed(storageError ?? transportError));
    });
  }

  #settleAll(): void {
    this.#inputs.clear();
    this.#sender.stop();
    this.#receiver.stop();
    this.#forwarding.stop();
    this.#proposals.stop();
    this.#membership.stop();
    this.#transfers.stop();
    this.#appliedWaiters.stop();
    this.#reads.stop();
  }

  #emit(event: HostEvent): void {
    this.#options.onEvent?.(event);
  }

  get #node(): RawNode {
    const core = this.#core;
    assert(core !== null, "host: not started");
    return core;
  }
}

/** Entries that were asked for are gone or not there yet: the core looks again and finds out. */
function isGone(error: Error): boolean {
  const code = "code" in error ? error.code : undefined;
  return code === "STORAGE_COMPACTED" || code === "STORAGE_UNAVAILABLE";
}
