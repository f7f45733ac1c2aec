/** ETCD: where the gateway serves which method. Everything else below /v3/ is not found. */
import type { DescMessage, DescService } from "@bufbuild/protobuf";
import { Auth, Cluster, Election, KV, Lease, Lock, Maintenance, Watch } from "@quorate/etcd/messages";

/** One method behind a path. */
export interface Route {
  /** As gRPC has it. */
  readonly method: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly kind: "unary" | "server_streaming" | "bidi_streaming" | "client_streaming";
}

/** Paths below /v3 by service and method; several where old ones are served on. */
const paths: readonly (readonly [DescService, Readonly<Record<string, readonly string[]>>])[] = [
  [
    KV,
    {
      Range: ["kv/range"],
      Put: ["kv/put"],
      DeleteRange: ["kv/deleterange"],
      Txn: ["kv/txn"],
      Compact: ["kv/compaction"],
    },
  ],
  [Watch, { Watch: ["watch"] }],
  [
    Lease,
    {
      LeaseGrant: ["lease/grant"],
      LeaseRevoke: ["lease/revoke", "kv/lease/revoke"],
      LeaseKeepAlive: ["lease/keepalive"],
      LeaseTimeToLive: ["lease/timetolive", "kv/lease/timetolive"],
      LeaseLeases: ["lease/leases", "kv/lease/leases"],
    },
  ],
  [
    Cluster,
    {
      MemberAdd: ["cluster/member/add"],
      MemberRemove: ["cluster/member/remove"],
      MemberUpdate: ["cluster/member/update"],
      MemberList: ["cluster/member/list"],
      MemberPromote: ["cluster/member/promote"],
    },
  ],
  [
    Maintenance,
    {
      Alarm: ["maintenance/alarm"],
      Status: ["maintenance/status"],
      Defragment: ["maintenance/defragment"],
      Hash: ["maintenance/hash"],
      HashKV: ["maintenance/hashkv"],
      Snapshot: ["maintenance/snapshot"],
      MoveLeader: ["maintenance/transfer-leadership"],
      Downgrade: ["maintenance/downgrade"],
    },
  ],
  [
    Auth,
    {
      AuthEnable: ["auth/enable"],
      AuthDisable: ["auth/disable"],
      AuthStatus: ["auth/status"],
      Authenticate: ["auth/authenticate"],
      UserAdd: ["auth/user/add"],
      UserGet: ["auth/user/get"],
      UserList: ["auth/user/list"],
      UserDelete: ["auth/user/delete"],
      UserChangePassword: ["auth/user/changepw"],
      UserGrantRole: ["auth/user/grant"],
      UserRevokeRole: ["auth/user/revoke"],
      RoleAdd: ["auth/role/add"],
      RoleGet: ["auth/role/get"],
      RoleList: ["auth/role/list"],
      RoleDelete: ["auth/role/delete"],
      RoleGrantPermission: ["auth/role/grant"],
      RoleRevokePermission: ["auth/role/revoke"],
    },
  ],
  [Lock, { Lock: ["lock/lock"], Unlock: ["lock/unlock"] }],
  [
    Election,
    {
      Campaign: ["election/campaign"],
      Proclaim: ["election/proclaim"],
      Leader: ["election/leader"],
      Observe: ["election/observe"],
      Resign: ["election/resign"],
    },
  ],
];

function buildRoutes(): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const [service, methods] of paths) {
    for (const { input, methodKind: kind, name, output } of service.methods) {
      for (const path of methods[name] ?? []) {
        routes.set(`/v3/${path}`, { method: `/${service.typeName}/${name}`, input, output, kind });
      }
    }
  }
  return routes;
}

/** Routes by their whole path. */
export const routes: ReadonlyMap<string, Route> = buildRoutes();
