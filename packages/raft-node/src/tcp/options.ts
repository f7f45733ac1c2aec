/** What a TCP transport is given, what it limits, and what it tells. */
import type { Socket } from "node:net";
import type { ConnectionOptions, TLSSocket, TlsOptions } from "node:tls";
import type { NodeId, PeerGoneReason } from "@quorate/raft";
import type { PeerStoreIds } from "../peer-store-ids.ts";

/** Where a member listens for its peers. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** Who this member is; said in each handshake and held against what the peers say. */
export interface TransportIdentity {
  readonly id: NodeId;
  /** 1 … 2^53−1. */
  readonly clusterId: number;
  /** 16 bytes, drawn when the data directory was made. */
  readonly storeId: Uint8Array;
  /** 16 bytes, drawn when the process started. */
  readonly bootId: Uint8Array;
}

/** Bounds and times of a transport; {@link transportLimitsDefault} has the usual ones. */
export interface TransportLimits {
  /** Queued bytes of appends, proposals and snapshot chunks to one peer; more are dropped, and the core is told. */
  readonly bulkBytesMax: number;
  /** Queued bytes of everything else to one peer. */
  readonly urgentBytesMax: number;
  /** Bytes handed to the kernel before urgent frames get their next chance to overtake. */
  readonly socketBytesMax: number;
  readonly handshakeTimeoutMs: number;
  /** The handshake's frames are small; a stranger may not make this member hold more. */
  readonly handshakeBytesMax: number;
  /** Connections that have not introduced themselves yet; the oldest gives its place to one more. */
  readonly strangersMax: number;
  /** Callers of this cluster that no configuration here names, connected at once. */
  readonly remotesMax: number;
  /** Time between signs of life on a connection. */
  readonly pingIntervalMs: number;
  /** Time without any byte after which a connection counts as dead. */
  readonly silenceMs: number;
  readonly reconnectMsMin: number;
  readonly reconnectMsMax: number;
  /** Time that an orderly end may take. */
  readonly closeMs: number;
}

/** Limits for members on one local network. */
export const transportLimitsDefault: TransportLimits = {
  bulkBytesMax: 64 * 1024 * 1024,
  urgentBytesMax: 8 * 1024 * 1024,
  socketBytesMax: 1024 * 1024,
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

/**
 * TLS between members. To keep strangers out, both sides must check certificates: `requestCert` and `rejectUnauthorized` for the server,
 * authorities for both.
 */
export interface PeerTls {
  /**
   * For connections from peers; null: they come in clear. A function is asked before each handshake, so it must be quick; another
   * object than before takes effect at once, as far as certificates, keys and authorities go.
   */
  readonly server: TlsOptions | (() => TlsOptions) | null;
  /**
   * For connections to peers; a function is asked for each one, and answers null where that peer is reached in clear. `advertised` is what a
   * remote says of where it is reached; null for a member, of which the configuration tells.
   */
  readonly client:
    | ConnectionOptions
    | ((peer: NodeId, advertised: string | null) => ConnectionOptions | null);
  /** Asked when a connection has come through its handshake: why it is refused, or null. */
  readonly admit?: (socket: TLSSocket) => string | null;
  /** Asked when whoever is connected says which member, or which remote (`advertised`), it is: why its certificate is not that one's, or null. */
  readonly judge?: (peer: NodeId, socket: TLSSocket, advertised: string | null) => string | null;
}

/** What an operator may want to know. */
export type TransportEvent =
  | { readonly type: "connected"; readonly peer: NodeId; readonly direction: "in" | "out" }
  | {
      readonly type: "disconnected";
      readonly peer: NodeId;
      readonly direction: "in" | "out";
      readonly why: string;
    }
  /** The peer's process is gone: it ended its connections and refuses new ones, or another process came in its place. */
  | { readonly type: "peer-gone"; readonly peer: NodeId; readonly reason: PeerGoneReason }
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
  /** Bytes that are no frame, or a frame that this connection may not carry; the connection is closed. */
  | { readonly type: "bad-frame"; readonly remote: string; readonly why: string };

/** Options of {@link TcpTransport}. */
export interface TcpTransportOptions {
  readonly identity: TransportIdentity;
  readonly listen: PeerAddress;
  /** All members but this one. */
  readonly peers: ReadonlyMap<NodeId, PeerAddress>;
  /**
   * What this member says of where it is reached, to those that do not know it yet: at most 255 bytes, as a change of the membership would
   * tell it. Default: where it listens, or nothing if that is every interface.
   */
  readonly advertise?: string;
  /** Where this member reaches `peer`, whose address the log, or a remote, gives as `address`; null when that is none. Default: `host:port`. */
  readonly resolveAddress?: (peer: NodeId, address: string) => PeerAddress | null;
  /** Where the peers' store ids are noted. */
  readonly storeIds: PeerStoreIds;
  readonly limits?: Partial<TransportLimits>;
  /** Encrypts the connections; without it they are in clear. */
  readonly tls?: PeerTls;
  /**
   * Takes over a connection that begins with an HTTP GET instead of a handshake, its bytes put back: for pages that members who
   * are not members yet can read. Without it such a connection is closed as any other that does not speak the protocol.
   */
  readonly onHttp?: (socket: Socket) => void;
  readonly onEvent?: (event: TransportEvent) => void;
  /** A store id could not be noted: this member's disk failed, and it must stop. */
  readonly onFatal: (error: Error) => void;
}

/** Counters since the start. */
export interface TransportCounters {
  sentFrames: number;
  sentBytes: number;
  receivedFrames: number;
  receivedBytes: number;
  /** Frames that found no connection or a full queue. */
  droppedFrames: number;
  /** Connections closed because of what came over them. */
  badFrames: number;
  refusedHandshakes: number;
}

/** Counters at zero. */
export function createCounters(): TransportCounters {
  return {
    sentFrames: 0,
    sentBytes: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    droppedFrames: 0,
    badFrames: 0,
    refusedHandshakes: 0,
  };
}
