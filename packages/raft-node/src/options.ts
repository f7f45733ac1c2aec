/** What a {@link RaftNode} is started with. */
import type { Socket } from "node:net";
import type {
  ApplyContext,
  ConfState,
  CoreSettings,
  HostEvent,
  HostLimits,
  MemberChange,
  MemberInfo,
  MembershipPolicy,
  ResultCodec,
  SessionLimits,
  SnapshotPolicy,
  StateMachine,
} from "@quorate/raft";
import type { FileSystem } from "@quorate/wal";
import type { OpenStorage, OpenTransport } from "./adapters.ts";
import type { EntryCompression } from "./compression/deflate-entry-codec.ts";
import type { EncryptionKeys } from "./encryption/key-ring.ts";
import type { PeerTls, TransportEvent, TransportLimits } from "./tcp/options.ts";

/** Turns commands into bytes of the log and back. What `decode` gives must depend on the bytes alone. */
export interface Codec<Command> {
  encode(command: Command): Uint8Array;
  decode(bytes: Uint8Array): Command;
}

/**
 * A replicated state that fits into memory as JSON. Every member applies the same commands in the same order, so `apply` must
 * depend on nothing but the state, the command and the context: no clock, no chance, no I/O.
 */
export interface JsonStateMachine<Command, Result> {
  apply(command: Command, context: ApplyContext): Result;
  /** The whole state as a JSON value; it is turned into text before this returns to the event loop. */
  snapshot(): unknown;
  /** Replaces the whole state. */
  restore(image: never): void;
}

/** Takes one line, without its end. */
export type DebugWriter = (line: string) => void;

/** Something that happened to the member or its connections. */
export type RaftNodeEvent =
  | HostEvent
  | TransportEvent
  /** Recovery repaired or cut something, or a tick came late. */
  | { readonly type: "recovered"; readonly what: string }
  | { readonly type: "late-tick"; readonly gapMs: number }
  /** The trace can be written no more; the member goes on without. */
  | { readonly type: "trace-failed"; readonly error: Error }
  /** This member was removed, as the log or member `by` told it, and stops by itself. */
  | { readonly type: "retired"; readonly by: number };

/** Settings with defaults; all times in milliseconds or ticks, all sizes in bytes. */
export interface RaftNodeSettings {
  /** Names the cluster: members of another one are refused. Default `quorate`. */
  readonly cluster?: string | number;
  /** One unit of the protocol's time. Default 100. */
  readonly tickMs?: number;
  /**
   * How linearizable reads are confirmed: `quorum` (default) asks a majority, `lease` lets a leader answer by its clock for most of
   * an election time-out after a majority was heard. It needs `core.checkQuorum`, clocks that run about equally fast, and excludes
   * fast fail-over. RAFT §6.4.1.
   */
  readonly readConsistency?: "quorum" | "lease";
  /** Ticks, limits and switches of the core. Default: election after 10 to 20 ticks, heartbeat each tick. */
  readonly core?: CoreSettings;
  /**
   * Elects a new leader as soon as the old one's process is known to be gone: its connections end and its address refuses new ones. Default:
   * true, unless pre-vote or the quorum check is off or reads rest on leases; asking for it then is an error.
   */
  readonly fastFailover?: boolean;
  readonly limits?: Partial<HostLimits>;
  readonly snapshots?: SnapshotPolicy;
  /** Bytes of snapshots that this member sends in a second, to all others together. Default: no such limit. */
  readonly snapshotSendBytesPerSecondMax?: number;
  /** When changes of the membership are refused, and when learners become voters. */
  readonly membership?: MembershipPolicy;
  /** What sessions opened by this member may keep; the limits of the latest session rule in the whole cluster. */
  readonly sessions?: Partial<SessionLimits>;
  /**
   * How this member stores commands; members may differ. Default: as they are. For a byte state machine without `results` naming it
   * at all changes the form of the log, so it is named on every member from the first command on, or never.
   */
  readonly entryCompression?: EntryCompression;
  /**
   * Starts with an empty store that waits to be added to a running cluster, instead of founding one; `peers` then says where the
   * present members are reached. Of no effect on a store that exists.
   */
  readonly join?: boolean;
  /**
   * Where others reach this member, for those that have missed the change which added it: at most 255 bytes, in the words of a change.
   * Default: its own entry of `peers`, else where it listens, or nothing if that is every interface.
   */
  readonly advertise?: string;
  /** Where this member reaches member `id`, whose address the log, or a member not known yet, gives. Default: at that address. */
  readonly resolveAddress?: (id: number, address: string) => string;
  readonly transport?: Partial<TransportLimits>;
  /** Takes over connections to the peer port that begin with an HTTP GET. Default: they are closed. */
  readonly onHttp?: (socket: Socket) => void;
  /** Encrypts the connections between members. */
  readonly tls?: PeerTls;
  /** Another storage than the own write-ahead log, whose settings are then of no effect. */
  readonly openStorage?: OpenStorage;
  /** Another transport than the own TCP protocol, whose settings are then of no effect. */
  readonly openTransport?: OpenTransport;
  /** Takes one line for each transition and each message. Default: standard error with `DEBUG=raft`, else nothing. */
  readonly debug?: DebugWriter;
  /**
   * Appends every step of the protocol to this file, one JSON object per line (docs/trace.md). It never waits for the disk: what finds
   * no room is dropped, counted, and marked in the trace. It grows without bound, so it is for tests and for looking into trouble.
   */
  readonly traceFile?: string;
  /**
   * Encrypts commands in the log and snapshots, with AES-256-GCM under the current key. Each member has its own; a store in clear is
   * encrypted from here on. Without the keys that it needs a store does not open (`STORAGE_KEY`).
   */
  readonly encryption?: EncryptionKeys;
  /** Length of a log segment. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Kept with the store from its creation, read back by {@link RaftNode.metadata}. */
  readonly application?: Uint8Array;
  /** Wraps the file system under the log, to watch it or to make it fail. */
  readonly wrapFileSystem?: (inner: FileSystem) => FileSystem;
  readonly onEvent?: (event: RaftNodeEvent) => void;
  /**
   * The member cannot go on: its disk failed, or an invariant is broken. Nothing more leaves it. Default: throws out of the event
   * loop, so that the process ends.
   */
  readonly onFatal?: (error: Error) => void;
}

