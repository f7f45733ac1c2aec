/**
 * Every method, every field of its request, every kind of caller. The methods and fields come from the descriptors of the
 * .proto files, the rights from the rows below: a method or a field without a row fails, and so does a row for what there is
 * not. Whoever lacks any single right of those that are needed, and has all others there are, is refused.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { methodKinds } from "@quorate/etcd";
import {
  Auth,
  Cluster,
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  Election,
  fromBinary,
  Health,
  KV,
  Lease,
  Lock,
  Maintenance,
  toBinary,
  Watch,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { GuardedMember, type Right } from "./auth-fixture.ts";
import { FakeStream, text } from "./fixture.ts";

type Init = Readonly<Record<string, unknown>>;

/** Who may call, beside what the keys need. */
type Rule = "public" | "anybody" | "user" | "root";

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

interface MessageRow {
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
const lease = 9n;

const rules: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
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

const messages: Readonly<Record<string, MessageRow>> = {
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

/** One request: which field it is about, and what it needs. */
interface Case {
  readonly path: string;
  readonly init: Init;
  readonly needs: readonly Right[];
  readonly rule: Rule | null;
}

const usedRows = new Set<string>();

function rowOf(method: DescMethod, desc: DescMessage): MessageRow {
  const names = [`${method.name}:${desc.typeName}`, desc.typeName];
  const name = names.find((one) => messages[one] !== undefined);
  assert.ok(name !== undefined, `no row for ${desc.typeName}, which ${method.name} takes`);
  usedRows.add(name);
  return messages[name] as MessageRow;
}

/** A message with a field set, also one of several that exclude each other. */
function withField(base: Init, field: DescField, value: unknown): Init {
  const held = field.fieldKind === "list" ? [value] : value;
  return field.oneof === undefined
    ? { ...base, [field.localName]: held }
    : { ...base, [field.oneof.localName]: { case: field.localName, value: held } };
}

function innerMessage(field: DescField): DescMessage | null {
  return (field.fieldKind === "message" || field.fieldKind === "list") && field.message !== undefined
    ? field.message
    : null;
}

/** Transactions within transactions are looked into once. */
const nestingMax = 2;

function casesOf(method: DescMethod, desc: DescMessage, nesting = 0): Case[] {
  const row = rowOf(method, desc);
  const needs = row.needs ?? [];
  const cases: Case[] = [{ path: "", init: row.base, needs, rule: null }];
  const known = new Set(Object.keys(row.fields));
  for (const field of desc.fields) {
    const inner = innerMessage(field);
    if (inner !== null) {
      const deeper = inner.typeName === "etcdserverpb.TxnRequest" ? nesting + 1 : nesting;
      for (const one of deeper < nestingMax ? casesOf(method, inner, deeper) : []) {
        const init = withField(row.base, field, one.init);
        // What stood there needs nothing any more.
        const others = field.localName in row.base ? [] : needs;
        cases.push({ ...one, path: `${field.name}.${one.path}`, init, needs: [...others, ...one.needs] });
      }
      continue;
    }
    const fieldRow = row.fields[field.name];
    assert.ok(fieldRow !== undefined, `no row for the field ${desc.typeName}.${field.name}`);
    known.delete(field.name);
    cases.push({
      path: field.name,
      init: withField({ ...row.base, ...fieldRow.also }, field, fieldRow.value),
      needs: fieldRow.instead ?? [...needs, ...(fieldRow.adds ?? [])],
      rule: fieldRow.rule ?? null,
    });
  }
  assert.deepEqual([...known], [], `rows for fields that ${desc.typeName} has not`);
  return cases;
}

const cancel = { cancel: () => {} };
const ports = {
  createDigest: () => ({ update: () => {}, digest: () => new Uint8Array(32) }),
  reconfiguration: {
    confIndex: 1,
    newMemberId: () => 1,
    change: () => cancel,
    connectedSinceMs: () => null,
    progress: () => null,
    moveLeader: () => cancel,
  },
};

/** All rights there are, but this one. */
function allBut({ access, key, rangeEnd = "" }: Right): Right[] {
  const other = access === "read" ? "write" : "read";
  const after = rangeEnd === "" ? `${key}\0` : rangeEnd;
  return [
    { access: other, key: "\0", rangeEnd: "\0" },
    { access, key: "\0", rangeEnd: key },
    { access, key: after, rangeEnd: "\0" },
  ];
}

/** The rights whose want must lead to a refusal: each one, and of those to a range also all of it but its first key. */
function indispensable(needs: readonly Right[]): Right[] {
  const tails = needs.filter(({ rangeEnd = "" }) => rangeEnd !== "");
  return [...needs, ...tails.map((right) => ({ ...right, key: `${right.key}\0` }))];
}

/** A member with the keys, leases and users of the rows; its leader decides about leases. */
function preparedMember(needs: readonly Right[]): GuardedMember {
  const member = new GuardedMember(ports);
  const self = { name: "m", peerUrls: ["http://127.0.0.1:7"], clientUrls: [], isLearner: false };
  member.members = [{ ...self, id: member.status.memberId }];
  // So far ahead that no token is waited for.
  member.status = { ...member.status, leader: member.status.memberId, committed: 1000, applied: 1000 };
  const put = { type: "put", prevKv: false, ignoreValue: false, ignoreLease: false } as const;
  member.do({ ...put, key: text("k"), value: text("v"), lease: 0n });
  member.do({ ...put, key: text("k2"), value: text("v"), lease: 0n });
  member.do({ type: "lease-grant", id: lease, ttlSeconds: 60 });
  member.do({ type: "lease-grant", id: 8n, ttlSeconds: 60 });
  member.do({ ...put, key: text("leased"), value: text("v"), lease });
  member.addUser("exact", needs);
  member.addUser("none", []);
  member.addUser("spare", []);
  for (const [place, right] of indispensable(needs).entries()) {
    member.addUser(`without ${place}`, allBut(right));
  }
  member.api.tick(2000);
  return member;
}

const texts = {
  denied: "etcdserver: permission denied",
  empty: "etcdserver: user name is empty",
  token: "etcdserver: invalid auth token",
} as const;

type Expected = "allowed" | keyof typeof texts;

const statusNames: Readonly<Record<number, string>> = {
  3: "InvalidArgument",
  7: "PermissionDenied",
  16: "Unauthenticated",
};

/** What became of a call, as far as access control goes. */
function outcomeOf(
  member: GuardedMember,
  method: DescMethod,
  one: Case,
  metadata: Record<string, string>,
): Expected {
  const path = `/${method.parent.typeName}/${method.name}`;
  const handler = member.api.methods.get(path);
  const call = new FakeStream(path, metadata);
  const bytes = toBinary(method.input, create(method.input, one.init));
  if (handler?.kind === "bidi") {
    handler.handle(call);
    call.sendBytes(bytes);
  } else {
    handler?.handle(bytes, call);
  }
  member.runDeferred();
  const created = path === "/etcdserverpb.Watch/Watch" ? call.written[0] : undefined;
  const reason = created === undefined ? "" : fromBinary(WatchResponseSchema, created).cancelReason;
  const message = call.failure?.message ?? reason.replace(/^rpc error: code = \w+ desc = /, "");
  const known = (["denied", "empty", "token"] as const).find((name) => texts[name] === message);
  if (known !== undefined) {
    const codes = { denied: 7, empty: 3, token: 16 } as const;
    if (reason === "") {
      assert.equal(call.failure?.code, codes[known]);
    } else {
      assert.equal(reason, `rpc error: code = ${statusNames[codes[known]]} desc = ${texts[known]}`);
    }
    return known;
  }
  assert.notEqual(message, "etcdserver: revision of auth store is old");
  return "allowed";
}

function expectedOf(rule: Rule, needs: readonly Right[], who: string): Expected {
  if (who === "off" || who === "root") {
    return "allowed";
  }
  if (who === "stale") {
    return rule === "public" && needs.length === 0 ? "allowed" : "token";
  }
  if (who === "anonymous") {
    return (rule === "public" || rule === "anybody") && needs.length === 0 ? "allowed" : "empty";
  }
  if (rule === "root") {
    return "denied";
  }
  return who === "exact" || needs.length === 0 ? "allowed" : "denied";
}

function runCase(method: DescMethod, rule: Rule, one: Case): number {
  const lacking = indispensable(one.needs).map((_, place) => `without ${place}`);
  const callers = ["root", "exact", "none", "anonymous", "stale", "off", ...lacking];
  for (const who of callers) {
    const member = preparedMember(one.needs);
    let metadata: Record<string, string> = {};
    if (who !== "off") {
      member.enable();
      if (who === "stale") {
        metadata = member.login("exact");
        // Whose password changes has no token any more.
        const { token } = member.login("root");
        const changed = member.callBytes(
          "/etcdserverpb.Auth/UserChangePassword",
          Uint8Array.from([0x0a, 5, ...text("exact"), 0x12, 1, 0x78]),
          { token },
        );
        assert.equal(changed.failure, null);
      } else if (who !== "anonymous") {
        metadata = member.login(who);
      }
    }
    const expected = expectedOf(rule, one.needs, who);
    assert.equal(outcomeOf(member, method, one, metadata), expected, `${method.name} ${one.path} by ${who}`);
  }
  return callers.length;
}

const services = [KV, Watch, Lease, Cluster, Maintenance, Auth, Lock, Election, Health];

test("the rows name every method there is, and no other", () => {
  const described = services.flatMap((service) =>
    service.methods.map((method) => `/${service.typeName}/${method.name}`),
  );
  assert.deepEqual(described.toSorted(), [...methodKinds.keys()].toSorted());
  const ruled = services.flatMap((service) =>
    Object.keys(rules[service.name] ?? {}).map((name) => `/${service.typeName}/${name}`),
  );
  assert.deepEqual(ruled.toSorted(), described.toSorted());
});

for (const service of services) {
  for (const method of service.methods) {
    const rule = rules[service.name]?.[method.name];
    test(`${service.typeName}/${method.name}: each field, for each caller`, () => {
      assert.ok(rule !== undefined, "a method without a rule");
      let checked = 0;
      for (const one of casesOf(method, method.input)) {
        checked += runCase(method, one.rule ?? rule, one);
      }
      assert.ok(checked >= 6);
    });
  }
}

test("no row is left over", () => {
  assert.deepEqual(
    Object.keys(messages).filter((name) => !usedRows.has(name)),
    [],
  );
});
