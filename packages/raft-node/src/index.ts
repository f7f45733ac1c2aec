/** The public list of `@quorate/raft-node`. */
export { DataDirectoryLock } from "./data-directory-lock.ts";
export { jsonCodec } from "./json-machine.ts";
export { NodeFileSystem } from "./node-file-system.ts";
export type {
  ChangeMembersOptions,
  Codec,
  JsonStateMachine,
  MemberChangeStep,
  MembersView,
  RaftNodeEvent,
  RaftNodeOptions,
  RaftNodeSettings,
  ReadOptions,
  WaitOptions,
} from "./options.ts";
export { PeerStoreIds, type StoreIdVerdict } from "./peer-store-ids.ts";
export { RaftNode } from "./raft-node.ts";
export {
  type PeerAddress,
  type TcpTransportOptions,
  type TransportCounters,
  type TransportEvent,
  type TransportIdentity,
  type TransportLimits,
  transportLimitsDefault,
} from "./tcp/options.ts";
export { TcpTransport } from "./tcp/tcp-transport.ts";
export { Ticker, type TickInfo } from "./ticker.ts";
export type { Leadership } from "./watching.ts";
