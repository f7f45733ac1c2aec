/** Access control as clients meet it: proofs of identity, tokens and their ends, and when a right is looked at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { PasswordPort, SignedTokenPort } from "@quorate/etcd";
import {
  AuthDisableRequestSchema,
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleDeleteRequestSchema,
  AuthRoleGetRequestSchema,
  AuthRoleGetResponseSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthStatusRequestSchema,
  AuthStatusResponseSchema,
  AuthUserAddRequestSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserDeleteRequestSchema,
  AuthUserGetRequestSchema,
  AuthUserGetResponseSchema,
  AuthUserListRequestSchema,
  AuthUserListResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LockRequestSchema,
  LockResponseSchema,
  PutRequestSchema,
  RangeRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { decodeSigned } from "@quorate/kv";
import { GuardedMember, plainPasswords } from "./auth-fixture.ts";
import { type FakeCall, FakeStream, text } from "./fixture.ts";

/** Access control is on; ana may read and write below a/. The member has applied everything. */
function ready(overrides: ConstructorParameters<typeof GuardedMember>[0] = {}): GuardedMember {
  const member = new GuardedMember(overrides);
  member.addUser("ana", [{ access: "read-write", key: "a/", rangeEnd: "a0" }]);
  member.enable();
  member.status = { ...member.status, applied: 1000, committed: 1000 };
  return member;
}

const put = (member: GuardedMember, key: string, metadata: Record<string, string> = {}): FakeCall =>
  member.call("/etcdserverpb.KV/Put", PutRequestSchema, { key: text(key), value: text("v") }, metadata);
const get = (member: GuardedMember, key: string, metadata: Record<string, string> = {}): FakeCall =>
  member.call("/etcdserverpb.KV/Range", RangeRequestSchema, { key: text(key) }, metadata);
const authenticate = (member: GuardedMember, name: string, password: string): FakeCall =>
  member.call("/etcdserverpb.Auth/Authenticate", AuthenticateRequestSchema, { name, password });
const refusal = (call: FakeCall): string => `${call.failure?.code} ${call.failure?.message}`;
const tokenOf = (call: FakeCall): string =>
  fromBinary(AuthenticateResponseSchema, call.answer ?? assert.fail(refusal(call))).token;

const invalidToken = "16 etcdserver: invalid auth token";
const denied = "7 etcdserver: permission denied";
const empty = "3 etcdserver: user name is empty";
const failed = "3 etcdserver: authentication failed, invalid user ID or password";
const oldRevision = "3 etcdserver: revision of auth store is old";

test("Authenticate: etcd's answers to right, wrong and needless passwords", () => {
  const member = new GuardedMember();
  assert.equal(refusal(authenticate(member, "root", "root")), "9 etcdserver: authentication is not enabled");
  member.change({ op: "user-add", user: "cert", passwordHash: null });
  member.enable();
  assert.equal(refusal(authenticate(member, "root", "wrong")), failed);
  assert.equal(refusal(authenticate(member, "nobody", "x")), failed);
  assert.equal(
    refusal(authenticate(member, "cert", "x")),
    "2 auth: authentication failed, password was given for no password user",
  );
  const token = tokenOf(authenticate(member, "root", "root"));
  assert.match(token, /^[A-Za-z]{16}\.\d+$/);
  assert.notEqual(tokenOf(authenticate(member, "root", "root")), token);
});

test("whoever fails to prove who it is is told of, by name and without the password", () => {
  const events: unknown[] = [];
  const member = ready({ onAuthEvent: (event) => events.push(event) });
  authenticate(member, "ana", "secret");
  authenticate(member, "nobody", "secret");
  assert.deepEqual(events, [
    { kind: "authentication-failed", user: "ana" },
    { kind: "authentication-failed", user: "nobody" },
  ]);
});

test("a user that does not exist is compared with as well", () => {
  const compared: (string | null)[] = [];
  const passwords: PasswordPort = {
    ...plainPasswords,
    compare(_password, hash, done) {
      compared.push(hash);
      done("different");
      return { cancel: () => {} };
    },
  };
  const member = ready({ passwords });
  authenticate(member, "nobody", "x");
  authenticate(member, "ana", "x");
  assert.deepEqual(compared, [null, "hash of ana"]);
});

