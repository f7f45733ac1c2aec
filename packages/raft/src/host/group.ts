/**
 * One member of one group, as the chapters of the host share it: its ports, its parts, and what changes from turn to turn. One
 * mutable record, like the core's; nothing of it belongs to the process, so that many groups can live in one.
 */
import { assert, type RingBuffer } from "@quorate/base";
import type { RawNode } from "../raw-node.ts";
import type { Entry } from "../types/entry.ts";
import type { Role } from "../types/hard-state.ts";
import { type LogIndex, type NodeId, noNode, type Term } from "../types/ids.ts";
import type { Message } from "../types/message.ts";
import type { Ready } from "../types/ready.ts";
import type { AppliedWaiters } from "./applied-waiters.ts";
import type { ApplyQueue, LookAhead } from "./apply-queue.ts";
import type { CommitNotices } from "./commit-notices.ts";
import type { HostCounters, HostEvent, HostStatus } from "./events.ts";
import type { FailOver } from "./fail-over.ts";
import type { ForwardIntake, Forwarding } from "./forwarding.ts";
import type { Guard } from "./guard.ts";
import type { LeaderLease } from "./leader-lease.ts";
import type { LogRepair } from "./log-repair.ts";
import type { Membership } from "./membership.ts";
import type { HostLimits, HostOptions } from "./options.ts";
import type { PersistQueue } from "./persist-queue.ts";
import type { Completed, GroupId, PeerFrame, PeerGoneReason, Storage } from "./ports.ts";
import type { Promotion } from "./promotion.ts";
import type { ProposalTable } from "./proposals.ts";
import type { ReadQueue } from "./reads.ts";
import type { Requests } from "./requests.ts";
import type { SnapshotMaker } from "./snapshot-maker.ts";
import type { SnapshotReceiver } from "./snapshot-receiver.ts";
import type { SnapshotRequest } from "./snapshot-request.ts";
import type { SnapshotSender } from "./snapshot-sender.ts";
import type { Transfers } from "./transfers.ts";

/** What the transport delivered and the next turn takes in. */
export type Input =
  | { readonly kind: "frame"; readonly from: NodeId; readonly frame: PeerFrame }
  | { readonly kind: "unreachable"; readonly peer: NodeId }
  | { readonly kind: "gone"; readonly peer: NodeId; readonly reason: PeerGoneReason };

/** The leader asked this member to take over before it had applied what it knows to be committed. */
interface HandOver {
  readonly message: Message;
  /** What was committed then. */
  readonly committed: LogIndex;
}

/** A stop that waits for what is under way. */
interface Stopping {
  ticksLeft: number;
  readonly completed: Completed;
}

/** Everything of one member of one group. */
export interface Group<Result> {
  readonly id: NodeId;
  /** In every frame. */
  readonly groupId: GroupId;
  readonly options: HostOptions<Result>;
  readonly limits: HostLimits;
  readonly storage: Storage;
  readonly electionTimeoutTicks: number;
  readonly appendBytesMax: number;
  readonly counters: HostCounters;
  readonly guard: Guard;
  readonly inputs: RingBuffer<Input>;

  readonly proposals: ProposalTable<Result>;
  readonly forwarding: Forwarding<Result>;
  readonly intake: ForwardIntake;
  readonly requests: Requests;
  readonly reads: ReadQueue;
  readonly persisting: PersistQueue;
  readonly notices: CommitNotices;
  readonly maker: SnapshotMaker;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  readonly snapshotRequest: SnapshotRequest;
  /** Of the leader: the lowest index of the image that a member asked for. */
  readonly imagesAsked: Map<NodeId, LogIndex>;
  readonly repair: LogRepair;
  readonly membership: Membership;
  readonly promotion: Promotion;
  readonly transfers: Transfers;
  /** Null without lease reads. */
  readonly lease: LeaderLease | null;
  /** Null where a dead leader is left to the election time-out. */
  readonly failOver: FailOver | null;
  readonly appliedWaiters: AppliedWaiters;
  /** PERF: one closure for all turns, one or two for all entries. */
  readonly runTurn: () => void;
  readonly applyEntry: (entry: Entry) => void;
  /** Null where the state machine does not want it. */
  readonly lookAhead: LookAhead | null;

