/** What a member is started with: its durable state, its sources of chance and log, and its limits. Defaults with units. */
import { normalizeConfState, validateConfState } from "./conf/restore.ts";
import { ConfigError } from "./errors.ts";
import type { ConfState } from "./types/conf-state.ts";
import { type Entry, entryBytes } from "./types/entry.ts";
import type { HardState } from "./types/hard-state.ts";
import type { LogIndex, NodeId } from "./types/ids.ts";
import type { LogView } from "./types/log-view.ts";
import type { VoteFloor } from "./types/vote-floor.ts";

/**
 * How the leader confirms that a read is linearizable: `safe` asks a quorum (RAFT §6.4), `lease` trusts the clocks of all
 * members (RAFT §6.4.1) and needs `checkQuorum`.
 */
export type ReadMode = "safe" | "lease";

/** The configuration of a `RawNode`. What is optional has a default in {@link raftDefaults}. */
export interface RaftConfig {
  /** This member. */
  readonly id: NodeId;
  /** The stored log. */
  readonly log: LogView;
  /** As stored; of a new member: term 0, no vote, and the commit index of the snapshot that it starts from (or 0). */
  readonly hardState: HardState;
  /** The configuration of the newest stored snapshot, or of the bootstrap. */
  readonly confState: ConfState;
  /** Highest index whose effects the state machine already holds. */
  readonly applied: LogIndex;
  /** What this member may have acknowledged beyond the end of its log, which damage took; null (default) for a log that is whole. */
  readonly voteFloor?: VoteFloor | null;
  /** An integer in `[low, high)`. The only source of chance. */
  readonly random: (low: number, high: number) => number;
  /** Ticks without a leader before an election; the real time-out is drawn from `[n, 2n)`. RAFT §3.4. */
  readonly electionTimeoutTicks?: number;
  /** Ticks between heartbeats. */
  readonly heartbeatTicks?: number;
  /** Bytes of entries in one append (0: one entry in each). */
  readonly appendBytesMax?: number;
  /** Appends under way to one member. */
  readonly inflightCountMax?: number;
  /** Bytes of entries under way to one member. */
  readonly inflightBytesMax?: number;
  /** Bytes of entries in the leader's log that are not applied yet; further proposals are refused. */
  readonly uncommittedBytesMax?: number;
  /** Bytes of committed entries handed out and not yet applied (0: none are ever handed out). */
  readonly committedBytesPerReadyMax?: number;
  /** Bytes that an entry counts with where entries are cut into appends and pages; by default its data and a fixed share. */
  readonly measureEntry?: (entry: Entry) => number;
  /** Ask before an election whether it could be won. RAFT §9.6. */
  readonly preVote?: boolean;
  /** A leader that hears no quorum for an election time-out steps down; members that hear a leader refuse to vote. RAFT §6.2, §4.2.3. */
  readonly checkQuorum?: boolean;
  readonly readMode?: ReadMode;
  /**
   * With lease reads: members keep their promise to a leader through restarts and campaigns on request, and a leader that handed over
   * answers by a quorum for the rest of its term. ETCD: differs, does neither; only schedules recorded from it need that.
   */
  readonly leaseProtected?: boolean;
  /** Batches may be taken before the last one is durable; entries are applied only once they are durable here. */
  readonly asyncStorage?: boolean;
  /**
   * A candidate asks for votes only once its term and its own vote are durable. ETCD: differs, asks at once; only schedules recorded from
   * it need that.
   */
  readonly candidacyDurable?: boolean;
  /**
   * A leader tries once in an election time-out to leave a joint configuration that it could not leave when it was applied. ETCD: differs, there
   * it stays until something else is applied; only schedules recorded from it need that.
   */
  readonly leaveRetried?: boolean;
  /**
   * FIG 2 AppendEntries receiver 1: a leader of an earlier term is always refused by an answer. ETCD: differs, answers only with trial elections
   * or the quorum check; without them a member that does not campaign stays behind for ever. Only schedules recorded from it need that.
   */
  readonly staleLeaderAnswered?: boolean;
  /**
   * FIG 2 RequestVote receiver 1: a candidate of an earlier term is refused by an answer. ETCD: differs, says nothing; a voter that cannot win
   * but campaigns more often then stays ahead of one that could for ever. Only schedules recorded from it need that.
   */
  readonly staleCandidateAnswered?: boolean;
  /**
   * A grant of a trial election counts only in the one that it was given for. ETCD: differs, counts one that comes late in a later trial, too; only
   * schedules recorded from it need that.
   */
  readonly trialGrantsMatched?: boolean;
  /** Followers hand proposals to the leader. */
  readonly proposalForwarding?: boolean;
  /** A leader that was removed or demoted becomes a follower. RAFT §4.2.2. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * A leader that was removed or demoted while it hands over goes on until somebody has taken over, or no majority is heard. ETCD: differs, steps
   * down at once, and may keep the last entry to itself while its vote is needed; only schedules recorded from it need that.
   */
  readonly handOverCompleted?: boolean;
  /** Configuration changes that cannot be carried out now become empty entries. */
  readonly validateConfChanges?: boolean;
  /** Configuration changes that make no valid configuration are refused. Else they enter the log, and change nothing when applied. */
  readonly refuseImpossibleConfChanges?: boolean;
}