/** A port whose comparisons a test settles. */
function heldPasswords(): {
  readonly port: PasswordPort;
  readonly held: ((outcome: "same" | "different" | "busy") => void)[];
  cancelled: number;
} {
  const state = {
    held: [] as ((outcome: "same" | "different" | "busy") => void)[],
    cancelled: 0,
    port: {
      ...plainPasswords,
      compare(
        _password: string,
        _hash: string | null,
        done: (outcome: "same" | "different" | "busy") => void,
      ) {
        state.held.push(done);
        return { cancel: () => state.cancelled++ };
      },
    },
  };
  return state;
}

test("a password that was compared counts only while nothing has changed; else it is compared again", () => {
  const passwords = heldPasswords();
  const member = ready({ passwords: passwords.port });
  const call = authenticate(member, "ana", "ana");
  assert.equal(passwords.held.length, 1);
  const root = { kind: "server" } as const;
  member.applyAs(root, { type: "auth", op: "user-change-password", user: "ana", passwordHash: "hash of b" });
  passwords.held.shift()?.("same");
  assert.equal(call.ended, false, "the right password, but of before");
  assert.equal(passwords.held.length, 1, "is compared once more");
  passwords.held.shift()?.("different");
  assert.equal(refusal(call), failed);
});

test("the same, when the change comes between the comparison and the log", () => {
  const passwords = heldPasswords();
  const member = ready({ passwords: passwords.port });
  const call = authenticate(member, "ana", "ana");
  member.held = true;
  passwords.held.shift()?.("same");
  const [submitted] = member.submitted.splice(0);
  const root = { kind: "server" } as const;
  member.applyAs(root, { type: "auth", op: "user-delete", user: "ana" });
  member.held = false;
  assert.ok(submitted !== undefined);
  member.apply(submitted.command, submitted.done);
  assert.equal(call.ended, false);
  passwords.held.shift()?.("different");
  assert.equal(refusal(call), failed);
});

test("too many passwords at once, a client that gives up, a comparison that takes too long", () => {
  const passwords = heldPasswords();
  const member = ready({ passwords: passwords.port });
  const busy = authenticate(member, "ana", "ana");
  passwords.held.shift()?.("busy");
  assert.equal(refusal(busy), "8 etcdserver: too many requests");
  const gone = authenticate(member, "ana", "ana");
  gone.cancel();
  assert.equal(passwords.cancelled, 1);
  passwords.held.shift()?.("same");
  assert.equal(gone.answer, null);
  const slow = authenticate(member, "ana", "ana");
  member.api.tick(60_000);
  assert.equal(refusal(slow), "14 etcdserver: request timed out");
  assert.equal(passwords.cancelled, 2);
  assert.equal(member.api.pendingCount, 0);
});

test("a password of more bytes than bcrypt takes is refused as etcd does; an overlong name, too", () => {
  const member = new GuardedMember();
  const add = (name: string, password: string): FakeCall =>
    member.call("/etcdserverpb.Auth/UserAdd", AuthUserAddRequestSchema, { name, password });
  assert.equal(refusal(add("b", "é".repeat(37))), "2 bcrypt: password length exceeds 72 bytes");
  assert.equal(add("b", "é".repeat(36)).failure, null);
  assert.equal(refusal(add("c".repeat(65 * 1024), "x")), "3 etcdserver: request is too large");
  const change = member.call("/etcdserverpb.Auth/UserChangePassword", AuthUserChangePasswordRequestSchema, {
    name: "b",
    password: "x".repeat(73),
  });
  assert.equal(refusal(change), "2 bcrypt: password length exceeds 72 bytes");
});

test("what a client says is the hash of a password is not", () => {
  const member = new GuardedMember();
  member.call("/etcdserverpb.Auth/UserAdd", AuthUserAddRequestSchema, {
    name: "b",
    password: "pw",
    hashedPassword: "aGFzaCBvZiB4",
  });
  assert.equal(member.machine.auth.user("b")?.passwordHash, "hash of pw");
});

