/**
 * What the host loop needs from outside: a storage, a transport, a scheduler, a state machine. Ports complete by calling
 * back, never by Promise, so that the simulator decides the order of everything.
 */
import type { ConfState } from "../types/conf-state.ts";
import type { Entry, LogId } from "../types/entry.ts";
import type { HardState } from "../types/hard-state.ts";
import type { LogIndex, NodeId, Term } from "../types/ids.ts";
import type { LogView } from "../types/log-view.ts";
import type { MemberInfo } from "../types/member.ts";
import type { Message } from "../types/message.ts";
import type { ProposalRefusal } from "../types/proposal.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import type { VoteFloor } from "../types/vote-floor.ts";

/** Called once, with null or with what failed. A failed write or sync is final: the host stops. */
export type Completed = (error: Error | null) => void;

/** Called once, with a value or with what failed. */
export type CompletedWith<T> = (error: Error | null, value?: T) => void;

/** What one {@link StateMachine} group is called in frames and records; one process may hold many. */
export type GroupId = number;

/** One unit of durable writing: all of it or nothing survives a crash. */
export interface StorageBatch {
  readonly hardState: HardState | null;
  /** Replace what the log holds from `entries[0].index` on. */
  readonly entries: readonly Entry[];
  /** Replaces the whole log; its image was received before, under the same metadata. */
  readonly snapshot: SnapshotMetadata | null;
  /** False when losing the batch in a crash is allowed (only the commit index moved). */
  readonly mustSync: boolean;
}

/** The durable state of one member, opened: recovery is done, and the {@link LogView} answers. */
export interface Storage extends LogView {
  /** What recovery found: the last hard state, and the configuration of the newest snapshot or of the bootstrap. */
  readonly initial: { readonly hardState: HardState; readonly confState: ConfState };
  /**
   * Calls back when the batch is durable. Batches complete in order; the storage may gather several into one sync. The
   * view shows a batch at the latest when it is complete.
   */
  write(batch: StorageBatch, completed: Completed): void;
  /** Brings entries into memory, so that `entries(low, …)` no longer answers `pending`. */
  load(low: LogIndex, high: LogIndex, bytesMax: number, completed: Completed): void;
  /** Drops entries up to and including `index`, which a durable snapshot covers. */
  compact(index: LogIndex, completed: Completed): void;
  /** Starts the image of the local state machine at `metadata`; `finish` makes it the newest snapshot, durably. */
  createSnapshot(metadata: SnapshotMetadata): SnapshotSink;
  /** Starts an image received from the leader; it counts only when a batch with the same metadata is written. */
  receiveSnapshot(metadata: SnapshotMetadata): SnapshotSink;
  /** Opens the newest durable snapshot for reading. */
  openSnapshot(completed: CompletedWith<SnapshotSource>): void;
  /**
   * What the log reached before damage took its end; null, or absent, when it is whole. The log answers as it was before: all that
   * comes behind is to be had from the leader.
   */
  readonly voteFloor?: VoteFloor | null;
  /** Notes durably how far the log has to come, where that was unknown, or with null that it has. Only of a storage with a floor. */
  setVoteFloor?(floor: LogId | null, completed: Completed): void;
  /** Finishes what is under way, marks the log as cleanly closed, releases everything. */
  close(completed: Completed): void;
}

/** Takes an image, one chunk at a time. */
export interface SnapshotSink {
  /** The caller leaves the chunk unchanged until completion, and no longer. */
  write(chunk: Uint8Array, completed: Completed): void;
  /** Seals the image: length and checksum verified, bytes durable. */
  finish(completed: Completed): void;
  /** Drops the image; nothing of it remains. Also after a call that failed, as far as the disk still lets it. */
  abort(): void;
  /**
   * Of received images only, as the first call: goes on with what an earlier reception of the same metadata left. `visit` gets those
   * bytes, in order and as views, and says false where they and what follows are of no use; calls back with how many stay. Without
   * this call the image begins anew.
   */
  resume?(visit: (bytes: Uint8Array) => boolean, completed: CompletedWith<number>): void;
  /** Lets go of a received image that is not whole, and keeps what came of it for {@link resume}. */
  suspend?(): void;
}