/** A configuration with nothing left open, checked. */
export type ResolvedRaftConfig = Required<RaftConfig>;

/** What holds where the configuration says nothing. `Infinity` stands for no limit wherever bytes or counts are limited. */
export const raftDefaults: {
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  readonly appendBytesMax: number;
  readonly inflightCountMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly committedBytesPerReadyMax: number;
  readonly measureEntry: (entry: Entry) => number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly readMode: ReadMode;
  readonly leaseProtected: boolean;
  readonly asyncStorage: boolean;
  readonly candidacyDurable: boolean;
  readonly leaveRetried: boolean;
  readonly staleLeaderAnswered: boolean;
  readonly staleCandidateAnswered: boolean;
  readonly trialGrantsMatched: boolean;
  readonly voteFloor: VoteFloor | null;
  readonly proposalForwarding: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly handOverCompleted: boolean;
  readonly validateConfChanges: boolean;
  readonly refuseImpossibleConfChanges: boolean;
} = {
  electionTimeoutTicks: 10,
  heartbeatTicks: 1,
  appendBytesMax: 1024 * 1024,
  inflightCountMax: 256,
  inflightBytesMax: 64 * 1024 * 1024,
  uncommittedBytesMax: 256 * 1024 * 1024,
  committedBytesPerReadyMax: 16 * 1024 * 1024,
  measureEntry: entryBytes,
  preVote: true,
  checkQuorum: true,
  readMode: "safe",
  leaseProtected: true,
  asyncStorage: true,
  candidacyDurable: true,
  leaveRetried: true,
  staleLeaderAnswered: true,
  staleCandidateAnswered: true,
  trialGrantsMatched: true,
  voteFloor: null,
  proposalForwarding: true,
  stepDownOnRemoval: true,
  handOverCompleted: true,
  validateConfChanges: true,
  refuseImpossibleConfChanges: true,
};

/** Everything that is wrong with `config`, one sentence each; empty when nothing is. */
export function validateConfig(config: RaftConfig): string[] {
  const resolved: ResolvedRaftConfig = { ...raftDefaults, ...config };
  return [
    ...validateTimes(resolved),
    ...validateLimits(resolved),
    ...validateState(resolved),
    ...validateConfState(normalizeConfState(resolved.confState)).map((problem) => `confState: ${problem}`),
  ];
}

/**
 * Fills in the defaults.
 *
 * @throws ConfigError with every problem at once.
 */
export function resolveConfig(config: RaftConfig): ResolvedRaftConfig {
  const problems = validateConfig(config);
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return { ...raftDefaults, ...config, confState: normalizeConfState(config.confState) };
}

function validateTimes(config: ResolvedRaftConfig): string[] {
  const problems: string[] = [];
  const { electionTimeoutTicks, heartbeatTicks } = config;
  if (!Number.isSafeInteger(heartbeatTicks) || heartbeatTicks < 1) {
    problems.push("heartbeatTicks must be an integer of at least 1");
  }
  // RAFT §3.9 [timing-order].
  if (!Number.isSafeInteger(electionTimeoutTicks) || electionTimeoutTicks <= heartbeatTicks) {
    problems.push("electionTimeoutTicks must be an integer greater than heartbeatTicks");
  }
  if (config.readMode === "lease" && !config.checkQuorum) {
    problems.push("readMode lease needs checkQuorum: else a deposed leader keeps answering reads");
  }
  return problems;
}

function validateLimits(config: ResolvedRaftConfig): string[] {
  const problems: string[] = [];
  const limits: readonly [string, number, number][] = [
    ["appendBytesMax", config.appendBytesMax, 0],
    ["inflightCountMax", config.inflightCountMax, 1],
    ["inflightBytesMax", config.inflightBytesMax, 1],
    ["uncommittedBytesMax", config.uncommittedBytesMax, 1],
    ["committedBytesPerReadyMax", config.committedBytesPerReadyMax, 0],
  ];
  for (const [name, value, least] of limits) {
    if (!(value >= least)) {
      problems.push(`${name} must be at least ${least}`);
    }
  }
  if (Number.isFinite(config.inflightBytesMax) && config.inflightBytesMax < config.appendBytesMax) {
    problems.push("inflightBytesMax must not be below appendBytesMax");
  }
  return problems;
}

function validateState(config: ResolvedRaftConfig): string[] {
  const problems: string[] = [];
  const { firstIndex, lastIndex } = config.log;
  const { term, vote, commit } = config.hardState;
  if (!Number.isSafeInteger(config.id) || config.id < 1) {
    problems.push("id must be between 1 and 2^53-1");
  }
  if (!Number.isSafeInteger(term) || term < 0 || !Number.isSafeInteger(vote) || vote < 0) {
    problems.push("hardState: term and vote must be safe non-negative integers");
  }
  if (!(commit === 0 || (commit >= firstIndex - 1 && commit <= lastIndex))) {
    problems.push(`hardState: commit ${commit} lies outside the stored log ${firstIndex - 1}…${lastIndex}`);
  }
  const committed = Math.max(commit, firstIndex - 1);
  if (!(config.applied === 0 || (config.applied >= firstIndex - 1 && config.applied <= committed))) {
    problems.push(`applied ${config.applied} lies outside ${firstIndex - 1}…${committed}`);
  }
  return problems;
}
