/**
 * Access control through a member that lags: what it would refuse by what it has applied waits until it has caught up, what it
 * would allow is judged behind the barrier or where it is applied, and none of it can be turned against the member.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { SignedTokenPort } from "@quorate/etcd";
import {
  AlarmRequestSchema,
  AuthUserGetRequestSchema,
  LeaderRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseTimeToLiveRequestSchema,
  LockRequestSchema,
  MemberListRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  StatusRequestSchema,
  TxnRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import type { AuthAction } from "@quorate/kv";
import { denied, empty, GuardedMember, get, getStale, invalidToken, put, refusal } from "./auth-fixture.ts";
import { type FakeCall, text } from "./fixture.ts";

const timedOut = "14 etcdserver: request timed out";

const server = { kind: "server" } as const;
const lease = 9n;
/** Calls that wait at once for a member to catch up. */
const appealCountMax = 1000;

/** A member that is up to date, and one that lags until it is told to catch up. */
class Pair {
  readonly ahead: GuardedMember;
  readonly behind: GuardedMember;

  constructor(overrides: ConstructorParameters<typeof GuardedMember>[0] = {}) {
    this.ahead = new GuardedMember(overrides);
    this.behind = new GuardedMember(overrides);
    this.ahead.addUser("ana", [{ access: "read-write", key: "a/", rangeEnd: "a0" }]);
    this.ahead.addUser("bob", []);
    this.ahead.do({ type: "lease-grant", id: lease, ttlSeconds: 60 });
    this.behind.held = true;
  }

  change(action: AuthAction): this {
    this.ahead.applyAs(server, { type: "auth", ...action });
    return this;
  }

  put(key: string, leaseId = 0n): this {
    const put = {
      type: "put",
      value: text("v"),
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    } as const;
    this.ahead.applyAs(server, { ...put, key: text(key), lease: leaseId });
    return this;
  }

  /** Applies behind what was applied ahead. */
  follow(): this {
    for (const command of this.ahead.applied.slice(this.behind.applied.length)) {
      this.behind.apply(command, () => {});
    }
    return this;
  }

  /** The read index is confirmed, and applied. */
  catchUp(): void {
    this.follow();
    this.behind.barriers.splice(0).forEach((done) => {
      done({ kind: "ready" });
    });
  }

  /** What was submitted through the member behind comes to its place in the log. */
  commit(): void {
    for (const { command, done } of this.behind.submitted.splice(0)) {
      this.behind.apply(command, done);
    }
  }
}

test("after AuthDisable, nobody's calls wait until a member that lags has heard of it, and are served", () => {
  const pair = new Pair().change({ op: "enable" }).follow().change({ op: "disable" });
  const { behind } = pair;
  const write = put(behind, "k");
  const read = get(behind, "k");
  const members = behind.call("/etcdserverpb.Cluster/MemberList", MemberListRequestSchema, {
    linearizable: true,
  });
  assert.deepEqual(
    [write.ended, read.ended, members.ended, behind.submitted.length],
    [false, false, false, 0],
  );
  pair.catchUp();
  assert.equal(behind.submitted.length, 1);
  pair.commit();
  // The others came while the first was heard, and reads have barriers of their own.
  pair.catchUp();
  pair.catchUp();
  assert.deepEqual([write.failure, read.failure, members.failure], [null, null, null]);
  assert.ok(write.answer !== null && read.answer !== null && members.answer !== null);
});

test("after AuthDisable, a token that has ended with it does no harm", () => {
  const pair = new Pair().change({ op: "enable" });
  const metadata = pair.ahead.login("ana");
  pair.change({ op: "disable" }).follow().change({ op: "enable" }).follow().change({ op: "disable" });
  const write = put(pair.behind, "z", metadata);
  assert.equal(write.ended, false);
  pair.catchUp();
  pair.commit();
  assert.equal(write.failure, null);
});

