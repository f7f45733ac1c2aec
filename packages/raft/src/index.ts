/** The public list of `@quorate/raft`. */
export {
  ConfigError,
  RaftError,
  type RaftErrorCode,
  type RaftErrorInfo,
  StorageError,
  type StorageErrorCode,
  type StorageErrorInfo,
} from "./errors.ts";
export type {
  ApplyContext,
  Completed,
  CompletedWith,
  GroupId,
  PeerFrame,
  Scheduler,
  SnapshotSink,
  SnapshotSource,
  StateMachine,
  StateMachineImage,
  StateMachineRestore,
  Storage,
  StorageBatch,
  Transport,
  TransportReceiver,
} from "./host/ports.ts";
export type { ConfChange, ConfChangeSingle, ConfChangeTransition } from "./types/conf-change.ts";
export type { ConfState } from "./types/conf-state.ts";
export { type Entry, type EntryType, entryBytes, entryOverheadBytes, type LogId } from "./types/entry.ts";
export type { HardState, Role, SoftState } from "./types/hard-state.ts";
export {
  indexZero,
  type LogIndex,
  maxIndex,
  minIndex,
  type NodeId,
  nextIndex,
  noNode,
  offsetIndex,
  previousIndex,
  type Term,
  termZero,
  toLogIndex,
  toNodeId,
  toTerm,
} from "./types/ids.ts";
export type { LogView } from "./types/log-view.ts";
export type {
  AppendAccepted,
  AppendEntries,
  AppendRejected,
  ForwardProposal,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  MessageType,
  ReadIndexRequest,
  ReadIndexResponse,
  RequestVote,
  TimeoutNow,
  TransferLeadership,
  VoteResponse,
} from "./types/message.ts";
export type {
  ConfChangeRefusal,
  ConfChangeResult,
  ProposalRefusal,
  ProposeResult,
} from "./types/proposal.ts";
export type { ReadState, Ready } from "./types/ready.ts";
export type { SnapshotMetadata } from "./types/snapshot.ts";