test("a token: by either name, with or without Bearer; a bad one is worse than none", () => {
  const member = ready();
  const { token } = member.login("ana");
  assert.equal(put(member, "a/1", { token }).failure, null);
  assert.equal(put(member, "a/1", { authorization: token }).failure, null);
  assert.equal(put(member, "a/1", { authorization: `Bearer ${token}` }).failure, null);
  assert.equal(refusal(put(member, "b", { token })), denied);
  assert.equal(refusal(put(member, "a/1")), empty);
  for (const bad of [
    "",
    "x",
    `${token}0`,
    "a.1",
    "..",
    "\u{1f511}",
    token.toUpperCase(),
    `${token},${token}`,
  ]) {
    assert.equal(refusal(put(member, "a/1", { token: bad })), invalidToken, bad);
    const status = member.call("/etcdserverpb.Auth/AuthStatus", AuthStatusRequestSchema, {}, { token: bad });
    assert.equal(refusal(status), invalidToken);
  }
});

test("a token lives on by use, on the member that sees it, and ends without", () => {
  const member = ready();
  const { token } = member.login("ana");
  const minutes = (count: number): void => member.api.tick(1000 + count * 60_000);
  minutes(4);
  assert.equal(get(member, "a/1", { token }).failure, null);
  minutes(8);
  assert.equal(get(member, "a/1", { token }).failure, null);
  minutes(13);
  assert.equal(refusal(get(member, "a/1", { token })), invalidToken);
});

test("tokens end when their user goes, its password changes, a role of its is deleted; all, when it is switched off", () => {
  const ends: readonly ((member: GuardedMember, metadata: Record<string, string>) => FakeCall)[] = [
    (member, metadata) =>
      member.call("/etcdserverpb.Auth/UserDelete", AuthUserDeleteRequestSchema, { name: "ana" }, metadata),
    (member, metadata) =>
      member.call(
        "/etcdserverpb.Auth/UserChangePassword",
        AuthUserChangePasswordRequestSchema,
        { name: "ana", password: "new" },
        metadata,
      ),
    (member, metadata) =>
      member.call("/etcdserverpb.Auth/RoleDelete", AuthRoleDeleteRequestSchema, { role: "of ana" }, metadata),
    (member, metadata) => {
      const off = member.call("/etcdserverpb.Auth/AuthDisable", AuthDisableRequestSchema, {}, metadata);
      member.enable();
      return off;
    },
  ];
  for (const end of ends) {
    const member = ready();
    const ana = member.login("ana");
    assert.equal(get(member, "a/1", ana).failure, null);
    assert.equal(end(member, member.login("root")).failure, null);
    assert.equal(refusal(get(member, "a/1", ana)), invalidToken);
  }
});

test("a token from a member that is ahead is waited for until the log brings it, or time is over", () => {
  const leader = ready();
  const follower = ready();
  follower.status = { ...follower.status, applied: 1 };
  leader.held = true;
  const asked = authenticate(leader, "ana", "ana");
  const barrier = leader.barriers.shift();
  barrier?.({ kind: "ready" });
  const [submitted] = leader.submitted.splice(0);
  assert.ok(submitted !== undefined);
  leader.apply(submitted.command, submitted.done);
  const token = tokenOf(asked);

  const early = get(follower, "a/1", { token });
  assert.equal(early.ended, false);
  follower.apply(submitted.command, () => {});
  assert.equal(early.failure, null);
  assert.ok(early.answer !== null);

  const never = get(follower, "a/1", { token: "abcdefgh.999" });
  assert.equal(never.ended, false);
  follower.api.tick(1000 + 6999);
  assert.equal(never.ended, false);
  follower.api.tick(1000 + 7000);
  assert.equal(refusal(never), invalidToken);
});

test("a command bears the name of who sent it, and the rights that are known then", () => {
  const member = ready();
  const metadata = member.login("ana");
  member.held = true;
  put(member, "a/1", metadata);
  const [submitted] = member.submitted;
  assert.ok(submitted !== undefined);
  assert.deepEqual(decodeSigned(submitted.command).principal, {
    kind: "user",
    name: "ana",
    authRevision: member.machine.auth.revision,
  });
});

test("rights are looked at when a command is applied, not when it is sent", () => {
  const member = ready();
  const metadata = member.login("ana");
  member.held = true;
  const call = put(member, "a/1", metadata);
  const [submitted] = member.submitted.splice(0);
  const root = { kind: "server" } as const;
  member.applyAs(root, { type: "auth", op: "user-revoke-role", user: "ana", role: "of ana" });
  assert.ok(submitted !== undefined);
  member.apply(submitted.command, submitted.done);
  assert.equal(refusal(call), oldRevision, "etcd's clients log in again and then hear the rest");
  member.held = false;
  assert.equal(refusal(put(member, "a/1", metadata)), denied, "the token itself goes on");
});