/** Options of {@link RaftNode.start}. */
export type RaftNodeOptions<Command, Result> = RaftNodeSettings & {
  /** This member: 1 … 2^53−1, a key of `peers` unless it joins. */
  readonly id: number;
  /**
   * Made when missing; one process at a time. An existing one overrides `peers` as to who belongs to the cluster. Only with
   * `openStorage` may there be none: nothing is then locked or noted on a disk.
   */
  readonly dataDir?: string;
  /** `host:port` where this member listens for its peers. */
  readonly listen: string;
  /** All members, this one included, with the addresses where they are reached. */
  readonly peers: Readonly<Record<number, string>>;
} & (
    | {
        readonly stateMachine: JsonStateMachine<Command, Result>;
        readonly codec?: Codec<Command>;
        /** How sessions keep answers. Default: as JSON. */
        readonly results?: ResultCodec<Result>;
      }
    /**
     * A state machine over bytes, which streams its own snapshots; commands are bytes too. It keeps sessions where `results` says
     * how answers are kept: on every member from the first command on, or never.
     */
    | { readonly byteStateMachine: StateMachine<Result>; readonly results?: ResultCodec<Result> }
  );

/** One step of a change of the membership. */
export type MemberChangeStep = Omit<MemberChange, "id"> & { readonly id: number };

/** How a change of the membership is made. */
export interface ChangeMembersOptions extends WaitOptions {
  /**
   * `auto` (default) goes through a joint configuration only where one step would not do, `implicit` always; both leave it by
   * themselves. `explicit` stays joint until a change without steps.
   */
  readonly transition?: "auto" | "implicit" | "explicit";
  /** `single` is the form of one step that never becomes joint. Default `joint`. */
  readonly form?: "single" | "joint";
  /** Refuses the change unless the configuration in force was applied at this log index: `status().confIndex` as it was read. */
  readonly expectedConfIndex?: number;
}

/** The members at one moment. */
export interface MembersView {
  /** Log index at which this configuration was applied; 0 for the one that the cluster began with. */
  readonly confIndex: number;
  readonly confState: ConfState;
  /** Ascending by id. An empty address stands for the one in `peers`. */
  readonly members: readonly MemberInfo[];
}

/** How long, and until when, a caller waits. */
export interface WaitOptions {
  /** Gives up. A proposal that is under way may still be applied: `maybeCommitted` is then true. */
  readonly signal?: AbortSignal;
  /** Gives up after this time. Default: none. */
  readonly deadlineMs?: number;
}

/** How a session is opened. The wait is for the registration. */
export interface SessionOpenOptions extends WaitOptions {
  /**
   * Commands under way at once. Default 1: then they are applied in the order of the calls. With more, one that has to be sent
   * again may be applied after those behind it.
   */
  readonly concurrency?: number;
  /** An idle session is used that often, so that others are expired before it. 0: never. Default 30,000. */
  readonly keepAliveMs?: number;
}

/** How a read is made. */
export interface ReadOptions extends WaitOptions {
  /** `linearizable` (default) sees everything acknowledged before it began; `local` sees what this member has applied. */
  readonly consistency?: "linearizable" | "local";
}
