/**
 * What each method asks of its caller while access control is on. A method without a line here cannot be served: the API
 * does not start. Methods on keys ask for a user here; what that user may do with the keys is asked where they are read or
 * written.
 */

/**
 * - `public`: whoever calls is not looked at.
 * - `each`: asked for with each message of the stream.
 * - `anybody`: no token is fine, a bad one is not.
 * - `user`: some user.
 * - `root`: a user with the role of root.
 */
export type AuthRule = "public" | "each" | "anybody" | "user" | "root";

const methods: { readonly [service: string]: { readonly [method: string]: AuthRule } } = {
  "etcdserverpb.KV": {
    Range: "user",
    RangeStream: "user",
    Put: "user",
    DeleteRange: "user",
    Txn: "user",
    Compact: "root",
  },
  "etcdserverpb.Watch": { Watch: "each" },
  "etcdserverpb.Lease": {
    LeaseGrant: "user",
    LeaseRevoke: "user",
    LeaseKeepAlive: "each",
    LeaseTimeToLive: "user",
    LeaseLeases: "user",
  },
  "etcdserverpb.Cluster": {
    MemberAdd: "root",
    MemberRemove: "root",
    MemberUpdate: "root",
    MemberList: "user",
    MemberPromote: "root",
  },
  "etcdserverpb.Maintenance": {
    // To raise one or take one back is root's; the service asks for it.
    Alarm: "user",
    Status: "user",
    Defragment: "root",
    Hash: "root",
    HashKV: "root",
    Snapshot: "root",
    MoveLeader: "root",
    Downgrade: "root",
  },
  "etcdserverpb.Auth": {
    AuthEnable: "root",
    AuthDisable: "root",
    AuthStatus: "anybody",
    Authenticate: "public",
    UserAdd: "root",
    // Everybody may look at itself, and at its roles; the service asks for more.
    UserGet: "user",
    UserList: "root",
    UserDelete: "root",
    UserChangePassword: "root",
    UserGrantRole: "root",
    UserRevokeRole: "root",
    RoleAdd: "root",
    RoleGet: "user",
    RoleList: "root",
    RoleDelete: "root",
    RoleGrantPermission: "root",
    RoleRevokePermission: "root",
  },
  "v3lockpb.Lock": { Lock: "user", Unlock: "user" },
  "v3electionpb.Election": {
    Campaign: "user",
    Proclaim: "user",
    Leader: "user",
    Observe: "user",
    Resign: "user",
  },
  "grpc.health.v1.Health": { Check: "public", Watch: "public" },
};

/** The rule of each method by its full path. */
export const authRules: ReadonlyMap<string, AuthRule> = new Map(
  // ORDER: names of services are not like integers.
  Object.entries(methods).flatMap(([service, rules]) =>
    // ORDER: nor are those of methods.
    Object.entries(rules).map(([method, rule]) => [`/${service}/${method}`, rule] as const),
  ),
);
