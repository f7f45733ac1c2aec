/** What a gRPC transport is given, what it limits, and what it tells. The node gives all of it but limits and credentials. */

import type { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import type { NodeId } from "@quorate/raft";

/** `host` and `port`. */
export interface GrpcAddress {
  readonly host: string;
  readonly port: number;
}

/** Who this member is; said in each handshake and held against what the peers say. */
export interface GrpcIdentity {
  readonly id: NodeId;
  readonly clusterId: number;
  /** 16 bytes, drawn when the store was made. */
  readonly storeId: Uint8Array;
  /** 16 bytes, drawn when the process started. */
  readonly bootId: Uint8Array;
}

/** The notes about the peers' store ids. */
export interface GrpcPeerStores {
  /** Peers that were met. */
  readonly count: number;
  expected(peer: NodeId): Uint8Array | null;
  judge(peer: NodeId, storeId: Uint8Array): "unknown" | "same" | "different";
  note(peer: NodeId, storeId: Uint8Array, completed: (error: Error | null) => void): void;
}

/** What an operator may want to know. */
export type GrpcTransportEvent =
  | { readonly type: "connected"; readonly peer: NodeId; readonly direction: "in" | "out" }
  | {
      readonly type: "disconnected";
      readonly peer: NodeId;
      readonly direction: "in" | "out";
      readonly why: string;
    }
  /**
   * `peer` refused this member, or what answered at its address is not the peer. What a remote says (`byRemote`) proves nothing: no
   * configuration here names it.
   */
  | {
      readonly type: "refused-by";
      readonly peer: NodeId;
      readonly cause: string;
      readonly detail: string;
      readonly byRemote?: true;
    }
  /** This member refused who called. */
  | { readonly type: "refused"; readonly remote: string; readonly cause: string; readonly detail: string }
  /** Bytes that are no frame, or a frame that this stream may not carry; the stream is closed. */
  | { readonly type: "bad-frame"; readonly remote: string; readonly why: string };

/** What a transport is opened with. */
export interface GrpcTransportStart {
  readonly identity: GrpcIdentity;
  readonly listen: GrpcAddress;
  /** All members but this one. */
  readonly peers: ReadonlyMap<NodeId, GrpcAddress>;
  /**
   * What this member says of where it is reached, to those that do not know it yet. Default: where it listens, or nothing if that is
   * every interface.
   */
  readonly advertise?: string;
  /** Where this member reaches `peer`, whose address the log, or a remote, gives as `address`; null when that is none. Default: `host:port`. */
  readonly resolveAddress?: (peer: NodeId, address: string) => GrpcAddress | null;
  readonly storeIds: GrpcPeerStores;
  readonly onEvent?: (event: GrpcTransportEvent) => void;
  /** A store id could not be noted: this member's disk failed, and it must stop. */
  readonly onFatal: (error: Error) => void;
}

/** Bounds and times; {@link grpcLimitsDefault} has the usual ones. */
export interface GrpcTransportLimits {
  /** Queued bytes of appends, proposals and snapshot chunks to one peer; more are dropped, and the core is told. */
  readonly bulkBytesMax: number;
  /** Queued bytes of everything else to one peer. */
  readonly urgentBytesMax: number;
  /** Bytes handed to gRPC and not taken by its flow control yet, before urgent frames get their next chance to overtake. */
  readonly streamBytesMax: number;
  readonly handshakeTimeoutMs: number;
  readonly handshakeBytesMax: number;
  /** Streams that have not introduced themselves yet; the oldest gives its place to one more. */
  readonly strangersMax: number;
  /** Callers of this cluster that no configuration here names, connected at once. */
  readonly remotesMax: number;
  readonly pingIntervalMs: number;
  /** Time without any message after which a stream counts as dead. */
  readonly silenceMs: number;
  readonly reconnectMsMin: number;
  readonly reconnectMsMax: number;
  /** Time that an orderly end may take. */
  readonly closeMs: number;
}

/** Limits for members on one local network. */
export const grpcLimitsDefault: GrpcTransportLimits = {
  bulkBytesMax: 64 * 1024 * 1024,
  urgentBytesMax: 8 * 1024 * 1024,
  streamBytesMax: 1024 * 1024,
  handshakeTimeoutMs: 5000,
  handshakeBytesMax: 16 * 1024,
  strangersMax: 64,
  remotesMax: 16,
  pingIntervalMs: 3000,
  silenceMs: 12_000,
  reconnectMsMin: 20,
  reconnectMsMax: 1000,
  closeMs: 1000,
};

/** What the caller of {@link grpcTransport} may choose. */
export interface GrpcTransportOptions {
  readonly limits?: Partial<GrpcTransportLimits>;
  /** TLS, as `@grpc/grpc-js` makes it. Without it the connections are not encrypted. */
  readonly credentials?: { readonly server: ServerCredentials; readonly client: ChannelCredentials };
}

/** Counters since the start. */
export interface GrpcTransportCounters {
  sentFrames: number;
  sentBytes: number;
  receivedFrames: number;
  receivedBytes: number;
  /** Frames that found no stream or a full queue. */
  droppedFrames: number;
  /** Streams closed because of what came over them. */
  badFrames: number;
  refusedHandshakes: number;
}
