/**
 * The driver of one member, without I/O of its own: it executes {@link Ready} against its ports. Everything that happens in one
 * turn of the event loop forms one batch: incoming frames and proposals are stepped, one Ready is taken, its messages leave
 * while the disk writes. It knows no time but `tick()` and no chance but what it is given. This is its face; the chapters beside
 * it do the work on one {@link Group}.
 */
import { assert, runTask, type Task } from "@quorate/base";
import type { RawNode, TransferResult } from "../raw-node.ts";
import type { Role } from "../types/hard-state.ts";
import { indexZero, type LogIndex, type NodeId, noNode, type Term } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { createGroup } from "./create-group.ts";
import type { HostStatus } from "./events.ts";
import { coreOf, type Group, leaderOf, roleOf, schedule } from "./group.ts";
import { takeInput } from "./incoming.ts";
import { restoreAtStart } from "./installing.ts";
import { idsOf } from "./member-record.ts";
import type { MembershipChange, MembershipOutcome } from "./membership-change.ts";
import type { HostOptions } from "./options.ts";
import type { ProposalOutcome, ReadOutcome, Waiting } from "./outcome.ts";
import type { Completed } from "./ports.ts";
import { applicationChannelMin, type RequestHandler, type RequestOutcome } from "./requests.ts";
import type { SnapshotRequestOutcome } from "./snapshot-request.ts";
import { statusOf } from "./status.ts";
import { beginStop, fail, halt, type StopOptions } from "./stopping.ts";
import { changeMembers, handOver } from "./to-leader.ts";
import type { TransferOutcome } from "./transfers.ts";

