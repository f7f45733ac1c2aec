/**
 * A member's parts, each with the ports that it needs of the others. Ports reach the group when they are used, which is after all
 * of it is made.
 */
import { RingBuffer, runTask, type Task } from "@quorate/base";
import { raftDefaults } from "../config.ts";
import { indexZero, type LogIndex, type NodeId, noNode, termZero } from "../types/ids.ts";
import type { MemberInfo } from "../types/member.ts";
import { AppliedWaiters } from "./applied-waiters.ts";
import { ApplyQueue } from "./apply-queue.ts";
import { applyEntry, lookAhead } from "./applying.ts";
import { CommitNotices } from "./commit-notices.ts";
import { createCounters, type HostCounters, type HostEvent } from "./events.ts";
import { durable, written } from "./executing.ts";
import { FailOver } from "./fail-over.ts";
import { ForwardIntake, Forwarding, RequestIds } from "./forwarding.ts";
import { coreOf, emit, type Group, leaderOf, roleOf, schedule, sendFrame, termAt } from "./group.ts";
import type { Guard } from "./guard.ts";
import { install, restoreAgain, snapshotSent } from "./installing.ts";
import { LeaderLease } from "./leader-lease.ts";
import { LogRepair, type LogRepairPorts } from "./log-repair.ts";
import { noNotes } from "./member-record.ts";
import { Membership } from "./membership.ts";
import {
  type HostLimits,
  type HostOptions,
  resolveFailOver,
  resolveLease,
  resolveLimits,
  resolveMembership,
  resolvePolicy,
} from "./options.ts";
import { sendMessage, stepMessage } from "./outgoing.ts";
import { PersistQueue } from "./persist-queue.ts";
import type { PeerFrame } from "./ports.ts";
import { Promotion } from "./promotion.ts";
import { ProposalTable } from "./proposals.ts";
import { ReadQueue } from "./reads.ts";
import { Requests } from "./requests.ts";
import { SnapshotMaker } from "./snapshot-maker.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotRequest } from "./snapshot-request.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import { answerSnapshotRequests, askForSnapshot } from "./snapshot-serving.ts";
import { fail } from "./stopping.ts";
import { answerMembers } from "./to-leader.ts";
import { TracedNode } from "./traced-node.ts";
import { Transfers } from "./transfers.ts";
import { turn } from "./turn.ts";

type SendFrame = (to: NodeId, frame: PeerFrame) => void;
type Tell = (event: HostEvent) => void;

/** What parts are made with. `group` answers once all of them are. */
interface Making<Result> {
  readonly group: () => Group<Result>;
  readonly options: HostOptions<Result>;
  readonly limits: HostLimits;
  readonly counters: HostCounters;
  readonly guard: Guard;
  readonly election: number;
  readonly ids: RequestIds;
}

/** @throws ConfigError with every problem of the limits at once. */
export function createGroup<Result>(options: HostOptions<Result>): Group<Result> {
  const { storage } = options;
  const limits = resolveLimits(options);
  const counters = createCounters();
  const guard = createGuard(() => group);
  const election = options.core?.electionTimeoutTicks ?? raftDefaults.electionTimeoutTicks;
  const ids = new RequestIds(options.random);
  const making: Making<Result> = { group: () => group, options, limits, counters, guard, election, ids };
  const proposals = new ProposalTable<Result>(limits, counters);
  const group: Group<Result> = {
    id: options.id,
    groupId: options.group ?? 0,
    options,
    limits,
    storage,
    electionTimeoutTicks: election,
    appendBytesMax: options.core?.appendBytesMax ?? raftDefaults.appendBytesMax,
    counters,
    guard,
    inputs: new RingBuffer(),
    proposals,
    forwarding: createForwarding(making, proposals),
    intake: new ForwardIntake(storage.initial.hardState.term),
    requests: createRequests(making),
    reads: createReads(making),
    persisting: new PersistQueue(
      storage,
      (complete) => written(group, complete),
      (ready) => durable(group, ready),
    ),
    notices: new CommitNotices((message) => sendMessage(group, message)),
    ...createSnapshotParts(making),
    repair: createRepair(making),
    ...createMembershipParts(making),
    transfers: createTransfers(making),
    failOver: createFailOver(making),
    lease: createLease(making),
    appliedWaiters: new AppliedWaiters(),
    runTurn: () => {
      group.scheduled = false;
      guard.enter(() => turn(group));
    },
    applyEntry: (entry) => applyEntry(group, entry),
    lookAhead:
      options.stateMachine.lookAhead === undefined
        ? null
        : (page, start, end) => lookAhead(options.stateMachine, page, start, end),
    core: null,
    state: "starting",
    withheld: null,
    pendingChange: indexZero,
    changeDurable: indexZero,
    applyQueue: new ApplyQueue(indexZero),
    appliedTerm: termZero,
    restoring: false,
    scheduled: false,
    tickDue: false,
    lastRole: "follower",
    lastLeader: noNode,
    lastTerm: termZero,
    lastTransferee: noNode,
    handOver: null,
    knownLeader: noNode,
    stopping: null,
  };
  answerMembers(group);
  answerSnapshotRequests(group);
  return group;
}

