/** The public list of `@quorate/etcd`. */

export { type ApiLimits, apiLimitsDefault } from "./api/limits.ts";
export { type MethodKind, methodKinds } from "./api/method-table.ts";
export type { ApiOptions } from "./api/options.ts";
export { clusterVersionOf } from "./api/release.ts";
export { readSnapshotFile, type SnapshotFile } from "./api/snapshot-file.ts";
export type { CompactionPolicy } from "./compactor.ts";
export { EtcdApi } from "./etcd-api.ts";
export type {
  ApiCall,
  ApiMethod,
  AuthEvent,
  BidiApiCall,
  CallMetadata,
  CancelHandle,
  ClockPort,
  ClusterMember,
  DeferPort,
  DigestPort,
  LeaderPort,
  MembershipOutcome,
  MembershipPort,
  MembershipStep,
  PasswordPort,
  RandomPort,
  ReadOutcome,
  ReconfigurationPort,
  RefusalReason,
  ReplicationPort,
  ReplicationStatus,
  SignedTokenPort,
  StorePort,
  StreamApiCall,
  SubmitOutcome,
  UnaryApiCall,
} from "./ports.ts";