const settled: Waiting = { abandon: () => {} };

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
 * scheduler.runAll(); // An election ends when its votes are durable: who proposes before that is refused.
 * host.propose(new Uint8Array([1]), (outcome) => {
 *   if (outcome.kind !== "applied") throw new Error(outcome.kind);
 * });
 * scheduler.runAll();
 * ```
 */
export class RaftHost<Result = unknown> {
  readonly #group: Group<Result>;

  /** @throws ConfigError with every problem of the limits at once. */
  constructor(options: HostOptions<Result>) {
    this.#group = createGroup(options);
  }

  /** Restores the state machine, joins the network. Calls back once it runs; a failure is fatal and told by `onFatal` too. */
  start(completed: Completed): void {
    const group = this.#group;
    assert(group.state === "starting" && group.core === null, "host: started twice");
    const snapshot = group.storage.snapshot();
    assert(snapshot !== "pending", "host: the storage is in use");
    runTask(this.#starting(snapshot), (error) => {
      if (error !== null) {
        fail(group, error);
      }
      completed(error);
    });
  }

  *#starting(snapshot: SnapshotMetadata | null): Task<void> {
    const group = this.#group;
    group.core = yield* restoreAtStart(group, snapshot);
    group.lastTerm = group.core.term;
    group.state = "running";
    group.repair.started();
    group.failOver?.started();
    group.options.transport.start({
      received: (groupId, from, frame) => {
        if (groupId === group.groupId) {
          takeInput(group, { kind: "frame", from, frame });
        }
      },
      unreachable: (peer) => takeInput(group, { kind: "unreachable", peer }),
      peerGone: (peer, reason) => takeInput(group, { kind: "gone", peer, reason }),
    });
    schedule(group);
  }

  // -- Inputs ---------------------------------------------------------------------------------------------------------

  /**
   * Proposes a command, wherever this member stands: a follower forwards it. `done` is called exactly once; with `applied`
   * from within the apply, so that the result may be a view. The bytes belong to the host from here on.
   */
  propose(command: Uint8Array, done: (outcome: ProposalOutcome<Result>) => void): Waiting {
    const waiting = this.#group.proposals.admit(command, done);
    schedule(this.#group);
    return waiting;
  }

  /** Asks for a moment from which the local state is linearizable to read; `done` is called exactly once. RAFT §6.4. */
  read(done: (outcome: ReadOutcome) => void): Waiting {
    const waiting = this.#group.reads.admit(done);
    schedule(this.#group);
    return waiting;
  }

  /**
   * Asks the leader, this member itself where it leads, by a channel of the application (16 … 65,535); `done` is called exactly once.
   * At most 4 MiB each way. Nothing is retried: what ended `unknown` may have been handled. Default: five election time-outs.
   */
  requestLeader(
    channel: number,
    bytes: Uint8Array,
    done: (outcome: RequestOutcome) => void,
    timeoutTicks: number = 5 * this.#group.electionTimeoutTicks,
  ): Waiting {
    assert(channel >= applicationChannelMin, "host: a channel of the host's own");
    return this.#group.requests.ask(channel, bytes, timeoutTicks, done);
  }

  /** Answers the requests of a channel of the application (16 … 65,535) while this member leads. Once for each channel. */
  onRequest(channel: number, handler: RequestHandler): void {
    assert(channel >= applicationChannelMin, "host: a channel of the host's own");
    this.#group.requests.handle(channel, handler);
  }

  /** One unit of time has passed. Several calls in one turn count once: missed time is never made up for. */
  tick(): void {
    this.#group.tickDue = true;
    schedule(this.#group);
  }

  /** Campaigns without waiting for the time-out; whether this member may. */
  campaign(): boolean {
    const campaigns = this.#group.state === "running" && coreOf(this.#group).campaign();
    schedule(this.#group);
    return campaigns;
  }

  /**
   * Changes the membership; a follower asks the leader to, once. `done` is called exactly once: with `applied` when the change is in
   * force, here too, a joint configuration on the way left again; with `unknown` when the leader or its answer was lost. RAFT §4.
   */
  changeMembers(change: MembershipChange, done: (outcome: MembershipOutcome) => void): Waiting {
    if (this.#group.state !== "running") {
      done({ kind: "refused", reason: "stopped", leader: noNode });
      return settled;
    }
    return changeMembers(this.#group, change, done);
  }

  /** Calls `done` exactly once: with true when `index` is applied here, with false when the wait or this member ended before. */
  whenApplied(index: LogIndex, done: (reached: boolean) => void): Waiting {
    if (this.#group.state === "stopped") {
      done(index <= this.applied);
      return settled;
    }
    return this.#group.appliedWaiters.add(index, this.applied, done);
  }

  /**
   * Hands over to `target`, or to the member best able where it is null; a follower asks the leader to. `done` is called exactly once;
   * after `timed-out` the transferee may still take over. RAFT §3.10.
   */
  handOver(target: NodeId | null, done: (outcome: TransferOutcome) => void): Waiting {
    if (this.#group.state !== "running") {
      done({ kind: "refused", reason: "stopped", transferee: target ?? noNode, leader: noNode });
      return settled;
    }
    return handOver(this.#group, target, done);
  }

  /**
   * Asks the leader for an image although the log here is whole, because the state machine is doubted, and restores the machine from it.
   * Until then nothing more is applied than the image holds. `done` is called exactly once. Only of a follower or learner.
   */
  requestSnapshot(done: (outcome: SnapshotRequestOutcome) => void): Waiting {
    if (this.#group.state !== "running") {
      done({ kind: "refused", reason: "stopped", leader: noNode });
      return settled;
    }
    const waiting = this.#group.snapshotRequest.begin(done);
    schedule(this.#group);
    return waiting;
  }

  /** Makes a snapshot as soon as none is being made, whatever the policy says. */
  demandSnapshot(): void {
    if (this.#group.state === "running") {
      this.#group.maker.demand();
      schedule(this.#group);
    }
  }

  /** Forgets who leads, so that this member votes for others at once; whether there was somebody to forget. */
  forgetLeader(): boolean {
    const forgot = this.#group.state === "running" && coreOf(this.#group).forgetLeader();
    schedule(this.#group);
    return forgot;
  }

  /** Asks that `target` leads from now on, and does not wait for it. RAFT §3.10. */
  transferLeadership(target: NodeId): TransferResult {
    if (this.#group.state === "starting" || this.#group.state === "stopped") {
      return "no-leader";
    }
    const result = coreOf(this.#group).transferLeadership(target);
    schedule(this.#group);
    return result;
  }

  // -- Observers ------------------------------------------------------------------------------------------------------

  /** This member. */
  get id(): NodeId {
    return this.#group.id;
  }

  /** The present role. */
  get role(): Role {
    return roleOf(this.#group);
  }

  /** The present leader, `noNode` when unknown. */
  get leader(): NodeId {
    return leaderOf(this.#group);
  }

  get term(): Term {
    return this.#group.core?.term ?? this.#group.storage.initial.hardState.term;
  }

  /** Highest index that the state machine has finished. */
  get applied(): LogIndex {
    return this.#group.applyQueue.applied;
  }

  /** Highest index known committed. */
  get committed(): LogIndex {
    return this.#group.core?.committed ?? indexZero;
  }

  get state(): HostStatus["state"] {
    return this.#group.state;
  }

  /** The core itself: for invariants and the simulator's checkers only. */
  get unsafeCore(): RawNode {
    return coreOf(this.#group);
  }

  /**
   * Whether this member, which `by` says was removed, is of no more use. RAFT §4.2.2: where it knows of its removal, those that are to elect
   * a leader may not, and need its vote until one of them does; a learner's word is not enough.
   */
  isReleasedBy(by: NodeId): boolean {
    const { confState } = this.#group.membership;
    const isMember = idsOf(confState).includes(this.id);
    return isMember || confState.voters.length === 0 || confState.voters.includes(by);
  }

  /** A copy of what is going on. Only of a member that has started. */
  status(): HostStatus {
    return statusOf(this.#group);
  }

  // -- The end --------------------------------------------------------------------------------------------------------

  /** The storage failed behind the host's back: the member ends as when a write of its own fails, and `onFatal` is told. */
  storageFailed(error: Error): void {
    fail(this.#group, error);
  }

  /** Ends at once, as a crash would: nothing more leaves, nothing is closed; every waiter is told. */
  halt(): void {
    halt(this.#group);
  }

  /**
   * Hands leadership over where it can, takes no new proposals, waits a while for those under way, closes transport and
   * storage. It needs `tick()` to go on until it calls back.
   */
  stop(options: StopOptions, completed: Completed): void {
    beginStop(this.#group, options, completed);
  }
}