test("a command that was sent while access control was off is refused once it is on", () => {
  const member = new GuardedMember();
  member.held = true;
  const call = put(member, "k");
  const [submitted] = member.submitted.splice(0);
  member.enable();
  assert.ok(submitted !== undefined);
  member.apply(submitted.command, submitted.done);
  assert.equal(refusal(call), empty);
});

test("a read that waited for its turn is judged by the rights of that moment", () => {
  const member = ready();
  const metadata = member.login("ana");
  member.held = true;
  const call = get(member, "a/1", metadata);
  member.applyAs({ kind: "server" }, { type: "auth", op: "user-delete", user: "ana" });
  member.barriers.shift()?.({ kind: "ready" });
  assert.equal(refusal(call), oldRevision);
});

test("signed tokens: who they name, with the revision they were signed for", () => {
  const signedTokens: SignedTokenPort = {
    sign: (user, authRevision, done) => done(`${user}@${authRevision}`),
    verify(token, done) {
      const [user = "", revision = ""] = token.split("@");
      done(revision === "" ? null : { user, authRevision: Number(revision) });
    },
  };
  const member = ready({ signedTokens });
  const { revision } = member.machine.auth;
  const { token } = member.login("ana");
  assert.equal(token, `ana@${revision}`);
  assert.equal(put(member, "a/1", { token }).failure, null);
  assert.equal(refusal(put(member, "a/1", { token: `ana@${revision - 1}` })), oldRevision);
  assert.equal(refusal(get(member, "a/1", { token: `ana@${revision - 1}` })), oldRevision);
  assert.equal(refusal(get(member, "a/1", { token: `root@${revision - 1}` })), oldRevision);
  assert.equal(refusal(put(member, "a/1", { token: `nobody@${revision}` })), denied);
  assert.equal(refusal(put(member, "a/1", { token: `@${revision}` })), invalidToken);
  assert.equal(refusal(put(member, "a/1", { token: "nonsense" })), invalidToken);
});

test("a member that has only the key to check tokens gives out none", () => {
  const signedTokens: SignedTokenPort = {
    sign: (_u, _r, done) => done(null),
    verify: (_t, done) => done(null),
  };
  const member = ready({ signedTokens });
  assert.equal(
    refusal(authenticate(member, "ana", "ana")),
    "2 auth: token signing attempted with verify-only key",
  );
});

/** A call over a connection with a client's certificate. */
class CertifiedCall extends FakeStream {
  readonly peerCertificateCommonName: string | null;

  constructor(path: string, commonName: string | null, metadata: Record<string, string> = {}) {
    super(path, metadata);
    this.peerCertificateCommonName = commonName;
  }
}

test("a certificate's common name is a user; a token goes before it, the JSON gateway's is nobody's", () => {
  const member = ready();
  const request = Uint8Array.from([0x0a, 3, ...text("a/1"), 0x12, 0]);
  const putBy = (commonName: string | null, metadata: Record<string, string> = {}): string => {
    const call = new CertifiedCall("/etcdserverpb.KV/Put", commonName, metadata);
    const method = member.api.methods.get("/etcdserverpb.KV/Put");
    assert.ok(method?.kind === "unary");
    method.handle(request, call);
    return call.failure === null ? "done" : refusal(call);
  };
  assert.equal(putBy("ana"), "done");
  assert.equal(putBy("nobody"), denied);
  assert.equal(putBy(null), empty);
  assert.equal(putBy(""), empty);
  assert.equal(putBy("ana", { "grpcgateway-accept": "application/json" }), empty);
  assert.equal(putBy("ana", { token: "bad" }), invalidToken);
  assert.equal(putBy("nobody", { ...member.login("ana") }), "done");
});