/** Reads an image. */
export interface SnapshotSource {
  readonly metadata: SnapshotMetadata;
  readonly bytes: number;
  /** Whether every byte that is read is compared with a checksum from when the image was whole: the seal is then not looked at again. */
  readonly checked?: boolean;
  /** At most `length` bytes from `offset`; empty at the end. They may lie in `room`, which the caller leaves alone until completion. */
  read(offset: number, length: number, completed: CompletedWith<Uint8Array>, room?: Uint8Array): void;
  close(): void;
}

/** Why a request to the leader was certainly never handled. */
export type LeaderRequestRefusal =
  | "no-leader"
  | "not-leader"
  | "unknown-channel"
  | "stopped"
  /** More bytes than a request may have, or more requests than may wait. Never sent. */
  | "too-large"
  | "too-many";

/** What travels between hosts: the core's messages, and the host's own requests. */
export type PeerFrame =
  | { readonly kind: "message"; readonly message: Message }
  /**
   * A follower hands the proposals of one turn to the leader of `term`; `requestId` is the sender's. The term lets the leader
   * tell a late copy of an earlier frame from a new one.
   */
  | {
      readonly kind: "propose";
      readonly term: Term;
      readonly requestId: number;
      readonly commands: readonly Uint8Array[];
    }
  /** The commands stand in the log at `firstIndex`, …, in this term. They may still be overwritten. */
  | {
      readonly kind: "propose-accepted";
      readonly requestId: number;
      readonly term: Term;
      readonly firstIndex: LogIndex;
      readonly count: number;
    }
  /** None of the commands reached a log: a request is taken up whole, or not at all. */
  | {
      readonly kind: "propose-refused";
      readonly requestId: number;
      readonly reason: ProposalRefusal;
      readonly leader: NodeId;
    }
  /** A member asks the leader of `term`, by a channel that both sides know. Bounded; handled once, whatever the network repeats. */
  | {
      readonly kind: "request";
      readonly term: Term;
      readonly requestId: number;
      readonly channel: number;
      readonly bytes: Uint8Array;
    }
  /** The answer; where `refusal` is not null the request was certainly never handled. */
  | {
      readonly kind: "answer";
      readonly requestId: number;
      readonly refusal: LeaderRequestRefusal | null;
      readonly leader: NodeId;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "snapshot-chunk";
      readonly snapshot: SnapshotMetadata;
      /** Of the `install-snapshot` message that this transfer stands for. */
      readonly term: Term;
      readonly totalBytes: number;
      readonly offset: number;
      readonly chunk: Uint8Array;
    }
  /** `offset` is the next byte wanted; equal to the total when the image is complete and verified. */
  | {
      readonly kind: "snapshot-answer";
      readonly snapshot: SnapshotMetadata;
      readonly offset: number;
      readonly failed: boolean;
    }
  /** A member that lost the end of its log to damage asks the leader of `term` for what follows `previous`. */
  | {
      readonly kind: "repair-request";
      readonly requestId: number;
      readonly term: Term;
      readonly previous: LogId;
    }
  /** `hash` chains `entries` to `previous`; `last` is where the leader's log ends. */
  | {
      readonly kind: "repair-answer";
      readonly requestId: number;
      readonly term: Term;
      readonly outcome: RepairOutcome;
      readonly previous: LogId;
      readonly last: LogId;
      readonly commit: LogIndex;
      readonly hash: number;
      readonly entries: readonly Entry[];
    };

/** What the leader makes of a request for repair: entries, none at that place, or a snapshot on its way. */
export type RepairOutcome = "entries" | "conflict" | "snapshot";

