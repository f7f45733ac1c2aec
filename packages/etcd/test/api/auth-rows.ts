/** What each method, and each field of its request, asks of its caller: the expectations of the matrix, written by hand. */
import type { Right } from "./auth-fixture.ts";
import { text } from "./fixture.ts";

/** Fields of a request. */
export type Init = Readonly<Record<string, unknown>>;

/** Who may call, beside what the keys need. */
export type Rule = "public" | "anybody" | "user" | "root";

/** A field, set to something else than in the request that works. */
interface FieldRow {
  readonly value: unknown;
  /** Fields that must change with it. */
  readonly also?: Init;
  readonly rule?: Rule;
  /** Rights needed beside those of the message. */
  readonly adds?: readonly Right[];
  /** Rights needed in the place of those of the message. */
  readonly instead?: readonly Right[];
}

/** A message and its fields. */
export interface MessageRow {
  /** A request that works. */
  readonly base: Init;
  readonly needs?: readonly Right[];
  /** By proto name; fields that are messages have rows of their own. */
  readonly fields: Readonly<Record<string, FieldRow>>;
}

const read = (key: string, rangeEnd = ""): Right => ({ access: "read", key, rangeEnd });
const write = (key: string, rangeEnd = ""): Right => ({ access: "write", key, rangeEnd });
const any = (value: unknown): FieldRow => ({ value });
const plain = (values: Init): Readonly<Record<string, FieldRow>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, any(value)]));

/** The lease that has the key `leased`. */
export const lease = 9n;

/** Who may call each method. */
export const rules: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  KV: { Range: "user", RangeStream: "user", Put: "user", DeleteRange: "user", Txn: "user", Compact: "root" },
  Watch: { Watch: "public" },
  Lease: {
    LeaseGrant: "user",
    LeaseRevoke: "user",
    LeaseKeepAlive: "user",
    LeaseTimeToLive: "user",
    LeaseLeases: "user",
  },
  Cluster: {
    MemberAdd: "root",
    MemberRemove: "root",
    MemberUpdate: "root",
    MemberList: "user",
    MemberPromote: "root",
  },
  Maintenance: {
    Alarm: "user",
    Status: "user",
    Defragment: "root",
    Hash: "root",
    HashKV: "root",
    Snapshot: "root",
    MoveLeader: "root",
    Downgrade: "root",
  },
  Auth: {
    AuthEnable: "root",
    AuthDisable: "root",
    AuthStatus: "anybody",
    Authenticate: "public",
    UserAdd: "root",
    UserGet: "root",
    UserList: "root",
    UserDelete: "root",
    UserChangePassword: "root",
    UserGrantRole: "root",
    UserRevokeRole: "root",
    RoleAdd: "root",
    RoleGet: "root",
    RoleList: "root",
    RoleDelete: "root",
    RoleGrantPermission: "root",
    RoleRevokePermission: "root",
  },
  Lock: { Lock: "user", Unlock: "user" },
  Election: { Campaign: "user", Proclaim: "user", Leader: "user", Observe: "user", Resign: "user" },
  Health: { Check: "public", Watch: "public" },
};

/** Rights to everything under a name, where locks and elections have their keys. */
const below = (name: string): Right[] => [read(`${name}/`, `${name}0`), write(`${name}/`, `${name}0`)];

const leaderKey: MessageRow = {
  base: { name: text("n"), key: text("k"), rev: 2n },
  needs: [read("k"), write("k")],
  fields: {
    name: any(text("other")),
    key: { value: text("k2"), instead: [read("k2"), write("k2")] },
    rev: any(2n),
    lease: { value: lease, adds: [write("leased")] },
  },
};

const range: MessageRow = {
  base: { key: text("k") },
  needs: [read("k")],
  fields: {
    ...plain({ limit: 1n, revision: 2n, sort_order: 2, sort_target: 4, keys_only: true, count_only: true }),
    ...plain({ min_mod_revision: 1n, max_mod_revision: 9n, min_create_revision: 1n }),
    ...plain({ max_create_revision: 9n, serializable: true }),
    key: { value: text("k2"), instead: [read("k2")] },
    range_end: { value: text("m"), instead: [read("k", "m")] },
  },
};

