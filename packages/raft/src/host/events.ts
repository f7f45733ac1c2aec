/** What an observer of a member is told as it happens, and what it can ask at any time. */
import type { RequestRefusal } from "../raw-node.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { LogId } from "../types/entry.ts";
import type { Role } from "../types/hard-state.ts";
import type { LogIndex, NodeId, Term } from "../types/ids.ts";
import type { MemberInfo } from "../types/member.ts";
import type { MessageType } from "../types/message.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import type { Status } from "../types/status.ts";
import type { VoteFloor } from "../types/vote-floor.ts";
import type { RefusalReason } from "./outcome.ts";
import type { PeerGoneReason } from "./ports.ts";

/** Why reads ask a quorum again: time ran out, the process slept, the members changed, or this member hands over or leads no more. */
export type LeaseEnd = "time-out" | "tick-gap" | "members" | "transfer" | "role";

/** Something that happened. Observers look; they never call back into the host from within. */
export type HostEvent =
  | { readonly type: "role"; readonly role: Role; readonly term: Term }
  | { readonly type: "leader"; readonly leader: NodeId; readonly term: Term }
  | { readonly type: "term"; readonly term: Term }
  | { readonly type: "conf-state"; readonly confState: ConfState; readonly index: LogIndex }
  /** This member applied its own removal: the group goes on without it, and it is of no more use. */
  | { readonly type: "removed"; readonly index: LogIndex }
  | { readonly type: "member-promoted"; readonly id: NodeId; readonly index: LogIndex }
  /** A learner did not catch up in time; this leader no longer promotes it by itself. */
  | { readonly type: "promotion-timed-out"; readonly id: NodeId; readonly missingEntryCount: number }
  /** The oldest write has been under way for so many ticks. Told each election time-out while it lasts. */
  | { readonly type: "slow-disk"; readonly ticks: number }
  /** This leader gave up its place because its disk hangs. */
  | { readonly type: "resigned"; readonly ticks: number }
  /** This leader hands over to `transferee`, and takes no proposals meanwhile. RAFT §3.10. */
  | { readonly type: "transfer-started"; readonly transferee: NodeId }
  /** `ok`: this member leads no more; else it has given up, and takes proposals again. */
  | { readonly type: "transfer-ended"; readonly transferee: NodeId; readonly ok: boolean }
  /** Reads are answered by the lease from now on, or ask a quorum again. Only with lease reads. */
  | { readonly type: "lease-held" }
  | { readonly type: "lease-suspended"; readonly reason: LeaseEnd }
  /** An image of the state machine at `index` is begun; `snapshot-made` tells of its end, unless a newer one from the leader takes its place. */
  | { readonly type: "snapshot-started"; readonly index: LogIndex }
  | { readonly type: "snapshot-made"; readonly snapshot: SnapshotMetadata; readonly bytes: number }
  /** An image, open and ready, begins to go to `to`; `snapshot-sent` tells of its end, unless this member leads no more. */
  | {
      readonly type: "snapshot-sending";
      readonly to: NodeId;
      readonly snapshot: SnapshotMetadata;
      readonly bytes: number;
    }
  | {
      readonly type: "snapshot-sent";
      readonly to: NodeId;
      readonly snapshot: SnapshotMetadata;
      readonly ok: boolean;
    }
  | { readonly type: "snapshot-received"; readonly from: NodeId; readonly snapshot: SnapshotMetadata }
  /** What was received is not the image that it says it is, and was dropped before anything was replaced. */
  | {
      readonly type: "snapshot-discarded";
      readonly from: NodeId;
      readonly snapshot: SnapshotMetadata;
      readonly why: string;
    }
  | { readonly type: "snapshot-installed"; readonly snapshot: SnapshotMetadata }
  /** This member doubts its state and asked `leader` for an image of at least `index`. */
  | { readonly type: "snapshot-requested"; readonly leader: NodeId; readonly index: LogIndex }
  | { readonly type: "snapshot-request-ended"; readonly outcome: "installed" | "refused" | "ended" }
  /** Damage took the end of this member's log, which now ends at `last`; it once reached `floor`, and is repaired from the leader. */
  | { readonly type: "log-damaged"; readonly floor: VoteFloor; readonly last: LogId }
  /** The log is whole again. */
  | { readonly type: "log-repaired"; readonly last: LogId }
  /** No leader has answered for so long: without one whose log reaches the floor nothing can be repaired, and this member does not vote. */
  | { readonly type: "log-repair-waits"; readonly floor: VoteFloor; readonly ticks: number }
  | { readonly type: "compaction"; readonly index: LogIndex }
  | { readonly type: "proposals-refused"; readonly reason: RefusalReason; readonly count: number }
  /** This member refused what `from` asked for in `term`: an append or a vote. */
  | {
      readonly type: "request-refused";
      readonly from: NodeId;
      readonly request: MessageType;
      readonly term: Term;
      readonly refusal: RequestRefusal;
    }
  | { readonly type: "message-inconsistent"; readonly from: NodeId; readonly what: string }
  | { readonly type: "peer-unreachable"; readonly peer: NodeId }
  /** The leader's process is gone: this member forgot it, and campaigns after a moment. */
  | { readonly type: "fail-over-started"; readonly leader: NodeId; readonly reason: PeerGoneReason }
  /** Who leads now, this member among others: `cancelled` when the leader that was thought gone has spoken again. */
  | {
      readonly type: "fail-over-ended";
      readonly outcome: "won" | "followed" | "cancelled" | "given-up";
      readonly leader: NodeId;
    }
  | { readonly type: "fatal"; readonly error: Error };

