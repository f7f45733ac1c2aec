/** What a host is made from: its ports, and limits with their defaults. */
import { type RaftConfig, raftDefaults } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { Buggify } from "../types/buggify.ts";
import type { NodeId } from "../types/ids.ts";
import { chunkBytesMax, frameBytesMaxDefault } from "../wire/layout.ts";
import type { HostEvent } from "./events.ts";
import type { LeaseTimes } from "./leader-lease.ts";
import type { GroupId, Scheduler, StateMachine, Storage, Transport } from "./ports.ts";
import type { HostTrace } from "./traced-node.ts";

/** When the host makes a snapshot, and what it keeps of the log behind it. */
export interface SnapshotPolicy {
  /** Applied entries since the last one. Default: no such limit. */
  readonly entryCountMax?: number;
  /** Bytes of applied entries since the last one, below which none is made by size. Default 64 MiB. */
  readonly logBytesMin?: number;
  /** About how many bytes an image would have: none is made by size before the log since the last one is larger. */
  readonly liveBytes?: () => number;
  /** Entries kept behind a snapshot, so that a slow follower need not receive one. Default 5,000. */
  readonly trailingEntryCount?: number;
  /**
   * Bytes of applied entries since the last one, from which a member that is stopped makes one before it ends, so that it has nothing to
   * apply again when it starts. Default: never.
   */
  readonly stopLogBytesMin?: number;
}

/** How members come and go. */
export interface MembershipPolicy {
  /** Refuse changes of the voters that too few recently heard voters could carry. RAFT §4.2.1. Default true. */
  readonly strictQuorum?: boolean;
  /** Entries that a learner may lack to count as caught up. Default 256. */
  readonly promotionMarginEntryCount?: number;
  /** Ticks after which a learner that has not caught up is no longer promoted by itself. Default 6,000. */
  readonly promotionTimeoutTicks?: number;
}

/** How a leader's death that its machine vouches for is answered: by an election at once, instead of after the time-out. */
export interface FailOverPolicy {
  /** Each member waits for a random part of this, in milliseconds, so that they do not campaign against each other. Default 40. */
  readonly spreadMs?: number;
}

/** Settings of the core that pass through the host unchanged. */
export type CoreSettings = Partial<
  Pick<
    RaftConfig,
    | "electionTimeoutTicks"
    | "heartbeatTicks"
    | "appendBytesMax"
    | "inflightCountMax"
    | "inflightBytesMax"
    | "uncommittedBytesMax"
    | "committedBytesPerReadyMax"
    | "preVote"
    | "checkQuorum"
    | "readMode"
  >
>;

/** The limits of a host. */
export interface HostLimits {
  /** Bytes of one command. */
  readonly commandBytesMax: number;
  /** Proposals of this member that have not ended. */
  readonly pendingProposalCountMax: number;
  readonly pendingProposalBytesMax: number;
  /** Requests to the leader that wait for an answer. */
  readonly pendingRequestCountMax: number;
  /** Reads that wait. */
  readonly pendingReadCountMax: number;
  /** Rounds of ReadIndex under way at once. */
  readonly readRoundCountMax: number;
  /** Entries and bytes that one turn applies. */
  readonly applyCountPerTurnMax: number;
  readonly applyBytesPerTurnMax: number;
  /** Batches handed to the storage and not durable yet. */
  readonly persistingCountMax: number;
  /** Bytes of one chunk of a snapshot, and chunks under way to one member. */
  readonly snapshotChunkBytes: number;
  readonly snapshotWindowCount: number;
  /** Members that snapshots are sent to at once; others wait. */
  readonly snapshotSendCountMax: number;
  /** Bytes of snapshots that one tick sends, to all members together. Default: no such limit. */
  readonly snapshotSendBytesPerTickMax: number;
}

