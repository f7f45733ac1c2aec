/** When a right is looked at: where a command is applied, behind the barrier of a read, once for a watch, each time for a keep-alive. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { SignedTokenPort } from "@quorate/etcd";
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LockRequestSchema,
  LockResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { decodeSigned } from "@quorate/kv";
import { emptyRange } from "../../src/codec/kv-requests.ts";
import {
  denied,
  empty,
  GuardedMember,
  get,
  invalidToken,
  oldRevision,
  put,
  readyMember,
  refusal,
} from "./auth-fixture.ts";
import { type FakeCall, text } from "./fixture.ts";

test("a command bears the name of who sent it, and the rights that are known then", () => {
  const member = readyMember();
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
  const member = readyMember();
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
  const member = readyMember();
  const metadata = member.login("ana");
  member.held = true;
  const call = get(member, "a/1", metadata);
  member.applyAs({ kind: "server" }, { type: "auth", op: "user-delete", user: "ana" });
  member.barriers.shift()?.({ kind: "ready" });
  assert.equal(refusal(call), invalidToken);
});

test("a watch is asked for its rights once, in etcd's words; what it was given goes on", () => {
  const member = readyMember();
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
  const member = readyMember({ signedTokens });
  const watch = member.stream("/etcdserverpb.Watch/Watch", { token: "t" });
  watch.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: { key: text("a/1") } } });
  assert.ok(watch.paused, "nothing else comes before it is known who asks");
  held.shift()?.({ user: "ana", authRevision: member.machine.auth.revision });
  assert.ok(!watch.paused);
  assert.equal(watch.take(WatchResponseSchema)[0]?.created, true);
});

test("keep-alives: for whoever could write the keys of the lease, and they change", () => {
  const member = readyMember();
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
  const member = readyMember();
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
  const left = member.machine.range({ ...emptyRange(), key: text("a/l/"), rangeEnd: text("a/l0") });
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