  /** Null until the member has started. */
  core: RawNode | null;
  state: HostStatus["state"];
  applyQueue: ApplyQueue;
  /** A batch whose messages and entries wait for the disk to know of the change that it commits; none is taken behind it. Null mostly. */
  withheld: { readonly ready: Ready; readonly change: LogIndex } | null;
  /** Up to where a change of the members may wait to be committed, of the last leadership here. */
  pendingChange: LogIndex;
  /** The last change of the members that the disk knew as committed before anybody was told. */
  changeDurable: LogIndex;
  /** Of the entry at `applyQueue.applied`. */
  appliedTerm: Term;
  /** A snapshot is being put into the state machine. */
  restoring: boolean;
  /** A turn is deferred. */
  scheduled: boolean;
  tickDue: boolean;
  /** What observers were told last. */
  lastRole: Role;
  lastLeader: NodeId;
  lastTerm: Term;
  lastTransferee: NodeId;
  /** Waits for the state machine; null mostly. */
  handOver: HandOver | null;
  /** The last one that was known to lead. */
  knownLeader: NodeId;
  stopping: Stopping | null;
}

/** The core of a member that has started. */
export function coreOf<Result>(group: Group<Result>): RawNode {
  const { core } = group;
  assert(core !== null, "host: not started");
  return core;
}

/** The present role. */
export function roleOf<Result>(group: Group<Result>): Role {
  return group.core?.role ?? "follower";
}

/** The present leader, `noNode` when unknown. */
export function leaderOf<Result>(group: Group<Result>): NodeId {
  return group.core?.leader ?? noNode;
}

/** The term of the entry at an applied index, null when it is not known any more. */
export function termAt<Result>(group: Group<Result>, index: Entry["index"]): Term | null {
  const term = group.storage.term(index);
  return typeof term === "number" ? term : null;
}

/** Tells observers. */
export function emit<Result>(group: Group<Result>, event: HostEvent): void {
  group.options.onEvent?.(event);
}

/** Sends one frame of this group. */
export function sendFrame<Result>(group: Group<Result>, to: NodeId, frame: PeerFrame): void {
  assert(group.state !== "stopped", "host: frame after the end");
  assert(to !== group.id, "host: frame to self");
  group.counters.framesSent++;
  if (frame.kind === "snapshot-chunk") {
    group.counters.snapshotBytesSent += frame.chunk.length;
  }
  group.options.transport.send(group.groupId, to, frame);
}

/** Sees to it that there is a turn, once this one of the event loop ends. */
export function schedule<Result>(group: Group<Result>): void {
  if (!group.scheduled && (group.state === "running" || group.state === "stopping")) {
    group.scheduled = true;
    group.options.scheduler.defer(group.runTurn);
  }
}

/** Whether the core has a batch that may be taken: the disk is not too far behind, and need not come first. */
export function mayTakeReady<Result>(group: Group<Result>): boolean {
  const { limits, persisting, withheld } = group;
  return withheld === null && persisting.length < limits.persistingCountMax && coreOf(group).hasReady();
}

/** Sees to it that there is a turn where something is left that one could do. */
export function scheduleRest<Result>(group: Group<Result>): void {
  const { applyQueue, inputs, notices, reads } = group;
  const mayAsk = reads.hasQueued && leaderOf(group) !== noNode;
  const mayTell = !notices.isEmpty;
  if (mayTakeReady(group) || mayAsk || mayTell || applyQueue.hasWork || group.tickDue || inputs.length > 0) {
    schedule(group);
  }
}