/** What holds where nothing is said. */
export const hostDefaults: HostLimits = {
  commandBytesMax: 2 * 1024 * 1024,
  pendingProposalCountMax: 65_536,
  pendingProposalBytesMax: 256 * 1024 * 1024,
  pendingRequestCountMax: 4096,
  pendingReadCountMax: 65_536,
  readRoundCountMax: 8,
  // PERF: about 5 µs for an apply to a large store, so that a slice stays near a few milliseconds.
  applyCountPerTurnMax: 1024,
  applyBytesPerTurnMax: 1024 * 1024,
  persistingCountMax: 64,
  // PERF: a chunk is made, checked and written in one turn of the event loop: half a millisecond (`npm run bench -- snapshot`).
  snapshotChunkBytes: 64 * 1024,
  snapshotWindowCount: 4,
  snapshotSendCountMax: 4,
  snapshotSendBytesPerTickMax: Number.POSITIVE_INFINITY,
};

/** What a leader measures its lease by. RAFT §6.4.1. */
export interface LeaseClock {
  /** Milliseconds from any start, by a clock that never goes back and does not stand still while the process sleeps. */
  readonly nowMs: () => number;
  /** How long a tick is on every member. */
  readonly tickMs: number;
  /** By how much the clocks of two members may differ in speed. Default 0.1. */
  readonly driftMax?: number;
  /** Ticks that one tick may take before the lease is suspended. Default: half an election time-out. */
  readonly tickGapMaxTicks?: number;
}

/** How to make a host. */
export interface HostOptions<Result = unknown> {
  readonly id: NodeId;
  /** Default 0. */
  readonly group?: GroupId;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly scheduler: Scheduler;
  readonly stateMachine: StateMachine<Result>;
  /** An integer in `[low, high)`; must differ from one start to the next. */
  readonly random: (low: number, high: number) => number;
  readonly core?: CoreSettings;
  readonly limits?: Partial<HostLimits>;
  readonly snapshots?: SnapshotPolicy;
  readonly membership?: MembershipPolicy;
  /**
   * Elects a new leader as soon as the transport knows that the old one's process is gone. Needs pre-vote, the quorum check and
   * `scheduler.after`; not together with lease reads, which rest on members that wait. Default: null, none.
   */
  readonly failOver?: FailOverPolicy | null;
  /** The clock of lease reads: needed with `core.readMode` `lease`, of no effect without. Default: null. */
  readonly lease?: LeaseClock | null;
  /** Takes every step of the core; format in `trace.ts`. Default: null, and no cost. */
  readonly trace?: HostTrace | null;
  /** For simulators only: see {@link Buggify}. Default: null. */
  readonly buggify?: Buggify | null;
  /** Looks at what happens. */
  readonly onEvent?: (event: HostEvent) => void;
  /** Called at most once: the member cannot go on. Nothing leaves it after that, and nothing more is acknowledged. */
  readonly onFatal: (error: Error) => void;
}

/** Everything filled in. */
export type ResolvedPolicy = Required<SnapshotPolicy>;

