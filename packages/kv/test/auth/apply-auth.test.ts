/** Changes of users, roles and rights: etcd's rules and errors, what counts the revision up, whose tokens end. */
import assert from "node:assert/strict";
import test from "node:test";
import type { AuthAccess, AuthAction, KvErrorCode, KvObserver } from "@quorate/kv";
import { bytes, Driver, put } from "../support/requests.ts";

/** A driver that changes access control as the server itself, so that only the rules of the change count. */
class Admin extends Driver {
  readonly told: string[] = [];

  constructor() {
    super();
    const nothing = (): void => {};
    const observer: KvObserver = {
      revised: nothing,
      forgetting: nothing,
      leaseSet: nothing,
      leaseRemoved: nothing,
      restored: nothing,
      tokenIssued: (token, user) => this.told.push(`${user} has ${token}`),
      tokensRevoked: (user) => this.told.push(`${user ?? "everybody"} lost it`),
    };
    this.machine.observe(observer);
  }

  /** Null, or why it was refused. */
  try(action: AuthAction): KvErrorCode | null {
    const result = this.applyAs({ kind: "server" }, { type: "auth", ...action });
    return result.type === "refused" ? result.code : null;
  }

  /** Must work, and must count. */
  do(action: AuthAction): void {
    const before = this.machine.auth.revision;
    assert.equal(this.try(action), null, JSON.stringify(action));
    assert.equal(this.machine.auth.revision, before + 1, JSON.stringify(action));
  }

  grant(role: string, access: AuthAccess, key: string, rangeEnd = ""): AuthAction {
    const permission = { access, key: bytes(key), rangeEnd: bytes(rangeEnd) };
    return { op: "role-grant-permission", role, permission };
  }

  /** Access control is on, with root, and with ana who has the role r. */
  static on(): Admin {
    const admin = new Admin();
    admin.do({ op: "user-add", user: "root", passwordHash: "root's" });
    admin.do({ op: "user-grant-role", user: "root", role: "root" });
    admin.do({ op: "user-add", user: "ana", passwordHash: "ana's" });
    admin.do({ op: "role-add", role: "r" });
    admin.do({ op: "user-grant-role", user: "ana", role: "r" });
    assert.equal(admin.try({ op: "enable" }), null);
    return admin;
  }
}

test("enabling needs a root user with the root role; it changes no rights", () => {
  const admin = new Admin();
  assert.equal(admin.try({ op: "enable" }), "KV_ROOT_USER_NOT_EXIST");
  admin.do({ op: "user-add", user: "root", passwordHash: null });
  assert.equal(admin.try({ op: "enable" }), "KV_ROOT_ROLE_NOT_EXIST");
  admin.do({ op: "user-grant-role", user: "root", role: "root" });
  const { revision } = admin.machine.auth;
  assert.equal(admin.try({ op: "enable" }), null);
  assert.equal(admin.machine.auth.enabled, true);
  assert.equal(admin.try({ op: "enable" }), null, "once more is fine");
  assert.equal(admin.machine.auth.revision, revision);
  admin.do({ op: "disable" });
  assert.equal(admin.machine.auth.enabled, false);
  assert.equal(admin.try({ op: "disable" }), null);
  assert.equal(admin.machine.auth.revision, revision + 1, "what was off stays as it is");
  assert.deepEqual(admin.told, ["everybody lost it"]);
});

test("users: etcd's refusals", () => {
  const admin = Admin.on();
  assert.equal(admin.try({ op: "user-add", user: "", passwordHash: null }), "KV_USER_EMPTY");
  assert.equal(admin.try({ op: "user-add", user: "ana", passwordHash: null }), "KV_USER_ALREADY_EXIST");
  for (const action of [
    { op: "user-delete", user: "nobody" },
    { op: "user-change-password", user: "nobody", passwordHash: "x" },
    { op: "user-grant-role", user: "nobody", role: "r" },
    { op: "user-revoke-role", user: "nobody", role: "r" },
  ] as const) {
    assert.equal(admin.try(action), "KV_USER_NOT_FOUND", action.op);
  }
  assert.equal(admin.try({ op: "user-grant-role", user: "ana", role: "none" }), "KV_ROLE_NOT_FOUND");
  assert.equal(admin.try({ op: "user-revoke-role", user: "ana", role: "none" }), "KV_ROLE_NOT_GRANTED");
  const { revision } = admin.machine.auth;
  assert.equal(admin.try({ op: "user-grant-role", user: "ana", role: "r" }), null, "twice is fine");
  assert.equal(admin.machine.auth.revision, revision, "and changes nothing");
});

test("root stays while access control is on", () => {
  const admin = Admin.on();
  admin.do({ op: "role-add", role: "root" });
  for (const action of [
    { op: "user-delete", user: "root" },
    { op: "user-revoke-role", user: "root", role: "root" },
    { op: "role-delete", role: "root" },
  ] as const) {
    assert.equal(admin.try(action), "KV_INVALID_AUTH_MGMT", action.op);
  }
  admin.do({ op: "disable" });
  admin.do({ op: "role-delete", role: "root" });
  assert.deepEqual(admin.machine.auth.user("root")?.roles, [], "who had it has it no more");
  admin.do({ op: "user-delete", user: "root" });
  assert.equal(admin.try({ op: "enable" }), "KV_ROOT_USER_NOT_EXIST");
});

