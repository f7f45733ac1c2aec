/** Every method of every service that etcd's clients know, with the kind of call it is. */

/** How messages flow. */
export type MethodKind = "unary" | "server-stream" | "bidi";

const authMethods = [
  "AuthEnable",
  "AuthDisable",
  "AuthStatus",
  "Authenticate",
  "UserAdd",
  "UserGet",
  "UserList",
  "UserDelete",
  "UserChangePassword",
  "UserGrantRole",
  "UserRevokeRole",
  "RoleAdd",
  "RoleGet",
  "RoleList",
  "RoleDelete",
  "RoleGrantPermission",
  "RoleRevokePermission",
] as const;

const unaryMethods: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["etcdserverpb.KV", ["Range", "Put", "DeleteRange", "Txn", "Compact"]],
  ["etcdserverpb.Lease", ["LeaseGrant", "LeaseRevoke", "LeaseTimeToLive", "LeaseLeases"]],
  ["etcdserverpb.Cluster", ["MemberAdd", "MemberRemove", "MemberUpdate", "MemberList", "MemberPromote"]],
  [
    "etcdserverpb.Maintenance",
    ["Alarm", "Status", "Defragment", "Hash", "HashKV", "MoveLeader", "Downgrade"],
  ],
  ["etcdserverpb.Auth", authMethods],
  ["v3lockpb.Lock", ["Lock", "Unlock"]],
  ["v3electionpb.Election", ["Campaign", "Proclaim", "Leader", "Resign"]],
  ["grpc.health.v1.Health", ["Check"]],
]);

const streamMethods: readonly (readonly [string, MethodKind])[] = [
  ["/etcdserverpb.KV/RangeStream", "server-stream"],
  ["/etcdserverpb.Watch/Watch", "bidi"],
  ["/etcdserverpb.Lease/LeaseKeepAlive", "bidi"],
  ["/etcdserverpb.Maintenance/Snapshot", "server-stream"],
  ["/v3electionpb.Election/Observe", "server-stream"],
  ["/grpc.health.v1.Health/Watch", "server-stream"],
];

function buildTable(): ReadonlyMap<string, MethodKind> {
  const table = new Map<string, MethodKind>(streamMethods);
  for (const [service, methods] of unaryMethods) {
    for (const method of methods) {
      table.set(`/${service}/${method}`, "unary");
    }
  }
  return table;
}

/** Kind of each method by its full path, `/package.Service/Method`. */
export const methodKinds: ReadonlyMap<string, MethodKind> = buildTable();