/** @throws ConfigError with every problem at once. */
export function resolveMembership(policy: MembershipPolicy = {}): Required<MembershipPolicy> {
  const resolved: Required<MembershipPolicy> = {
    strictQuorum: true,
    promotionMarginEntryCount: 256,
    promotionTimeoutTicks: 6_000,
    ...policy,
  };
  const problems: string[] = [];
  if (!(resolved.promotionMarginEntryCount >= 0)) {
    problems.push("membership.promotionMarginEntryCount must not be negative");
  }
  if (!(resolved.promotionTimeoutTicks >= 1)) {
    problems.push("membership.promotionTimeoutTicks must be at least 1");
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return resolved;
}

/** Null where there is none. @throws ConfigError with every problem at once. */
export function resolveFailOver(
  options: Pick<HostOptions, "core" | "failOver" | "scheduler">,
): Required<FailOverPolicy> | null {
  const policy = options.failOver ?? null;
  if (policy === null) {
    return null;
  }
  const { checkQuorum, preVote, readMode } = { ...raftDefaults, ...options.core };
  const resolved: Required<FailOverPolicy> = { spreadMs: 40, ...policy };
  const problems: string[] = [];
  if (!(resolved.spreadMs >= 1 && Number.isSafeInteger(resolved.spreadMs))) {
    problems.push("failOver.spreadMs must be a whole number of milliseconds, at least 1");
  }
  if (!preVote || !checkQuorum) {
    problems.push("failOver needs preVote and checkQuorum: without them one member could unseat a leader");
  }
  if (readMode === "lease") {
    problems.push("failOver excludes lease reads: it lets members vote before the lease has run out");
  }
  if (options.scheduler.after === undefined) {
    problems.push("failOver needs a scheduler that can wait: scheduler.after is missing");
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return resolved;
}

/** Null without lease reads. @throws ConfigError with every problem at once. */
export function resolveLease(
  options: Pick<HostOptions, "core" | "lease">,
): (LeaseTimes & Pick<LeaseClock, "nowMs">) | null {
  const { electionTimeoutTicks, readMode } = { ...raftDefaults, ...options.core };
  if (readMode !== "lease") {
    return null;
  }
  const { lease = null } = options;
  if (lease === null) {
    throw new ConfigError(["core.readMode lease needs a clock: lease is missing"]);
  }
  const { driftMax = 0.1, nowMs, tickGapMaxTicks = electionTimeoutTicks / 2, tickMs } = lease;
  const problems: string[] = [];
  if (!(tickMs > 0 && tickGapMaxTicks >= 1)) {
    problems.push("lease.tickMs must be above 0, and lease.tickGapMaxTicks at least 1");
  }
  if (!(driftMax >= 0 && driftMax < 0.5)) {
    problems.push("lease.driftMax must be between 0 and 0.5");
  }
  // RAFT §6.4.1 [lease-drift]: a member counts the ticks after it heard the leader; the first may follow at once, and the last may come early after a late
  // one. What is left may pass faster there than here.
  const durationMs = (electionTimeoutTicks - 2) * tickMs * (1 - driftMax);
  if (!(durationMs > tickMs)) {
    problems.push("lease reads need an electionTimeoutTicks of at least 4");
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return { nowMs, durationMs, tickGapMaxMs: tickGapMaxTicks * tickMs };
}

/** @throws ConfigError with every problem at once. */
export function resolveLimits(options: Pick<HostOptions, "limits">): HostLimits {
  const limits: HostLimits = { ...hostDefaults, ...options.limits };
  const problems: string[] = [];
  // ORDER: the keys are names, none is integer-like.
  for (const [name, value] of Object.entries(limits)) {
    if (!(value >= 1)) {
      problems.push(`${name} must be at least 1`);
    }
  }
  if (limits.commandBytesMax > frameBytesMaxDefault / 2) {
    problems.push(`commandBytesMax must not exceed ${frameBytesMaxDefault / 2}`);
  }
  if (limits.snapshotChunkBytes > chunkBytesMax) {
    problems.push(`snapshotChunkBytes must not exceed ${chunkBytesMax}`);
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return limits;
}

/** @throws ConfigError with every problem at once. */
export function resolvePolicy(policy: SnapshotPolicy = {}): ResolvedPolicy {
  const resolved: ResolvedPolicy = {
    entryCountMax: Number.POSITIVE_INFINITY,
    logBytesMin: 64 * 1024 * 1024,
    liveBytes: () => 0,
    trailingEntryCount: 5_000,
    stopLogBytesMin: Number.POSITIVE_INFINITY,
    ...policy,
  };
  const problems: string[] = [];
  if (!(resolved.entryCountMax >= 1)) {
    problems.push("snapshots.entryCountMax must be at least 1");
  }
  if (!(resolved.logBytesMin >= 1)) {
    problems.push("snapshots.logBytesMin must be at least 1");
  }
  if (!(resolved.stopLogBytesMin >= 1)) {
    problems.push("snapshots.stopLogBytesMin must be at least 1");
  }
  if (!(resolved.trailingEntryCount >= 0)) {
    problems.push("snapshots.trailingEntryCount must not be negative");
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return resolved;
}