function createLease<Result>({ group, ids, options }: Making<Result>): LeaderLease | null {
  const times = resolveLease(options);
  if (times === null) {
    return null;
  }
  return new LeaderLease(
    {
      get core() {
        return coreOf(group());
      },
      nextId: () => ids.next(),
      nowMs: times.nowMs,
      emit: (event) => emit(group(), event),
    },
    times,
  );
}

function createFailOver<Result>({ group, guard, options }: Making<Result>): FailOver | null {
  const policy = resolveFailOver(options);
  const { random, scheduler } = options;
  if (policy === null || scheduler.after === undefined) {
    return null;
  }
  const after = scheduler.after.bind(scheduler);
  return new FailOver(
    {
      id: options.id,
      get core() {
        return coreOf(group());
      },
      get isRunning() {
        return group().state === "running";
      },
      get voters() {
        const { voters, votersOutgoing } = group().membership.confState;
        return [...new Set([...voters, ...votersOutgoing])].sort((left, right) => left - right);
      },
      after: (delayMs, work) =>
        after(delayMs, () =>
          guard.enter(() => {
            work();
            schedule(group());
          }),
        ),
      random,
      emit: (event) => emit(group(), event),
    },
    policy.spreadMs,
  );
}

function createGuard<Result>(group: () => Group<Result>): Guard {
  const enter = (work: () => void): void => {
    if (group().state === "stopped") {
      return;
    }
    try {
      work();
    } catch (error) {
      fail(group(), error instanceof Error ? error : new Error(String(error)));
    }
  };
  const run = <T>(task: Task<T>, completed: (value: T) => void): void => {
    runTask(task, (error, value) => {
      enter(() => {
        if (error !== null) {
          throw error;
        }
        completed(value as T);
      });
    });
  };
  return { enter, fail: (error) => fail(group(), error), run };
}

function createForwarding<Result>(
  { election, group, ids }: Making<Result>,
  proposals: ProposalTable<Result>,
): Forwarding<Result> {
  return new Forwarding(
    {
      send: (to, frame) => sendFrame(group(), to, frame),
      get passed(): LogIndex {
        return group().applyQueue.passed;
      },
      // Behind what is applied the log may still be the one that a snapshot is about to replace.
      termOf: (index) => (index <= group().applyQueue.applied ? termAt(group(), index) : null),
    },
    proposals,
    ids,
    2 * election,
  );
}

function createRequests<Result>({ group, ids, limits, options }: Making<Result>): Requests {
  return new Requests(
    {
      id: options.id,
      get leader() {
        return leaderOf(group());
      },
      get term() {
        return coreOf(group()).term;
      },
      get isLeader() {
        return roleOf(group()) === "leader";
      },
      get isRunning() {
        return group().state === "running";
      },
      send: (to, frame) => {
        if (group().state !== "stopped") {
          sendFrame(group(), to, frame);
        }
      },
      admits: (from, requestId, term) => group().intake.admits(from, requestId, term, coreOf(group()).term),
    },
    ids,
    limits.pendingRequestCountMax,
  );
}

function createReads<Result>({ counters, election, group, ids, limits }: Making<Result>): ReadQueue {
  return new ReadQueue(
    {
      get byLease() {
        return group().lease !== null && coreOf(group()).leaseHeld;
      },
      ask: (context) => coreOf(group()).readIndex(context) === "asked",
      get leader() {
        return leaderOf(group());
      },
      get applied() {
        return group().applyQueue.applied;
      },
    },
    ids,
    limits,
    { retryTicks: election, timeoutTicks: 5 * election },
    counters,
  );
}