test("everybody may look at itself and its roles; root at all", () => {
  const member = ready();
  const [ana, root] = [member.login("ana"), member.login("root")];
  const user = (name: string, by: Record<string, string>): FakeCall =>
    member.call("/etcdserverpb.Auth/UserGet", AuthUserGetRequestSchema, { name }, by);
  const role = (name: string, by: Record<string, string>): FakeCall =>
    member.call("/etcdserverpb.Auth/RoleGet", AuthRoleGetRequestSchema, { role: name }, by);
  const roles = (call: FakeCall): string[] =>
    fromBinary(AuthUserGetResponseSchema, call.answer ?? assert.fail(refusal(call))).roles;
  assert.deepEqual(roles(user("ana", ana)), ["of ana"]);
  assert.deepEqual(roles(user("root", root)), ["root"]);
  assert.equal(refusal(user("root", ana)), denied);
  assert.equal(refusal(user("nobody", root)), "9 etcdserver: user name not found");
  const perm = fromBinary(AuthRoleGetResponseSchema, role("of ana", ana).answer ?? assert.fail()).perm;
  assert.deepEqual(
    perm.map(({ key, permType }) => [String(key), permType]),
    [[String(text("a/")), 2]],
  );
  assert.equal(refusal(role("root", ana)), denied);
  assert.equal(refusal(role("root", root)), "9 etcdserver: role name not found");
  member.call("/etcdserverpb.Auth/RoleAdd", AuthRoleAddRequestSchema, { name: "root" }, root);
  const everything = fromBinary(AuthRoleGetResponseSchema, role("root", root).answer ?? assert.fail()).perm;
  assert.deepEqual(
    everything.map(({ key, rangeEnd }) => [...key, ...rangeEnd]),
    [[0]],
  );
  const users = member.call("/etcdserverpb.Auth/UserList", AuthUserListRequestSchema, {}, root);
  assert.deepEqual(fromBinary(AuthUserListResponseSchema, users.answer ?? assert.fail()).users, [
    "ana",
    "root",
  ]);
});

test("AuthStatus: for everybody, with the revision of rights", () => {
  const member = ready();
  const call = member.call("/etcdserverpb.Auth/AuthStatus", AuthStatusRequestSchema, {});
  const { authRevision, enabled } = fromBinary(AuthStatusResponseSchema, call.answer ?? assert.fail());
  assert.deepEqual([enabled, authRevision], [true, BigInt(member.machine.auth.revision)]);
});

test("a permission must be given, of a kind that exists", () => {
  const member = new GuardedMember();
  member.change({ op: "role-add", role: "r" });
  const grant = (perm?: { permType: number; key: Uint8Array }): string =>
    refusal(
      member.call("/etcdserverpb.Auth/RoleGrantPermission", AuthRoleGrantPermissionRequestSchema, {
        name: "r",
        ...(perm === undefined ? {} : { perm }),
      }),
    );
  assert.equal(grant(), "3 etcdserver: permission not given");
  assert.equal(grant({ permType: 3, key: text("k") }), "3 etcdserver: invalid auth management");
  assert.equal(grant({ permType: 0, key: text("") }), "3 etcdserver: invalid auth management");
  assert.equal(grant({ permType: 0, key: text("k") }), "undefined undefined");
});

test("a watch is asked for its rights once, in etcd's words; what it was given goes on", () => {
  const member = ready();
  const metadata = member.login("ana");
  const watch = member.stream("/etcdserverpb.Watch/Watch", metadata);
  const create = (key: string, rangeEnd = ""): void =>
    watch.send(WatchRequestSchema, {
      requestUnion: { case: "createRequest", value: { key: text(key), rangeEnd: text(rangeEnd) } },
    });
  create("a/", "a0");
  create("a/", "a1");
  create("", "\0");
  const answers = watch.take(WatchResponseSchema);
  assert.deepEqual(
    answers.map(({ canceled, created, watchId, cancelReason }) => [created, canceled, watchId, cancelReason]),
    [
      [true, false, 0n, ""],
      [true, true, -1n, "rpc error: code = PermissionDenied desc = etcdserver: permission denied"],
      [true, true, -1n, "rpc error: code = PermissionDenied desc = etcdserver: permission denied"],
    ],
  );
  // ETCD: rights that are lost later are not looked for.
  member.applyAs({ kind: "server" }, { type: "auth", op: "user-delete", user: "ana" });
  const value = { type: "put", value: text("v"), lease: 0n } as const;
  member.applyAs(
    { kind: "server" },
    { ...value, key: text("a/1"), prevKv: false, ignoreValue: false, ignoreLease: false },
  );
  member.runDeferred();
  assert.equal(watch.take(WatchResponseSchema)[0]?.events.length, 1);
  create("a/");
  const [refused] = watch.take(WatchResponseSchema);
  assert.equal(
    refused?.cancelReason,
    "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
  );
  const nobody = member.stream("/etcdserverpb.Watch/Watch");
  nobody.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: { key: text("a/") } } });
  assert.equal(
    nobody.take(WatchResponseSchema)[0]?.cancelReason,
    "rpc error: code = InvalidArgument desc = etcdserver: user name is empty",
  );
});

