/**
 * Every refusal of etcd's API on one page: our code, the gRPC code, and the exact text. Clients of etcd compare the text,
 * so not a letter of it may change; servers answer with what stands here and nothing else.
 */

/** Numbers of the gRPC status codes that etcd answers with. */
export const grpcCode = {
  canceled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** A gRPC status code that etcd answers with. */
export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode];

/** One row of {@link kvErrors}. */
export interface KvErrorInfo {
  readonly grpc: GrpcCode;
  /** What clients compare with. */
  readonly text: string;
}

/** A refusal's name: the key of its row in {@link kvErrors}. */
export type KvErrorCode =
  | "KV_EMPTY_KEY"
  | "KV_KEY_NOT_FOUND"
  | "KV_VALUE_PROVIDED"
  | "KV_LEASE_PROVIDED"
  | "KV_TOO_MANY_OPS"
  | "KV_DUPLICATE_KEY"
  | "KV_INVALID_CLIENT_API_VERSION"
  | "KV_INVALID_SORT_OPTION"
  | "KV_COMPACTED"
  | "KV_FUTURE_REV"
  | "KV_NO_SPACE"
  | "KV_LEASE_NOT_FOUND"
  | "KV_LEASE_EXIST"
  | "KV_LEASE_TTL_TOO_LARGE"
  | "KV_WATCH_CANCELED"
  | "KV_MEMBER_EXIST"
  | "KV_PEER_URL_EXIST"
  | "KV_MEMBER_NOT_ENOUGH_STARTED"
  | "KV_MEMBER_BAD_URLS"
  | "KV_MEMBER_NOT_FOUND"
  | "KV_MEMBER_NOT_LEARNER"
  | "KV_LEARNER_NOT_READY"
  | "KV_TOO_MANY_LEARNERS"
  | "KV_CLUSTER_ID_MISMATCH"
  | "KV_REQUEST_TOO_LARGE"
  | "KV_REQUEST_TOO_MANY_REQUESTS"
  | "KV_ROOT_USER_NOT_EXIST"
  | "KV_ROOT_ROLE_NOT_EXIST"
  | "KV_USER_ALREADY_EXIST"
  | "KV_USER_EMPTY"
  | "KV_USER_NOT_FOUND"
  | "KV_ROLE_ALREADY_EXIST"
  | "KV_ROLE_NOT_FOUND"
  | "KV_ROLE_EMPTY"
  | "KV_AUTH_FAILED"
  | "KV_PERMISSION_NOT_GIVEN"
  | "KV_PERMISSION_DENIED"
  | "KV_ROLE_NOT_GRANTED"
  | "KV_PERMISSION_NOT_GRANTED"
  | "KV_AUTH_NOT_ENABLED"
  | "KV_INVALID_AUTH_TOKEN"
  | "KV_INVALID_AUTH_MGMT"
  | "KV_AUTH_OLD_REVISION"
  | "KV_NO_LEADER"
  | "KV_NOT_LEADER"
  | "KV_LEADER_CHANGED"
  | "KV_NOT_CAPABLE"
  | "KV_STOPPED"
  | "KV_TIMEOUT"
  | "KV_TIMEOUT_DUE_TO_LEADER_FAIL"
  | "KV_TIMEOUT_DUE_TO_CONNECTION_LOST"
  | "KV_TIMEOUT_WAIT_APPLIED_INDEX"
  | "KV_UNHEALTHY"
  | "KV_CORRUPT"
  | "KV_NOT_SUPPORTED_FOR_LEARNER"
  | "KV_BAD_LEADER_TRANSFEREE"
  | "KV_WRONG_DOWNGRADE_VERSION_FORMAT"
  | "KV_INVALID_DOWNGRADE_TARGET_VERSION"
  | "KV_CLUSTER_VERSION_UNAVAILABLE"
  | "KV_DOWNGRADE_IN_PROCESS"
  | "KV_NO_INFLIGHT_DOWNGRADE"
  | "KV_CANCELED"
  | "KV_DEADLINE_EXCEEDED";