/** Totals since the start. */
export interface HostCounters {
  turns: number;
  readies: number;
  writes: number;
  framesReceived: number;
  framesSent: number;
  /** From strangers, misaddressed, or impossible. */
  framesRefused: number;
  proposals: number;
  proposalsForwarded: number;
  proposalsRefused: number;
  proposalsUnknown: number;
  entriesApplied: number;
  /** Changes to another leader that this member has seen. */
  leaderChanges: number;
  /** Handed over, and given up. */
  transfersStarted: number;
  transfersFailed: number;
  /** Linearizable reads, those of them that this leader answered by its lease, and rounds asked for the others. */
  reads: number;
  readsByLease: number;
  readRounds: number;
  readsRefused: number;
  ticks: number;
  snapshotsMade: number;
  /** Transfers begun, and those that ended with the whole image there. */
  snapshotsSending: number;
  snapshotsSent: number;
  snapshotsInstalled: number;
  /** Bytes of images in chunks, those that were sent again included. */
  snapshotBytesSent: number;
  snapshotBytesReceived: number;
  /** Asked of the leader to repair a damaged log, and entries that came for it. */
  repairRequests: number;
  entriesRepaired: number;
}

/** All zero. */
export function createCounters(): HostCounters {
  return {
    turns: 0,
    readies: 0,
    writes: 0,
    framesReceived: 0,
    framesSent: 0,
    framesRefused: 0,
    proposals: 0,
    proposalsForwarded: 0,
    proposalsRefused: 0,
    proposalsUnknown: 0,
    entriesApplied: 0,
    leaderChanges: 0,
    transfersStarted: 0,
    transfersFailed: 0,
    reads: 0,
    readsByLease: 0,
    readRounds: 0,
    readsRefused: 0,
    ticks: 0,
    snapshotsMade: 0,
    snapshotsSending: 0,
    snapshotsSent: 0,
    snapshotsInstalled: 0,
    snapshotBytesSent: 0,
    snapshotBytesReceived: 0,
    repairRequests: 0,
    entriesRepaired: 0,
  };
}

/** A member as its host sees it. */
export interface HostStatus extends Status {
  readonly state: "starting" | "running" | "stopping" | "stopped";
  /** Highest index that the state machine here has finished; {@link Status.applied} is the core's view of it. */
  readonly machineApplied: LogIndex;
  /** Proposals that have not ended, and the bytes of their commands. */
  readonly pendingProposalCount: number;
  readonly pendingProposalBytes: number;
  /** Snapshots on their way to other members. */
  readonly snapshotTransferCount: number;
  /** The lowest index of an image that this member asked its leader for; null where it waits for none. */
  readonly snapshotRequestIndex: LogIndex | null;
  /** Batches handed to the storage and not durable yet, and for how many ticks the oldest has been under way. */
  readonly persistingCount: number;
  readonly persistingTicks: number;
  /** Log index at which the configuration in force was applied; 0 for the one that the group began with. */
  readonly confIndex: LogIndex;
  /** What a damaged log is to reach before this member campaigns or votes below it; null when the log is whole. */
  readonly voteFloor: VoteFloor | null;
  /** Everybody in the configuration, ascending, as the log told of them. */
  readonly members: readonly MemberInfo[];
  /** Members, ascending, of whom anything was heard within the last election time-out. */
  readonly activePeers: readonly NodeId[];
  /** Whether reads are answered by the leader's lease now. Only with lease reads. */
  readonly leaseHeld: boolean;
  readonly counters: Readonly<HostCounters>;
}