test("a stream whose token must be waited for takes its messages in order", () => {
  const held: ((found: { user: string; authRevision: number } | null) => void)[] = [];
  const signedTokens: SignedTokenPort = {
    sign: (_u, _r, done) => done("t"),
    verify: (_t, done) => void held.push(done),
  };
  const member = ready({ signedTokens });
  const watch = member.stream("/etcdserverpb.Watch/Watch", { token: "t" });
  watch.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: { key: text("a/1") } } });
  assert.ok(watch.paused, "nothing else comes before it is known who asks");
  held.shift()?.({ user: "ana", authRevision: member.machine.auth.revision });
  assert.ok(!watch.paused);
  assert.equal(watch.take(WatchResponseSchema)[0]?.created, true);
});

test("keep-alives: for whoever could write the keys of the lease, and they change", () => {
  const member = ready();
  member.status = { ...member.status, leader: member.status.memberId };
  const server = { kind: "server" } as const;
  member.applyAs(server, { type: "lease-grant", id: 9n, ttlSeconds: 60 });
  const attach = (key: string): void =>
    member.applyAs(server, {
      type: "put",
      key: text(key),
      value: text("v"),
      lease: 9n,
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    });
  attach("a/1");
  member.api.tick(2000);
  const metadata = member.login("ana");
  const stream = member.stream("/etcdserverpb.Lease/LeaseKeepAlive", metadata);
  stream.send(LeaseKeepAliveRequestSchema, { ID: 9n });
  assert.equal(stream.take(LeaseKeepAliveResponseSchema)[0]?.TTL, 60n);
  attach("z");
  stream.send(LeaseKeepAliveRequestSchema, { ID: 9n });
  assert.equal(refusal(stream), denied);
});

test("a lock that is given up is taken back, also when its holder has lost its rights", () => {
  const member = ready();
  const metadata = member.login("ana");
  const lock = (): FakeCall =>
    member.call("/v3lockpb.Lock/Lock", LockRequestSchema, { name: text("a/l") }, metadata);
  const first = lock();
  assert.ok(first.answer !== null, refusal(first));
  const { key } = fromBinary(LockResponseSchema, first.answer);
  const second = lock();
  assert.equal(second.ended, false);
  member.applyAs({ kind: "server" }, { type: "auth", op: "user-delete", user: "ana" });
  second.cancel();
  const left = member.machine.range({
    type: "range",
    key: text("a/l/"),
    rangeEnd: text("a/l0"),
    limit: 0,
    revision: 0,
    sortOrder: "none",
    sortTarget: "key",
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  });
  assert.ok(left.type === "range");
  assert.deepEqual(
    left.kvs.map((kv) => String(kv.key)),
    [String(key)],
  );
});

test("a lock takes the right to read all below its name, not only the own key: that is who comes first", () => {
  const member = new GuardedMember();
  member.addUser("narrow", [{ access: "read-write", key: "l/9" }]);
  member.addUser("wide", [{ access: "read-write", key: "l/", rangeEnd: "l0" }]);
  member.do({ type: "lease-grant", id: 9n, ttlSeconds: 60 });
  member.enable();
  member.status = { ...member.status, applied: 1000, committed: 1000 };
  const lock = (name: string): FakeCall =>
    member.call("/v3lockpb.Lock/Lock", LockRequestSchema, { name: text("l"), lease: 9n }, member.login(name));
  assert.equal(refusal(lock("narrow")), denied);
  assert.equal(lock("wide").failure, null);
});

test("after a restored image nobody's token is known: its users may be others", () => {
  const member = ready();
  const metadata = member.login("ana");
  const image = member.machine.snapshot();
  const restore = member.machine.restore();
  for (let chunk = image.read(1024); chunk !== null; chunk = image.read(1024)) {
    restore.write(chunk);
  }
  image.close();
  restore.finish();
  assert.equal(refusal(get(member, "a/1", metadata)), invalidToken);
  assert.equal(get(member, "a/1", member.login("ana")).failure, null);
});

test("without a port for passwords, users with passwords are refused by name", () => {
  const member = new GuardedMember({ passwords: undefined } as never);
  assert.equal(authenticate(member, "root", "root").failure?.code, 12);
});
