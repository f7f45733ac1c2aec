/**
 * What the etcd API needs from outside: replication, the store, the membership, and calls to answer. Everything completes
 * by calling back, and time is an input, so that the simulator can stand in for all of it.
 */
import type {
  AuthView,
  KvAlarm,
  KvEvents,
  KvHash,
  KvImage,
  KvLease,
  KvObserver,
  KvRefusal,
  KvResult,
  RangeReader,
  RangeRequest,
  RangeResult,
  TxnRequest,
  TxnResult,
} from "@quorate/kv";
import type { ProposalRefusal } from "@quorate/raft";

/** Why a command certainly never entered the log, or a read never got its index. */
export type RefusalReason = ProposalRefusal | "leader-changed" | "too-many-requests";

/** What became of a command. `unknown`: it may have been applied, or may still be. */
export type SubmitOutcome<Result = KvResult> =
  | { readonly kind: "applied"; readonly index: number; readonly result: Result }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly leader: number }
  | {
      readonly kind: "unknown";
      readonly reason: "leader-changed" | "timeout" | "connection-lost" | "stopped";
    };

/** What became of a read barrier: on `ready` local state is at least as new as the moment the barrier was asked for. */
export type ReadOutcome =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly leader: number };

/** Lets go of a waiter; its callback is not called any more. A submitted command may still be applied. */
export interface CancelHandle {
  cancel(): void;
}

/** What a member knows of its group at this moment. */
export interface ReplicationStatus {
  /** 1 … 2^53−1. */
  readonly memberId: number;
  readonly term: number;
  /** The leader's member id, 0 when none is known. */
  readonly leader: number;
  readonly committed: number;
  readonly applied: number;
  readonly isLearner: boolean;
  /** When the present leader became known, on the clock of `tick`; 0 when there is none. */
  readonly leaderSinceMs: number;
  /** Since when the leader (on the leader: a majority) has been connected without a break; null when it is not. */
  readonly connectedSinceMs: number | null;
}

/** The replicated log, as the API sees it; a Raft node fits behind it. */
export interface ReplicationPort<Result = KvResult> {
  /**
   * Takes over `command` (the bytes are the port's until it was refused) and calls back once. With `applied` it calls from within
   * the apply, so that views in `result` are still valid. It may call back before it returns.
   */
  submit(command: Uint8Array, done: (outcome: SubmitOutcome<Result>) => void): CancelHandle;
  /** Calls back once reads from the local store are linearizable. RAFT §6.4. It may call back before it returns. */
  readBarrier(done: (outcome: ReadOutcome) => void): CancelHandle;
  /** PERF: asked several times for each request, so it must cost next to nothing. */
  status(): ReplicationStatus;
}

/** The local copy of the state; the kv package's state machine fits. */
export interface StorePort {
  /** The store's revision now. */
  readonly revision: number;
  /** Oldest revision that can be read; −1 when never compacted. */
  readonly compactRevision: number;
  /** Bytes the state occupies, freed space included. */
  readonly dbSizeBytes: number;
  /** Bytes the live state occupies. */
  readonly liveBytes: number;
  /** Answers a range at once. Key-values are views, see KeyValue. */
  range(request: RangeRequest): RangeResult | KvRefusal;
  /** Answers a transaction that writes nothing, at once. */
  readTxn(request: TxnRequest): TxnResult | KvRefusal;
  /** Begins a range that may be large, to be read in slices and closed. */
  beginRange(request: RangeRequest): RangeReader | KvRefusal;
  /** Whole revisions of events from `from` on, about `eventCountMax`. Key-values are views, see KeyValue. */
  events(from: number, eventCountMax: number): KvEvents | KvRefusal;
  /** Sets the one observer of changes; the API does it once, when it is made. */
  observe(observer: KvObserver | null): void;
  /** Bytes of keys and values, all kept versions of them: what a quota counts. */
  readonly dataBytes: number;
  /** The alarms that are on. */
  alarms(): readonly KvAlarm[];
  /** The version that the cluster is to go down to, as `3.6.0`; null when it is not to. */
  readonly downgradeTarget: string | null;
  /** Users, roles and what they may do. */
  readonly auth: AuthView;
  /** Begins to hash the history up to `revision`; 0 and below: all of it. */
  beginHash(revision: number): KvHash | KvRefusal;
  /** Pins the present state, to be read in slices and closed. */
  snapshot(): KvImage;
  /** Frees what compaction hid, about `budgetRecords` records of it; whether more is to be done. */
  sweep(budgetRecords: number): boolean;
  readonly leaseCount: number;
  lease(id: bigint): KvLease | null;
  /** Leases with ids above `id`, ascending; null begins at the lowest. */
  leasesAfter(id: bigint | null, countMax: number): readonly KvLease[];
  /** Keys of a lease, in order, as views. */
  leaseKeys(id: bigint): readonly Uint8Array[];
}