test("after AuthEnable, who bears a token is served by a member that thought it is off: reads and writes", () => {
  const pair = new Pair().follow().change({ op: "enable" });
  const { ahead, behind } = pair;
  const metadata = ahead.login("ana");
  const calls = [
    put(behind, "a/1", metadata),
    get(behind, "a/1", metadata),
    behind.call("/etcdserverpb.KV/Txn", TxnRequestSchema, {}, metadata),
    behind.call("/etcdserverpb.KV/RangeStream", RangeRequestSchema, { key: text("a/1") }, metadata),
    behind.call("/etcdserverpb.Auth/UserGet", AuthUserGetRequestSchema, { name: "ana" }, metadata),
    behind.call(
      "/etcdserverpb.Cluster/MemberList",
      MemberListRequestSchema,
      { linearizable: true },
      metadata,
    ),
    behind.call("/etcdserverpb.Maintenance/Alarm", AlarmRequestSchema, {}, metadata),
  ];
  pair.catchUp();
  pair.commit();
  assert.equal(calls[0]?.ended, false, "refused without a name, and sent once more");
  pair.commit();
  assert.deepEqual(
    calls.map((call) => call.failure),
    calls.map(() => null),
  );
  assert.ok(calls.every((call) => call.ended));
});

test("after AuthEnable, nobody and who may not are refused behind the barrier by a member that thought it is off", () => {
  const pair = new Pair().follow().change({ op: "enable" });
  const { ahead, behind } = pair;
  const [ana, bad] = [ahead.login("ana"), { token: "bad" }];
  const calls: readonly (readonly [FakeCall, string])[] = [
    [put(behind, "k"), empty],
    [get(behind, "k"), empty],
    [behind.call("/etcdserverpb.Cluster/MemberList", MemberListRequestSchema, { linearizable: true }), empty],
    [behind.call("/etcdserverpb.Maintenance/Alarm", AlarmRequestSchema, {}), empty],
    [put(behind, "z", ana), denied],
    [get(behind, "z", ana), denied],
    [behind.call("/etcdserverpb.Auth/UserGet", AuthUserGetRequestSchema, { name: "bob" }, ana), denied],
    [put(behind, "a/1", bad), invalidToken],
    [get(behind, "a/1", bad), invalidToken],
  ];
  pair.catchUp();
  pair.commit();
  pair.commit();
  assert.equal(behind.submitted.length, 0, "nothing is sent for ever");
  for (const [call, expected] of calls) {
    assert.equal(refusal(call), expected);
  }
});

test("a name that is empty in the request is no want of a name: it is not sent once more", () => {
  const pair = new Pair().follow();
  const call = pair.behind.call("/etcdserverpb.Auth/UserAdd", AuthUserGetRequestSchema, { name: "" });
  pair.commit();
  assert.equal(refusal(call), empty);
  assert.equal(pair.behind.submitted.length, 0);
});

test("after UserGrantRole, the right counts on a member that lags", () => {
  const pair = new Pair().change({ op: "enable" });
  const { ahead, behind } = pair;
  const metadata = ahead.login("bob");
  pair.put("a/1").follow().change({ op: "user-grant-role", user: "bob", role: "of ana" }).put("a/2");
  const read = get(behind, "a/2", metadata);
  pair.catchUp();
  assert.equal(read.failure, null);
  assert.equal(fromBinary(RangeResponseSchema, read.answer ?? assert.fail(refusal(read))).kvs.length, 1);
});

