/** Where a node takes its storage and its transport from, when they are not the own write-ahead log and the own TCP protocol. */
import type { NodeId, Storage, Transport } from "@quorate/raft";
import type { StoreMetadata } from "@quorate/wal";
import type { PeerAddress, TcpTransportOptions, TransportCounters } from "./tcp/options.ts";

/** What a storage is opened with. */
export interface StorageStart {
  /** Null for a node without a data directory. */
  readonly dataDir: string | null;
  readonly id: NodeId;
  readonly clusterId: number;
  /** The first configuration, for a store that is empty; none for a member that joins. */
  readonly voters: readonly NodeId[];
  /** The application's bytes, to be kept by a store that is empty and keeps {@link NodeStorage.metadata}. */
  readonly application: Uint8Array;
}

/** A storage that may do more than the port asks for. */
export interface NodeStorage extends Storage {
  /** What an operator should know about this opening, one sentence each. */
  readonly report?: readonly string[];
  /** The identity that is kept with the data itself. Without it a file in the data directory stands for one. */
  readonly metadata?: StoreMetadata;
}

/** Opens the storage of one member; what it throws ends the start. */
export type OpenStorage = (start: StorageStart) => NodeStorage | Promise<NodeStorage>;

/** What a transport is opened with: who this member is, where it listens, and whom it reaches. */
export type TransportStart = Omit<TcpTransportOptions, "limits">;

/** A transport that may do more than the port asks for. */
export interface NodeTransport extends Transport {
  /** Begins to listen, before `start`, and resolves with where. Without it the node's address is the one it was given. */
  listen?(): Promise<PeerAddress>;
  readonly counters?: Readonly<TransportCounters>;
}

/** Opens the transport of one member; what it throws ends the start. */
export type OpenTransport = (start: TransportStart) => NodeTransport | Promise<NodeTransport>;
