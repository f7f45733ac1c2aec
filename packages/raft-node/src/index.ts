/** The public list of `@quorate/raft-node`. */
export type {
  NodeStorage,
  NodeTransport,
  OpenStorage,
  OpenTransport,
  StorageStart,
  TransportStart,
} from "./adapters.ts";
export {
  createEntryCodec,
  type EntryCompression,
  inflatedBytesMax,
} from "./compression/deflate-entry-codec.ts";
export { DataDirectoryLock } from "./data-directory-lock.ts";
export { appendDurably, fileStableStore, readIfThere, replaceDurably } from "./durable-files.ts";
export { AesCipher } from "./encryption/aes-cipher.ts";
export {
  type EncryptionKey,
  type EncryptionKeys,
  KeyRing,
  readKeyFile,
} from "./encryption/key-ring.ts";
export { jsonCodec } from "./json-machine.ts";
export { NodeFileSystem } from "./node-file-system.ts";
export type {
  ChangeMembersOptions,
  Codec,
  DebugWriter,
  JsonStateMachine,
  MemberChangeStep,
  MembersView,
  RaftNodeEvent,
  RaftNodeOptions,
  RaftNodeSettings,
  ReadOptions,
  SessionOpenOptions,
  WaitOptions,
} from "./options.ts";
export { PeerStoreIds } from "./peer-store-ids.ts";
export { RaftNode } from "./raft-node.ts";
export {
  type Recovered,
  type RecoverOptions,
  type RecoveryFindings,
  recoverDataDirectory,
} from "./recovery/recover.ts";
export { type SeedOptions, seedDataDirectory } from "./recovery/seed.ts";
export { finishRecovery } from "./recovery/switch.ts";
export { RaftSession } from "./session.ts";
export {
  type PeerAddress,
  type PeerTls,
  type TcpTransportOptions,
  type TransportCounters,
  type TransportEvent,
  type TransportIdentity,
  type TransportLimits,
  transportLimitsDefault,
} from "./tcp/options.ts";
export { TcpTransport } from "./tcp/tcp-transport.ts";
export { Ticker, type TickInfo } from "./ticker.ts";
export { type TraceCounters, TraceFile, type TraceFileOptions } from "./trace-file.ts";
export type { Leadership } from "./watching.ts";