test("after UserGrantRole, who looks at leases, queues up, watches or renews is judged once more", () => {
  const pair = new Pair().put("a/1", lease).change({ op: "enable" });
  const { ahead, behind } = pair;
  for (const member of [ahead, behind]) {
    member.status = { ...member.status, leader: member.status.memberId };
  }
  const bob = ahead.login("bob");
  pair.follow();
  behind.api.tick(2000);
  pair.change({ op: "user-grant-role", user: "bob", role: "of ana" });
  const watch = behind.stream("/etcdserverpb.Watch/Watch", bob);
  watch.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: { key: text("a/1") } } });
  const renewal = behind.stream("/etcdserverpb.Lease/LeaseKeepAlive", bob);
  renewal.send(LeaseKeepAliveRequestSchema, { ID: lease });
  const timeToLive = behind.call(
    "/etcdserverpb.Lease/LeaseTimeToLive",
    LeaseTimeToLiveRequestSchema,
    { ID: lease, keys: true },
    bob,
  );
  const leases = behind.call("/etcdserverpb.Lease/LeaseLeases", LeaseLeasesRequestSchema, {}, bob);
  const lock = behind.call("/v3lockpb.Lock/Lock", LockRequestSchema, { name: text("a/l"), lease }, bob);
  const leader = behind.call(
    "/v3electionpb.Election/Leader",
    LeaderRequestSchema,
    { name: text("a/l") },
    bob,
  );
  const observed = behind.call(
    "/v3electionpb.Election/Observe",
    LeaderRequestSchema,
    { name: text("a/l") },
    bob,
  );
  assert.ok(watch.paused && renewal.paused, "what comes next waits its turn");
  assert.deepEqual([watch.written.length, renewal.written.length, lock.ended], [0, 0, false]);
  for (let round = 0; round < 3; round++) {
    pair.catchUp();
    pair.commit();
  }
  assert.equal(watch.take(WatchResponseSchema)[0]?.canceled, false);
  assert.equal(renewal.take(LeaseKeepAliveResponseSchema)[0]?.TTL, 60n);
  assert.ok(!watch.paused && !renewal.paused);
  for (const call of [timeToLive, leases, lock]) {
    assert.ok(call.answer !== null, `${call.path}: ${refusal(call)}`);
  }
  assert.equal(refusal(leader), "2 election: no leader", "it may know");
  assert.equal(observed.failure, null);
  assert.equal(behind.barriers.length, 0);
});

test("rights that were taken away are gone behind the barrier, though the member let the call in", () => {
  const pair = new Pair().change({ op: "enable" });
  const { ahead, behind } = pair;
  const [ana, bob] = [ahead.login("ana"), ahead.login("bob")];
  pair.put("a/1").follow().change({ op: "user-revoke-role", user: "ana", role: "of ana" });
  pair.change({ op: "user-delete", user: "bob" });
  const revoked = get(behind, "a/1", ana);
  const deleted = get(behind, "a/1", bob);
  const stale = getStale(behind, "a/1", ana);
  assert.ok(stale.answer !== null, "who takes what may be old is judged by rights that may be old");
  pair.catchUp();
  assert.equal(refusal(revoked), denied);
  assert.equal(refusal(deleted), invalidToken);
});

test("a token from a member that is ahead waits for the log, as long as a request may", () => {
  const pair = new Pair().change({ op: "enable" }).follow();
  const metadata = pair.ahead.login("ana");
  const early = get(pair.behind, "a/1", metadata);
  assert.equal(early.ended, false);
  pair.catchUp();
  pair.catchUp();
  assert.ok(early.answer !== null, refusal(early));
  const never = get(pair.behind, "a/1", { token: "abcdefgh.999" });
  pair.behind.api.tick(1000 + 6999);
  assert.equal(never.ended, false);
  pair.behind.api.tick(1000 + 7000);
  assert.equal(refusal(never), timedOut, "nobody has decided whose it is");
});

test("what the member allows costs no barrier; what may be old is refused without one", () => {
  const pair = new Pair().change({ op: "enable" });
  const ana = pair.ahead.login("ana");
  pair.follow();
  const { behind } = pair;
  put(behind, "a/1", ana);
  getStale(behind, "a/1", ana);
  assert.equal(behind.barrierCount, 0);
  get(behind, "a/1", ana);
  assert.equal(behind.barrierCount, 1, "its own");
  assert.equal(refusal(getStale(behind, "z", ana)), denied);
  assert.equal(behind.barrierCount, 1);
});