/** Every request, by the name of its message. */
export const messages: Readonly<Record<string, MessageRow>> = {
  "etcdserverpb.RangeRequest": range,
  // What a stream does not serve it refuses before it asks for rights.
  "RangeStream:etcdserverpb.RangeRequest": {
    ...range,
    fields: {
      ...range.fields,
      ...plain({ sort_order: 1, sort_target: 0, min_mod_revision: 0n, max_mod_revision: 0n }),
      ...plain({ min_create_revision: 0n, max_create_revision: 0n }),
    },
  },
  "etcdserverpb.PutRequest": {
    base: { key: text("k"), value: text("v") },
    needs: [write("k")],
    fields: {
      key: { value: text("k2"), instead: [write("k2")] },
      value: any(text("w")),
      lease: { value: lease, adds: [write("leased")] },
      prev_kv: { value: true, adds: [read("k")] },
      ignore_value: { value: true, also: { value: text("") } },
      ignore_lease: any(true),
    },
  },
  "etcdserverpb.DeleteRangeRequest": {
    base: { key: text("k") },
    needs: [write("k")],
    fields: {
      key: { value: text("k2"), instead: [write("k2")] },
      range_end: { value: text("m"), instead: [write("k", "m")] },
      prev_kv: { value: true, adds: [read("k")] },
    },
  },
  "etcdserverpb.Compare": {
    base: { key: text("k"), targetUnion: { case: "version", value: 1n } },
    needs: [read("k")],
    fields: {
      ...plain({ result: 3, target: 4, version: 0n, create_revision: 0n, mod_revision: 0n, lease: 1n }),
      value: any(text("v")),
      key: { value: text("k2"), instead: [read("k2")] },
      range_end: { value: text("m"), instead: [read("k", "m")] },
    },
  },
  "etcdserverpb.RequestOp": { base: {}, fields: {} },
  "etcdserverpb.TxnRequest": { base: {}, fields: {} },
  "etcdserverpb.CompactionRequest": {
    base: { revision: 2n },
    fields: plain({ revision: 3n, physical: true }),
  },
  "etcdserverpb.WatchRequest": { base: {}, fields: {} },
  "etcdserverpb.WatchCreateRequest": {
    base: { key: text("k") },
    needs: [read("k")],
    fields: {
      key: { value: text("k2"), instead: [read("k2")] },
      range_end: { value: text("m"), instead: [read("k", "m")] },
      ...plain({ start_revision: 2n, progress_notify: true, filters: 1, prev_kv: true, watch_id: 7n }),
      fragment: any(true),
    },
  },
  "etcdserverpb.WatchCancelRequest": { base: {}, fields: plain({ watch_id: 7n }) },
  "etcdserverpb.WatchProgressRequest": { base: {}, fields: {} },
  "etcdserverpb.LeaseGrantRequest": { base: { TTL: 60n }, fields: plain({ TTL: 9n, ID: 77n }) },
  "etcdserverpb.LeaseRevokeRequest": {
    base: { ID: lease },
    needs: [write("leased")],
    fields: { ID: { value: 8n, instead: [] } },
  },
  "etcdserverpb.LeaseKeepAliveRequest": {
    base: { ID: lease },
    needs: [write("leased")],
    fields: { ID: { value: 8n, instead: [] } },
  },
  "etcdserverpb.LeaseTimeToLiveRequest": {
    base: { ID: lease },
    fields: { ID: any(8n), keys: { value: true, adds: [read("leased")] } },
  },
  "etcdserverpb.LeaseLeasesRequest": { base: {}, needs: [read("leased")], fields: {} },
  "etcdserverpb.MemberAddRequest": {
    base: { peerURLs: ["http://127.0.0.1:1"] },
    fields: plain({ peerURLs: "http://127.0.0.1:2", isLearner: true }),
  },
  "etcdserverpb.MemberRemoveRequest": { base: { ID: 1n }, fields: plain({ ID: 2n }) },
  "etcdserverpb.MemberUpdateRequest": {
    base: { ID: 1n, peerURLs: ["http://127.0.0.1:1"] },
    fields: plain({ ID: 2n, peerURLs: "http://127.0.0.1:2" }),
  },
  "etcdserverpb.MemberListRequest": { base: {}, fields: plain({ linearizable: true }) },
  "etcdserverpb.MemberPromoteRequest": { base: { ID: 1n }, fields: plain({ ID: 2n }) },
  "etcdserverpb.AlarmRequest": {
    base: {},
    fields: { action: { value: 2, rule: "root" }, memberID: any(1n), alarm: any(1) },
  },
  "etcdserverpb.StatusRequest": { base: {}, fields: {} },
  "etcdserverpb.DefragmentRequest": { base: {}, fields: {} },
  "etcdserverpb.HashRequest": { base: {}, fields: {} },
  "etcdserverpb.HashKVRequest": { base: {}, fields: plain({ revision: 2n }) },
  "etcdserverpb.SnapshotRequest": { base: {}, fields: {} },
  "etcdserverpb.MoveLeaderRequest": { base: { targetID: 1n }, fields: plain({ targetID: 2n }) },
  "etcdserverpb.DowngradeRequest": { base: { version: "3.6" }, fields: plain({ action: 2, version: "3.5" }) },
  "etcdserverpb.AuthEnableRequest": { base: {}, fields: {} },
  "etcdserverpb.AuthDisableRequest": { base: {}, fields: {} },
  "etcdserverpb.AuthStatusRequest": { base: {}, fields: {} },
  "etcdserverpb.AuthenticateRequest": {
    base: { name: "exact", password: "exact" },
    fields: plain({ name: "nobody", password: "wrong" }),
  },
  "etcdserverpb.AuthUserAddRequest": {
    base: { name: "new", password: "pw" },
    fields: plain({ name: "newer", password: "other", hashedPassword: "aGFzaA==" }),
  },
  "authpb.UserAddOptions": { base: {}, fields: plain({ no_password: true }) },
  "etcdserverpb.AuthUserGetRequest": { base: { name: "root" }, fields: plain({ name: "spare" }) },
  "etcdserverpb.AuthUserListRequest": { base: {}, fields: {} },
  "etcdserverpb.AuthUserDeleteRequest": { base: { name: "spare" }, fields: plain({ name: "nobody" }) },
  "etcdserverpb.AuthUserChangePasswordRequest": {
    base: { name: "spare", password: "pw" },
    fields: plain({ name: "nobody", password: "other", hashedPassword: "aGFzaA==" }),
  },
  "etcdserverpb.AuthUserGrantRoleRequest": {
    base: { user: "spare", role: "of root" },
    fields: plain({ user: "nobody", role: "root" }),
  },
  "etcdserverpb.AuthUserRevokeRoleRequest": {
    base: { name: "spare", role: "of spare" },
    fields: plain({ name: "nobody", role: "root" }),
  },
  "etcdserverpb.AuthRoleAddRequest": { base: { name: "new" }, fields: plain({ name: "newer" }) },
  "etcdserverpb.AuthRoleGetRequest": { base: { role: "of spare" }, fields: plain({ role: "root" }) },
  "etcdserverpb.AuthRoleListRequest": { base: {}, fields: {} },
  "etcdserverpb.AuthRoleDeleteRequest": { base: { role: "of spare" }, fields: plain({ role: "nothing" }) },
  "etcdserverpb.AuthRoleGrantPermissionRequest": { base: { name: "of spare" }, fields: plain({ name: "x" }) },
  "authpb.Permission": {
    base: { key: text("k") },
    fields: plain({ permType: 1, key: text("k2"), range_end: text("m") }),
  },
  "etcdserverpb.AuthRoleRevokePermissionRequest": {
    base: { role: "of spare", key: text("k") },
    fields: plain({ role: "x", key: text("k2"), range_end: text("m") }),
  },
  "v3lockpb.LockRequest": {
    base: { name: text("n") },
    needs: below("n"),
    fields: {
      name: { value: text("o"), instead: below("o") },
      lease: { value: lease, adds: [write("leased")] },
    },
  },
  "v3lockpb.UnlockRequest": {
    base: { key: text("k") },
    needs: [write("k")],
    fields: { key: { value: text("k2"), instead: [write("k2")] } },
  },
  "v3electionpb.CampaignRequest": {
    base: { name: text("n"), value: text("v") },
    needs: below("n"),
    fields: {
      name: { value: text("o"), instead: below("o") },
      lease: { value: lease, adds: [write("leased")] },
      value: any(text("w")),
    },
  },
  "v3electionpb.ProclaimRequest": {
    base: { leader: leaderKey.base },
    needs: [read("k"), write("k")],
    fields: plain({ value: text("w") }),
  },
  "v3electionpb.ResignRequest": {
    base: { leader: leaderKey.base },
    needs: [read("k"), write("k")],
    fields: {},
  },
  "v3electionpb.LeaderKey": leaderKey,
  // A resignation attaches nothing to a lease.
  "Resign:v3electionpb.LeaderKey": {
    ...leaderKey,
    fields: { ...leaderKey.fields, lease: any(lease) },
  },
  "v3electionpb.LeaderRequest": {
    base: { name: text("n") },
    needs: [read("n/", "n0")],
    fields: { name: { value: text("o"), instead: [read("o/", "o0")] } },
  },
  "grpc.health.v1.HealthCheckRequest": { base: {}, fields: plain({ service: "etcdserverpb.KV" }) },
};
