/** The public list of `@quorate/kv`. */
export { takesSpace } from "./alarms.ts";
export { comparePermissions, isPermissionRange } from "./auth/apply-auth.ts";
export type { LeaseKeys } from "./auth/auth-table.ts";
export {
  type AuthAccess,
  type AuthAction,
  type AuthPermission,
  type AuthRequest,
  type AuthResult,
  type AuthRole,
  type AuthUser,
  type Principal,
  rootName,
} from "./auth/auth-types.ts";
export type { GrpcCode, KvErrorCode, KvErrorInfo } from "./errors.ts";
export { grpcCode, KvError, kvErrors, UnsupportedFormat } from "./errors.ts";
export { composeImage, type ForeignAuth, type ForeignState, type ForeignVersion } from "./image/compose.ts";
export { type HashKvResult, KvHash } from "./image/hash.ts";
export { KvRestore } from "./image/restore.ts";
export { KvImage } from "./image/snapshot.ts";
export { leaseTtlSecondsMax } from "./lease/apply-lease.ts";
export type { KvLease } from "./lease/lease-table.ts";
export {
  type AuthView,
  type KvApplyContext,
  type KvObserver,
  type KvOptions,
  KvStateMachine,
} from "./machine.ts";
export type { KvEvent, KvEvents } from "./mvcc/events.ts";
export { RangeReader } from "./mvcc/range.ts";
export type { RequestLimits } from "./request/check-request.ts";
export { checkRequest, requestLimitsDefault } from "./request/check-request.ts";
export {
  commandFormatVersion,
  decodeCommand,
  decodeSigned,
  encodeCommand,
  type SignedCommand,
  writeCommand,
  writeOnBehalf,
} from "./request/command-codec.ts";
export { neverCompacted, type Revision, revisionInitial, revisionZero, toRevision } from "./revision.ts";
export type {
  AlarmRequest,
  AlarmResult,
  Command,
  CompactionRequest,
  CompactionResult,
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeRequest,
  DeleteRangeResult,
  DowngradeRequest,
  DowngradeResult,
  EmptyRequest,
  KeyValue,
  KvAlarm,
  KvRefusal,
  KvRequest,
  KvResult,
  LeaseCheckpointRequest,
  LeaseCheckpointResult,
  LeaseGrantRequest,
  LeaseGrantResult,
  LeaseRevokeRequest,
  LeaseRevokeResult,
  MemberAttributes,
  MemberPublish,
  MemberPublishResult,
  PutRequest,
  PutResult,
  RangeRequest,
  RangeResult,
  RequestOp,
  ResponseOp,
  SortOrder,
  SortTarget,
  TxnRequest,
  TxnResult,
} from "./types.ts";