test("without a leader a refusal becomes UNAVAILABLE in the end; the member itself answers Maintenance and streams", () => {
  const pair = new Pair().change({ op: "enable" }).follow();
  const { behind } = pair;
  behind.status = { ...behind.status, leader: 0 };
  const noLeader = (): void =>
    behind.barriers.splice(0).forEach((done) => {
      done({ kind: "refused", reason: "no-leader", leader: 0 });
    });
  const write = put(behind, "k");
  noLeader();
  const status = behind.call("/etcdserverpb.Maintenance/Status", StatusRequestSchema, {});
  assert.equal(refusal(status), empty);
  const watch = behind.stream("/etcdserverpb.Watch/Watch");
  watch.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: { key: text("k") } } });
  assert.match(watch.take(WatchResponseSchema)[0]?.cancelReason ?? "", /user name is empty/);
  for (let nowMs = 1050; nowMs < 8000; nowMs += 50) {
    behind.api.tick(nowMs);
    assert.ok(behind.barriers.length <= 1);
    noLeader();
  }
  assert.equal(write.ended, false);
  behind.api.tick(8000);
  assert.equal(refusal(write), timedOut);
  assert.equal(behind.api.pendingCount, 0);
});

test("a leader that is found in time decides", () => {
  const pair = new Pair().change({ op: "enable" }).follow();
  const { behind } = pair;
  behind.status = { ...behind.status, leader: 0 };
  const write = put(behind, "k");
  behind.barriers.shift()?.({ kind: "refused", reason: "no-leader", leader: 0 });
  assert.equal(behind.barriers.length, 0, "not asked again in the same breath");
  behind.status = { ...behind.status, leader: 9 };
  behind.api.leaderMayHaveChanged();
  pair.catchUp();
  assert.equal(refusal(write), empty);
});

test("a flood of bad tokens: one barrier at a time, so many wait, the others hear the local refusal", () => {
  const pair = new Pair().change({ op: "enable" });
  const ana = pair.ahead.login("ana");
  const { behind } = pair.follow();
  const first = put(behind, "a/1", { token: "bad" });
  const flood = Array.from({ length: 5 * appealCountMax }, () => put(behind, "a/1", { token: "bad" }));
  const count = (): number => [first, ...flood].filter(({ ended }) => !ended).length;
  assert.equal(count(), appealCountMax);
  assert.equal(behind.barriers.length, 1);
  assert.equal(behind.api.pendingCount, 1, "no more than the barrier is waited for");
  assert.ok(flood.every((call) => !call.ended || refusal(call) === invalidToken));
  assert.equal(get(behind, "a/1", ana).failure, null, "others are not held up");
  assert.equal(put(behind, "a/1", ana).failure, null);
  pair.catchUp();
  assert.ok(first.ended);
  assert.equal(count(), appealCountMax - 1, "those that came while the first was heard");
  assert.equal(behind.barrierCount, 3, "two, and that of the read");
  pair.catchUp();
  assert.equal(count(), 0);
  assert.equal(behind.barriers.length, 0);
  assert.equal(behind.barrierCount, 3);
});

test("clients that give up, and the stop of the server", () => {
  const pair = new Pair().change({ op: "enable" }).follow();
  const { behind } = pair;
  const gone = put(behind, "k");
  gone.cancel();
  const waiting = put(behind, "k");
  const watch = behind.stream("/etcdserverpb.Watch/Watch");
  watch.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: { key: text("k") } } });
  behind.api.stop();
  assert.equal(refusal(waiting), "14 etcdserver: server stopped");
  assert.equal(refusal(watch), "14 etcdserver: server stopped");
  assert.deepEqual([gone.answer, gone.failure], [null, null]);
  assert.equal(behind.api.pendingCount, 0);
  assert.equal(refusal(put(behind, "k")), "14 etcdserver: server stopped");
});

test("a signed token is verified once: what it says does not depend on how far the member has come", () => {
  let verified = 0;
  const signedTokens: SignedTokenPort = {
    sign: (user, authRevision, done) => done(`${user}@${authRevision}`),
    verify(token, done) {
      verified++;
      const [user = "", revision = ""] = token.split("@");
      done(revision === "" ? null : { user, authRevision: Number(revision) });
    },
  };
  const pair = new Pair({ signedTokens }).change({ op: "enable" }).follow();
  const { behind } = pair;
  const calls = [put(behind, "a/1", { token: "nonsense" }), put(behind, "a/1", { token: "ghost@99" })];
  pair.catchUp();
  pair.catchUp();
  assert.deepEqual(calls.map(refusal), [invalidToken, denied]);
  assert.equal(verified, 2);
});