/** Carries frames between members. It may lose, delay, duplicate and reorder them; it never damages one. */
export interface Transport {
  /** Begins to deliver; called once. */
  start(receiver: TransportReceiver): void;
  /**
   * Queues a frame; what a full queue or a missing connection drops is simply lost. Frames of one turn leave together. The chunk of a
   * snapshot is copied, or encoded, before this returns: the next one is read into the same memory.
   */
  send(group: GroupId, to: NodeId, frame: PeerFrame): void;
  /**
   * The membership has changed: reaches these from now on, and refuses former members, after what was queued for them has left.
   * A transport that reaches whomever it is told to, by id alone, needs none.
   */
  setPeers?(group: GroupId, peers: TransportPeers): void;
  /** Stops delivering, says goodbye to the peers, closes. */
  close(completed: Completed): void;
}

/** Whom the transport is to reach from now on. */
export interface TransportPeers {
  /** All members but this one. An empty address stands for the one that the transport was started with. */
  readonly members: readonly MemberInfo[];
  /** Former members: their connections are refused, by this name. */
  readonly removed: readonly NodeId[];
}

/** Who takes what a {@link Transport} delivers. */
export interface TransportReceiver {
  received(group: GroupId, from: NodeId, frame: PeerFrame): void;
  /** The connection to `peer` was lost or refused: messages on their way may be gone. */
  unreachable(peer: NodeId): void;
  /**
   * The process that was `peer` until now does not run any more, by evidence that comes from its own machine; never by silence or by what
   * this side ended itself. A transport that cannot tell never calls it, and one that can calls it after what it received before.
   */
  peerGone?(peer: NodeId, reason: PeerGoneReason): void;
}

/**
 * How the end of a peer's process shows: it ended its connections and its address refuses new ones, or another process
 * introduced itself in its place.
 */
export type PeerGoneReason = "refused" | "restarted";

/** Defers work to the end of the event-loop turn (`setImmediate`), so that one turn forms one batch. */
export interface Scheduler {
  defer(work: () => void): void;
  /** Does `work` once, after about `delayMs`. Only `HostOptions.failOver` needs it: everything else counts ticks. */
  after?(delayMs: number, work: () => void): void;
}

/** The replicated state. `apply` must be deterministic: no clock, no chance, no I/O. */
export interface StateMachine<Result = unknown> {
  /** Applies one committed command and returns what its proposer is told. Never called for the no-op or a configuration change. */
  apply(command: Uint8Array, context: ApplyContext): Result;
  /**
   * Is told, where there are several, which commands are applied next: to bring near what they need. It must change nothing, and they may
   * not come to be applied, where the process ends or a snapshot overtakes them. Not called for machines behind an entry codec or sessions.
   */
  lookAhead?(commands: readonly Uint8Array[]): void;
  /** Pins the present state; later applies do not change what the image reads. */
  snapshot(): StateMachineImage;
  /** {@link snapshot} of a machine that applies nothing any more: in whatever form is restored soonest. Default: {@link snapshot}. */
  lastSnapshot?(): StateMachineImage;
  /** Begins to replace the whole state; the present one stays until `finish`. */
  restore(): StateMachineRestore;
}

/** Where a command stands in the log. */
export interface ApplyContext {
  readonly index: LogIndex;
  readonly term: Term;
}

/** A pinned state, read in slices. */
export interface StateMachineImage {
  /**
   * The next chunk of about `bytesMax`, or null at the end. It may lie in `room`, where it fits: whoever gives that is done with the
   * chunk before the next call.
   */
  read(bytesMax: number, room?: Uint8Array): Uint8Array | null;
  /** Lets go of the pin; also after the end. */
  close(): void;
}

/** A state being replaced, one chunk of the image at a time. */
export interface StateMachineRestore {
  /** Whether `write` copies what it keeps of a chunk: the next one may then be read into the same memory. */
  readonly copies?: boolean;
  write(chunk: Uint8Array): void;
  /** @throws DecodeError when the image is not whole; the present state then stays. */
  finish(): void;
}