function createSnapshotParts<Result>(
  making: Making<Result>,
): Pick<Group<Result>, "maker" | "sender" | "receiver" | "snapshotRequest" | "imagesAsked"> {
  const { counters, election, group, guard, limits, options } = making;
  const { buggify = null, scheduler, snapshots, stateMachine, storage } = options;
  const send: SendFrame = (to, frame) => sendFrame(group(), to, frame);
  const tell: Tell = (event) => emit(group(), event);
  const tellMade: Tell = (event) => {
    const { core } = group();
    if (event.type === "compaction" && core instanceof TracedNode) {
      core.compacted();
    }
    tell(event);
  };
  return {
    maker: new SnapshotMaker(
      { guard, scheduler, storage, stateMachine, counters, buggify, emit: tellMade },
      resolvePolicy(snapshots),
      limits.snapshotChunkBytes,
    ),
    sender: new SnapshotSender(
      {
        guard,
        storage,
        counters,
        buggify,
        send,
        emit: tell,
        ended: (to, ok) => snapshotSent(group(), to, ok),
        refused: () => group().maker.demand(),
      },
      {
        chunkBytes: limits.snapshotChunkBytes,
        windowCount: limits.snapshotWindowCount,
        transferCountMax: limits.snapshotSendCountMax,
        bytesPerTickMax: limits.snapshotSendBytesPerTickMax,
        resendTicks: election,
        giveUpTicks: 10 * election,
      },
    ),
    receiver: new SnapshotReceiver(
      {
        guard,
        sinkFor: (snapshot) => group().snapshotRequest.sinkFor(snapshot),
        send,
        emit: tell,
        received: (from, term, snapshot) => install(group(), from, term, snapshot),
      },
      20 * election,
    ),
    snapshotRequest: createSnapshotRequest(making),
    imagesAsked: new Map(),
  };
}

function createSnapshotRequest<Result>({ election, group, options }: Making<Result>): SnapshotRequest {
  return new SnapshotRequest(
    {
      get isRunning() {
        return group().state !== "stopped";
      },
      get core() {
        return coreOf(group());
      },
      storage: options.storage,
      get applied() {
        return group().applyQueue.applied;
      },
      get isMaking() {
        return group().maker.busy;
      },
      abortMaking: () => group().maker.abort(),
      stopReceiving: () => group().receiver.stop(),
      ask: (index) => askForSnapshot(group(), index),
      restore: (snapshot) => restoreAgain(group(), snapshot),
      emit: (event) => emit(group(), event),
    },
    60 * election,
  );
}

function createRepair<Result>({ counters, election, group, guard, options }: Making<Result>): LogRepair {
  const ports: LogRepairPorts = {
    id: options.id,
    storage: options.storage,
    guard,
    counters,
    get leader() {
      return leaderOf(group());
    },
    get term() {
      return coreOf(group()).term;
    },
    get committed() {
      return coreOf(group()).committed;
    },
    get last() {
      return coreOf(group()).status().last;
    },
    get below() {
      return coreOf(group()).belowVoteFloor;
    },
    setFloor: (floor) => coreOf(group()).setVoteFloor(floor),
    step: (message) => {
      stepMessage(group(), message);
      schedule(group());
    },
    send: (to, frame) => sendFrame(group(), to, frame),
    emit: (event) => emit(group(), event),
  };
  return new LogRepair(ports, election);
}

function createMembershipParts<Result>(
  making: Making<Result>,
): Pick<Group<Result>, "membership" | "promotion"> {
  const { election, group, options } = making;
  const policy = resolveMembership(options.membership);
  const tell: Tell = (event) => emit(group(), event);
  const lastIndex = (): LogIndex => coreOf(group()).status().last.index;
  const membership = new Membership(
    {
      id: options.id,
      get node() {
        return coreOf(group());
      },
      get lastIndex() {
        return lastIndex();
      },
      send: (to, frame) => sendFrame(group(), to, frame),
      emit: tell,
      peersChanged: (peers) => options.transport.setPeers?.(group().groupId, peers),
    },
    {
      strictQuorum: policy.strictQuorum,
      catchUpEntryCount: policy.promotionMarginEntryCount,
      electionTimeoutTicks: election,
    },
    options.storage.initial.confState,
    noNotes,
  );
  const promotion = new Promotion(
    {
      get isLeader() {
        return roleOf(group()) === "leader";
      },
      get hasPromotion() {
        return membership.hasPromotion;
      },
      get members(): readonly MemberInfo[] {
        return membership.members;
      },
      get lastIndex() {
        return lastIndex();
      },
      progress: () => coreOf(group()).status().progress,
      isActive: (id) => membership.liveness.isActive(id),
      change: (change, done) => {
        membership.change(change, done);
        schedule(group());
      },
      emit: tell,
    },
    policy.promotionMarginEntryCount,
    policy.promotionTimeoutTicks,
  );
  return { membership, promotion };
}

function createTransfers<Result>({ election, group, options }: Making<Result>): Transfers {
  return new Transfers(
    {
      id: options.id,
      get role() {
        return roleOf(group());
      },
      get leader() {
        return leaderOf(group());
      },
      status: () => coreOf(group()).status(),
      isActive: (id) => group().membership.liveness.isActive(id),
      transfer: (target) => coreOf(group()).transferLeadership(target),
    },
    // RAFT §3.10: the core gives up after one election time-out; what the transferee began by then gets as much again.
    2 * election,
  );
}
