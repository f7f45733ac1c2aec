/** The public list of `@quorate/raft`. */
export {
  confChangeContextBytesMax,
  confChangeStepsMax,
  decodeConfChange,
  encodeConfChange,
  leaveJointChange,
} from "./conf/codec.ts";
export { normalizeConfState, validateConfState } from "./conf/restore.ts";
export { type RaftConfig, type ReadMode, raftDefaults, validateConfig } from "./config.ts";
export { checkInvariants } from "./core/invariants.ts";
export type { RaftState, RaftState as Raft } from "./core/raft-state.ts";
export type { RequestRefusal, StepResult } from "./core/step-result.ts";
export {
  describeConfState,
  describeEntry,
  describeHardState,
  describeLogId,
  describeMessage,
  describeProgress,
  describeReady,
  describeSnapshot,
  describeStatus,
  describeTraceEvent,
} from "./describe.ts";
export {
  ConfigError,
  RaftError,
  type RaftErrorCode,
  type RaftErrorInfo,
  StorageError,
  type StorageErrorCode,
  type StorageErrorInfo,
} from "./errors.ts";
export {
  type ComposedStorageOptions,
  composeStorage,
  type LogStore,
  type StableStore,
} from "./host/composed-storage.ts";
export {
  type EntryCodec,
  encodePlainEntry,
  entryForm,
  entryFormOverheadBytes,
  plainEntryCodec,
  withEntryCodec,
} from "./host/entry-codec.ts";
export type { HostCounters, HostEvent, HostStatus, LeaseEnd } from "./host/events.ts";
export { firstImage } from "./host/first-image.ts";
export type { MemberChange, MembershipChange, MembershipOutcome } from "./host/membership-change.ts";
export {
  type CoreSettings,
  type FailOverPolicy,
  type HostLimits,
  type HostOptions,
  hostDefaults,
  type LeaseClock,
  type MembershipPolicy,
  type SnapshotPolicy,
} from "./host/options.ts";
export type {
  ProposalOutcome,
  ReadOutcome,
  RefusalReason,
  UnknownReason,
  Waiting,
} from "./host/outcome.ts";
export type {
  ApplyContext,
  Completed,
  CompletedWith,
  GroupId,
  LeaderRequestRefusal,
  PeerFrame,
  PeerGoneReason,
  Scheduler,
  SnapshotSink,
  SnapshotSource,
  StateMachine,
  StateMachineImage,
  StateMachineRestore,
  Storage,
  StorageBatch,
  Transport,
  TransportPeers,
  TransportReceiver,
} from "./host/ports.ts";
export { RaftHost } from "./host/raft-host.ts";
export type { RequestHandler, RequestOutcome } from "./host/requests.ts";
export type { SnapshotRequestEnd, SnapshotRequestOutcome } from "./host/snapshot-request.ts";
export type { StopOptions } from "./host/stopping.ts";
export type { HostTrace } from "./host/traced-node.ts";
export type { TransferOutcome, TransferRefusal } from "./host/transfers.ts";
export {
  RawNode,
  type ReadIndexResult,
  type SnapshotRequestRefusal,
  type SnapshotRequestResult,
  type TransferResult,
} from "./raw-node.ts";
export {
  resolveSessionLimits,
  type SessionLimits,
  sessionLimitsDefault,
} from "./sessions/limits.ts";
export {
  openSession,
  SessionClient,
  type SessionClientPort,
  type SessionProposalOutcome,
} from "./sessions/session-client.ts";
export {
  decodeSessionCommand,
  encodeSessionCommand,
  type SessionCommand,
  type SessionId,
  sessionCommandOverheadBytes,
} from "./sessions/session-command.ts";
export type { SessionRefusal } from "./sessions/session-table.ts";
export {
  jsonResults,
  type ResultCodec,
  type SessionMachine,
  type SessionOptions,
  type SessionOutcome,
  withSessions,
} from "./sessions/with-sessions.ts";
export { confStateBehind, soleMemberEntries } from "./sole-member.ts";
export {
  decodeTraceEvent,
  encodeTraceEvent,
  type TraceDetail,
  type TraceEntry,
  type TraceEvent,
  type TraceEventKind,
  type TraceMessage,
  Tracer,
  type TraceState,
  traceEntry,
  traceLineLengthMax,
  traceMessage,
  traceVersion,
} from "./trace.ts";
export type { Tracker as ProgressTracker } from "./tracker/tracker.ts";
export { type Buggify, type BuggifyPoint, buggifyPoints } from "./types/buggify.ts";
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
export type { LogRange, LogView } from "./types/log-view.ts";
export type { MemberInfo } from "./types/member.ts";
export type {
  AppendAccepted,
  AppendEntries,
  AppendRejected,
  ForwardProposal,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  MessageOf,
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
export type { ProgressState, ProgressStatus, Status } from "./types/status.ts";
export type { VoteFloor } from "./types/vote-floor.ts";
export {
  type HandshakeRefusal,
  type HelloVerdict,
  helloOf,
  judgeHello,
  judgeStoreId,
  judgeWelcome,
  type PeerIdentity,
  type PeerKnowledge,
  removedRefusal,
  type StoreIdVerdict,
  unknownRefusal,
  welcomeOf,
} from "./wire/admission.ts";
export { encodePeerFrame, type GroupFrame } from "./wire/frame-codec.ts";
export { type DecodedFrame, FrameDecoder, type FrameFailure } from "./wire/frame-decoder.ts";
export { FrameEncoder } from "./wire/frame-encoder.ts";
export {
  type ControlFrame,
  encodeControlFrame,
  type Hello,
  identityBytes,
  type Refusal,
  type RefusalCause,
  type Signal,
  type Welcome,
} from "./wire/handshake.ts";
export {
  addressBytesMax,
  frameBytesMaxDefault,
  frameHeaderBytes,
  helloVersion,
  wireVersion,
} from "./wire/layout.ts";
export { mayRemoteSend, Remotes } from "./wire/remotes.ts";