/** One member as clients see it. */
export interface ClusterMember {
  /** 1 … 2^53−1. */
  readonly id: number;
  /** Empty until the member has started for the first time. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** Who belongs to the cluster, from applied configuration. */
export interface MembershipPort {
  /** 1 … 2^53−1. */
  readonly clusterId: number;
  members(): readonly ClusterMember[];
}

/** One change of the configuration, as the log takes it. */
export type MembershipStep =
  | {
      readonly op: "add-learner" | "add-voter";
      readonly id: number;
      readonly peerUrls: readonly string[];
    }
  | { readonly op: "promote" | "remove"; readonly id: number }
  | { readonly op: "update"; readonly id: number; readonly peerUrls: readonly string[] };

/** How a change of the configuration ended. `conf-changed`: it was made for another configuration, or one is under way. */
export type MembershipOutcome =
  | { readonly kind: "applied" }
  | { readonly kind: "refused"; readonly reason: RefusalReason | "conf-changed" | "invalid" }
  | {
      readonly kind: "unknown";
      readonly reason: "leader-changed" | "timeout" | "connection-lost" | "stopped";
    };

/** What changing the members takes; a Raft node fits behind it. */
export interface ReconfigurationPort {
  /** Log index at which the configuration was applied that `MembershipPort.members` tells of. */
  readonly confIndex: number;
  /** An id for a member that is added now and reached by `peerUrls`. */
  newMemberId(peerUrls: readonly string[]): number;
  /** Makes the change, unless the configuration is another than that of `confIndex`; calls back once. */
  change(step: MembershipStep, confIndex: number, done: (outcome: MembershipOutcome) => void): CancelHandle;
  /** Since when the other member has been connected without a break, on the clock of `tick`; null when it is not. */
  connectedSinceMs(id: number): number | null;
  /** Hands leadership to a voter; calls back with whether it has it now. */
  moveLeader(target: number, done: (moved: boolean) => void): CancelHandle;
  /** On the leader, up to where each member has the log; null on others. */
  progress(): ReadonlyMap<number, number> | null;
}

/** A SHA-256 that grows. */
export interface DigestPort {
  update(bytes: Uint8Array): void;
  /** Its 32 bytes; nothing may follow. */
  digest(): Uint8Array;
}

/**
 * Passwords, hashed so that guessing costs. It takes long, so it happens elsewhere, and only so many at once; the hash names
 * how it was made.
 */
export interface PasswordPort {
  /** Calls back with the hash; with null when too many wait already. */
  hash(password: string, done: (hash: string | null) => void): CancelHandle;
  /** Compares; without a hash it takes as long and finds a difference. */
  compare(
    password: string,
    hash: string | null,
    done: (outcome: "same" | "different" | "busy") => void,
  ): CancelHandle;
}

/** Tokens that carry their proof with them, instead of standing in the memory of the members. */
export interface SignedTokenPort {
  /** Calls back with a token; with null where there is no key to sign with. */
  sign(user: string, authRevision: number, done: (token: string | null) => void): void;
  /** Calls back with what a valid token says; with null for any other. It may call back before it returns. */
  verify(
    token: string,
    done: (found: { readonly user: string; readonly authRevision: number } | null) => void,
  ): void;
}

/** What an operator should hear about access control. Never a password, never a token. */
export type AuthEvent = { readonly kind: "authentication-failed"; readonly user: string };

/** Runs work later in the same thread. */
export interface DeferPort {
  /** After other events had their turn; `setImmediate` in a server. */
  defer(work: () => void): void;
  /** After so many milliseconds, about. Without it, what may wait a little for its like is done at once. */
  after?(delayMs: number, work: () => void): void;
}

/** The time now, on the clock of `tick`, which shows it only at each tick. It runs on while the process stands still. */
export interface ClockPort {
  nowMs(): number;
}

/** Unpredictable numbers, for ids that the server chooses. */
export interface RandomPort {
  /** An integer in [0, 2^32). */
  uint32(): number;
}

/**
 * A way to ask the leader what only it knows. The transport is the embedding's; on the leader's side the bytes go to
 * `EtcdApi.answerMember`, and what that calls back with is the answer.
 */
export interface LeaderPort {
  /** Calls back once, with the answer, or with null when none came: no leader, no connection, no answer within seconds. */
  askLeader(question: Uint8Array, done: (answer: Uint8Array | null) => void): void;
}

/** What a client sent along with a call. Names are lower case. */
export interface CallMetadata {
  text(name: string): string | null;
}

/** What every call offers; a gRPC call fits. After the answer or the cancel its methods do nothing. */
export interface ApiCall {
  readonly path: string;
  readonly metadata: CallMetadata;
  /** Milliseconds the client gave, or null. */
  readonly timeoutMs: number | null;
  readonly ended: boolean;
  /**
   * The common name in the verified certificate of who made the connection; null or absent where there is none, or where it
   * is not to count as a user's name.
   */
  readonly peerCertificateCommonName?: string | null;
  /** The connection it came on: those that share one take turns with others as one. Absent: all are one. */
  readonly peer?: string;
  fail(code: number, message: string): void;
  onCancel(listener: () => void): void;
}

/** One request, one answer; the bytes are copied before `respond` returns. */
export interface UnaryApiCall extends ApiCall {
  respond(message: Uint8Array): void;
}

/** One request, many answers. `write` says false when the caller should wait for the drain listener. */
export interface StreamApiCall extends ApiCall {
  write(message: Uint8Array): boolean;
  onDrain(listener: () => void): void;
  end(): void;
}

/** Messages both ways; a message is valid until its listener returns. */
export interface BidiApiCall extends StreamApiCall {
  onMessage(listener: (message: Uint8Array) => void): void;
  onEnd(listener: () => void): void;
  pause(): void;
  resume(): void;
}

/** A method of the API; it has the shape that a gRPC server registers. `request` is valid until the call is answered. */
export type ApiMethod =
  | { readonly kind: "unary"; handle(request: Uint8Array, call: UnaryApiCall): void }
  | { readonly kind: "server-stream"; handle(request: Uint8Array, call: StreamApiCall): void }
  | { readonly kind: "bidi"; handle(call: BidiApiCall): void };