test("roles and permissions: etcd's refusals, a grant of the same range replaces", () => {
  const admin = Admin.on();
  assert.equal(admin.try({ op: "role-add", role: "" }), "KV_ROLE_EMPTY");
  assert.equal(admin.try({ op: "role-add", role: "r" }), "KV_ROLE_ALREADY_EXIST");
  assert.equal(admin.try({ op: "role-delete", role: "none" }), "KV_ROLE_NOT_FOUND");
  assert.equal(admin.try(admin.grant("none", "read", "k")), "KV_ROLE_NOT_FOUND");
  for (const [key, end] of [
    ["", ""],
    ["", "\0"],
    ["b", "b"],
    ["b", "a"],
  ] as const) {
    assert.equal(admin.try(admin.grant("r", "read", key, end)), "KV_INVALID_AUTH_MGMT", `${key} ${end}`);
  }
  admin.do(admin.grant("r", "read", "k"));
  admin.do(admin.grant("r", "write", "k", "\0"));
  admin.do(admin.grant("r", "read-write", "k"));
  const listed = admin.machine.auth
    .role("r")
    ?.permissions.map(({ access, key, rangeEnd }) => [access, String(key), rangeEnd.length]);
  assert.deepEqual(listed, [
    ["read-write", String(bytes("k")), 0],
    ["write", String(bytes("k")), 1],
  ]);
  const range = { key: bytes("k"), rangeEnd: bytes("l") };
  assert.equal(admin.try({ op: "role-revoke-permission", role: "r", ...range }), "KV_PERMISSION_NOT_GRANTED");
  assert.equal(admin.try({ op: "role-revoke-permission", role: "x", ...range }), "KV_ROLE_NOT_FOUND");
  admin.do({ op: "role-revoke-permission", role: "r", key: bytes("k"), rangeEnd: bytes("") });
  assert.equal(admin.machine.auth.role("r")?.permissions.length, 1);
});

test("a token names the entry that gave it out; it is given for the rights that were checked only", () => {
  const admin = Admin.on();
  const ask = (user: string, checkedRevision: number): AuthAction => ({
    op: "authenticate",
    user,
    nonce: "nonce",
    checkedRevision,
  });
  const { revision } = admin.machine.auth;
  assert.equal(admin.try(ask("ana", revision - 1)), "KV_AUTH_OLD_REVISION");
  assert.equal(admin.try(ask("nobody", revision)), "KV_AUTH_FAILED");
  const result = admin.apply({ type: "auth", ...ask("ana", revision) });
  assert.deepEqual(result, { type: "auth", revision: 1, token: `nonce.${admin.index}` });
  assert.deepEqual(admin.told, [`ana has nonce.${admin.index}`]);
  assert.equal(admin.machine.auth.revision, revision, "a token changes no rights");
  admin.do({ op: "user-add", user: "cert", passwordHash: null });
  assert.equal(admin.try(ask("cert", revision + 1)), "KV_AUTH_FAILED", "without a password, no token");
  admin.do({ op: "disable" });
  assert.equal(admin.try(ask("ana", revision + 2)), "KV_AUTH_NOT_ENABLED");
});

test("tokens end with a user, a password, a role that goes; not with a grant", () => {
  const admin = Admin.on();
  admin.do({ op: "user-add", user: "ben", passwordHash: "ben's" });
  admin.do({ op: "user-grant-role", user: "ben", role: "r" });
  admin.do(admin.grant("r", "read", "k"));
  admin.do({ op: "user-revoke-role", user: "ben", role: "r" });
  assert.deepEqual(admin.told, []);
  admin.do({ op: "role-delete", role: "r" });
  assert.deepEqual(admin.told.splice(0), ["ana lost it"], "only those who had it");
  admin.do({ op: "user-change-password", user: "ana", passwordHash: "new" });
  admin.do({ op: "user-delete", user: "ben" });
  assert.deepEqual(admin.told, ["ana lost it", "ben lost it"]);
  admin.do({ op: "user-add", user: "cert", passwordHash: null });
  admin.do({ op: "user-change-password", user: "cert", passwordHash: "x" });
  assert.equal(admin.machine.auth.user("cert")?.passwordHash, null, "who has no password gets none");
});

test("access control moves neither the store's revision nor its history", () => {
  const admin = Admin.on();
  const before = admin.machine.hashKv();
  admin.do({ op: "user-add", user: "ben", passwordHash: "x" });
  assert.deepEqual(admin.machine.hashKv(), before);
  assert.notEqual(admin.machine.auth.hash(), Admin.on().machine.auth.hash());
  assert.equal(Admin.on().machine.auth.hash(), Admin.on().machine.auth.hash());
  admin.applyAs({ kind: "server" }, put("k", "v"));
  assert.equal(admin.machine.revision, 2);
});