/** The table: code, gRPC code, text. */
export const kvErrors: { readonly [C in KvErrorCode]: KvErrorInfo } = {
  KV_EMPTY_KEY: { grpc: grpcCode.invalidArgument, text: "etcdserver: key is not provided" },
  KV_KEY_NOT_FOUND: { grpc: grpcCode.invalidArgument, text: "etcdserver: key not found" },
  KV_VALUE_PROVIDED: { grpc: grpcCode.invalidArgument, text: "etcdserver: value is provided" },
  KV_LEASE_PROVIDED: { grpc: grpcCode.invalidArgument, text: "etcdserver: lease is provided" },
  KV_TOO_MANY_OPS: { grpc: grpcCode.invalidArgument, text: "etcdserver: too many operations in txn request" },
  KV_DUPLICATE_KEY: {
    grpc: grpcCode.invalidArgument,
    text: "etcdserver: duplicate key given in txn request",
  },
  KV_INVALID_CLIENT_API_VERSION: {
    grpc: grpcCode.invalidArgument,
    text: "etcdserver: invalid client api version",
  },
  KV_INVALID_SORT_OPTION: { grpc: grpcCode.invalidArgument, text: "etcdserver: invalid sort option" },
  KV_COMPACTED: { grpc: grpcCode.outOfRange, text: "etcdserver: mvcc: required revision has been compacted" },
  KV_FUTURE_REV: {
    grpc: grpcCode.outOfRange,
    text: "etcdserver: mvcc: required revision is a future revision",
  },
  KV_NO_SPACE: { grpc: grpcCode.resourceExhausted, text: "etcdserver: mvcc: database space exceeded" },
  KV_LEASE_NOT_FOUND: { grpc: grpcCode.notFound, text: "etcdserver: requested lease not found" },
  KV_LEASE_EXIST: { grpc: grpcCode.failedPrecondition, text: "etcdserver: lease already exists" },
  KV_LEASE_TTL_TOO_LARGE: { grpc: grpcCode.outOfRange, text: "etcdserver: too large lease TTL" },
  KV_WATCH_CANCELED: { grpc: grpcCode.canceled, text: "etcdserver: watch canceled" },
  KV_MEMBER_EXIST: { grpc: grpcCode.failedPrecondition, text: "etcdserver: member ID already exist" },
  KV_PEER_URL_EXIST: { grpc: grpcCode.failedPrecondition, text: "etcdserver: Peer URLs already exists" },
  KV_MEMBER_NOT_ENOUGH_STARTED: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: re-configuration failed due to not enough started members",
  },
  KV_MEMBER_BAD_URLS: { grpc: grpcCode.invalidArgument, text: "etcdserver: given member URLs are invalid" },
  KV_MEMBER_NOT_FOUND: { grpc: grpcCode.notFound, text: "etcdserver: member not found" },
  KV_MEMBER_NOT_LEARNER: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: can only promote a learner member",
  },
  KV_LEARNER_NOT_READY: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: can only promote a learner member which is in sync with leader",
  },
  KV_TOO_MANY_LEARNERS: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: too many learner members in cluster",
  },
  KV_CLUSTER_ID_MISMATCH: { grpc: grpcCode.failedPrecondition, text: "etcdserver: cluster ID mismatch" },
  KV_REQUEST_TOO_LARGE: { grpc: grpcCode.invalidArgument, text: "etcdserver: request is too large" },
  KV_REQUEST_TOO_MANY_REQUESTS: { grpc: grpcCode.resourceExhausted, text: "etcdserver: too many requests" },
  KV_ROOT_USER_NOT_EXIST: { grpc: grpcCode.failedPrecondition, text: "etcdserver: root user does not exist" },
  KV_ROOT_ROLE_NOT_EXIST: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: root user does not have root role",
  },
  KV_USER_ALREADY_EXIST: { grpc: grpcCode.failedPrecondition, text: "etcdserver: user name already exists" },
  KV_USER_EMPTY: { grpc: grpcCode.invalidArgument, text: "etcdserver: user name is empty" },
  KV_USER_NOT_FOUND: { grpc: grpcCode.failedPrecondition, text: "etcdserver: user name not found" },
  KV_ROLE_ALREADY_EXIST: { grpc: grpcCode.failedPrecondition, text: "etcdserver: role name already exists" },
  KV_ROLE_NOT_FOUND: { grpc: grpcCode.failedPrecondition, text: "etcdserver: role name not found" },
  KV_ROLE_EMPTY: { grpc: grpcCode.invalidArgument, text: "etcdserver: role name is empty" },
  KV_AUTH_FAILED: {
    grpc: grpcCode.invalidArgument,
    text: "etcdserver: authentication failed, invalid user ID or password",
  },
  KV_PERMISSION_NOT_GIVEN: { grpc: grpcCode.invalidArgument, text: "etcdserver: permission not given" },
  KV_PERMISSION_DENIED: { grpc: grpcCode.permissionDenied, text: "etcdserver: permission denied" },
  KV_ROLE_NOT_GRANTED: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: role is not granted to the user",
  },
  KV_PERMISSION_NOT_GRANTED: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: permission is not granted to the role",
  },
  KV_AUTH_NOT_ENABLED: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: authentication is not enabled",
  },
  KV_INVALID_AUTH_TOKEN: { grpc: grpcCode.unauthenticated, text: "etcdserver: invalid auth token" },
  KV_INVALID_AUTH_MGMT: { grpc: grpcCode.invalidArgument, text: "etcdserver: invalid auth management" },
  KV_AUTH_OLD_REVISION: { grpc: grpcCode.invalidArgument, text: "etcdserver: revision of auth store is old" },
  KV_NO_LEADER: { grpc: grpcCode.unavailable, text: "etcdserver: no leader" },
  KV_NOT_LEADER: { grpc: grpcCode.failedPrecondition, text: "etcdserver: not leader" },
  KV_LEADER_CHANGED: { grpc: grpcCode.unavailable, text: "etcdserver: leader changed" },
  KV_NOT_CAPABLE: { grpc: grpcCode.failedPrecondition, text: "etcdserver: not capable" },
  KV_STOPPED: { grpc: grpcCode.unavailable, text: "etcdserver: server stopped" },
  KV_TIMEOUT: { grpc: grpcCode.unavailable, text: "etcdserver: request timed out" },
  KV_TIMEOUT_DUE_TO_LEADER_FAIL: {
    grpc: grpcCode.unavailable,
    text: "etcdserver: request timed out, possibly due to previous leader failure",
  },
  KV_TIMEOUT_DUE_TO_CONNECTION_LOST: {
    grpc: grpcCode.unavailable,
    text: "etcdserver: request timed out, possibly due to connection lost",
  },
  KV_TIMEOUT_WAIT_APPLIED_INDEX: {
    grpc: grpcCode.unavailable,
    text: "etcdserver: request timed out, waiting for the applied index took too long",
  },
  KV_UNHEALTHY: { grpc: grpcCode.unavailable, text: "etcdserver: unhealthy cluster" },
  KV_CORRUPT: { grpc: grpcCode.dataLoss, text: "etcdserver: corrupt cluster" },
  KV_NOT_SUPPORTED_FOR_LEARNER: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: rpc not supported for learner",
  },
  KV_BAD_LEADER_TRANSFEREE: { grpc: grpcCode.failedPrecondition, text: "etcdserver: bad leader transferee" },
  KV_WRONG_DOWNGRADE_VERSION_FORMAT: {
    grpc: grpcCode.invalidArgument,
    text: "etcdserver: wrong downgrade target version format",
  },
  KV_INVALID_DOWNGRADE_TARGET_VERSION: {
    grpc: grpcCode.invalidArgument,
    text: "etcdserver: invalid downgrade target version",
  },
  KV_CLUSTER_VERSION_UNAVAILABLE: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: cluster version not found during downgrade",
  },
  KV_DOWNGRADE_IN_PROCESS: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: cluster has a downgrade job in progress",
  },
  KV_NO_INFLIGHT_DOWNGRADE: {
    grpc: grpcCode.failedPrecondition,
    text: "etcdserver: no inflight downgrade job",
  },
  KV_CANCELED: { grpc: grpcCode.canceled, text: "etcdserver: request canceled" },
  KV_DEADLINE_EXCEEDED: { grpc: grpcCode.deadlineExceeded, text: "etcdserver: context deadline exceeded" },
};

/**
 * A refusal of etcd's API as something to throw; `message` is etcd's text.
 *
 * @example
 * ```ts
 * import { KvError } from "@quorate/kv";
 * const error = new KvError("KV_COMPACTED");
 * error.grpc; // 11
 * error.message; // "etcdserver: mvcc: required revision has been compacted"
 * ```
 */
export class KvError extends Error {
  override readonly name = "KvError";
  readonly code: KvErrorCode;
  readonly grpc: GrpcCode;

  constructor(code: KvErrorCode) {
    super(kvErrors[code].text);
    this.code = code;
    this.grpc = kvErrors[code].grpc;
  }
}

/**
 * A command or an image that a newer version wrote. Going on would make this member's state differ from the others', so
 * nobody catches it: the host stops and the operator upgrades.
 */
export class UnsupportedFormat extends Error {
  override readonly name = "UnsupportedFormat";
}
