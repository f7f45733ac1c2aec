/** What a client is told when a request does not end in an answer: each outcome, timeouts, cancels, the stop. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReadOutcome, RefusalReason, ReplicationStatus, SubmitOutcome } from "@quorate/etcd";
import { PutRequestSchema, RangeRequestSchema } from "@quorate/etcd/messages";
import { Member, text } from "./fixture.ts";

const unavailable = 14;

function held(): Member {
  const member = new Member();
  member.held = true;
  return member;
}

function put(member: Member, metadata: Readonly<Record<string, string>> = {}) {
  return member.call("/etcdserverpb.KV/Put", PutRequestSchema, { key: text("k") }, metadata);
}

function range(member: Member) {
  return member.call("/etcdserverpb.KV/Range", RangeRequestSchema, { key: text("k") });
}

const refused = (reason: RefusalReason) => ({ kind: "refused", reason, leader: 0 }) as const;

const texts: readonly (readonly [RefusalReason, number, string])[] = [
  ["leader-changed", unavailable, "etcdserver: leader changed"],
  ["uncommitted-limit", 8, "etcdserver: too many requests"],
  ["too-many-requests", 8, "etcdserver: too many requests"],
  ["too-large", 3, "etcdserver: request is too large"],
  ["not-a-member", unavailable, "etcdserver: server stopped"],
  ["stopped", unavailable, "etcdserver: server stopped"],
];
for (const [reason, code, message] of texts) {
  test(`a command refused as ${reason}: ${message}`, () => {
    const member = held();
    const call = put(member);
    member.submitted[0]?.done(refused(reason));
    assert.deepEqual(call.failure, { code, message });
  });
  test(`a read refused as ${reason}: ${message}`, () => {
    const member = held();
    const call = range(member);
    const outcome: ReadOutcome = refused(reason);
    member.barriers[0]?.(outcome);
    assert.deepEqual(call.failure, { code, message });
  });
}

const unknowns: readonly (readonly [Extract<SubmitOutcome, { kind: "unknown" }>["reason"], string])[] = [
  ["leader-changed", "etcdserver: request timed out, possibly due to previous leader failure"],
  ["connection-lost", "etcdserver: request timed out, possibly due to connection lost"],
  ["timeout", "etcdserver: request timed out"],
  ["stopped", "etcdserver: server stopped"],
];
for (const [reason, message] of unknowns) {
  test(`a command of unknown outcome, ${reason}: ${message}`, () => {
    const member = held();
    const call = put(member);
    member.submitted[0]?.done({ kind: "unknown", reason });
    assert.deepEqual(call.failure, { code: unavailable, message });
  });
}

const timeouts: readonly (readonly [string, Partial<ReplicationStatus>, string])[] = [
  ["connected to the leader all along", {}, "etcdserver: request timed out"],
  ["no leader", { leader: 0, connectedSinceMs: null }, "etcdserver: request timed out"],
  [
    "a leader elected after it began",
    { leaderSinceMs: 2000 },
    "etcdserver: request timed out, possibly due to previous leader failure",
  ],
  ["a leader elected long after it began", { leaderSinceMs: 3001 }, "etcdserver: request timed out"],
  [
    "connected only after it began",
    { connectedSinceMs: 1001 },
    "etcdserver: request timed out, possibly due to connection lost",
  ],
  [
    "not connected",
    { connectedSinceMs: null },
    "etcdserver: request timed out, possibly due to connection lost",
  ],
];
for (const [name, status, message] of timeouts) {
  test(`a command times out, ${name}: ${message}`, () => {
    const member = held();
    const call = put(member);
    member.status = { ...member.status, ...status };
    member.api.tick(1000 + 6999);
    assert.equal(call.ended, false);
    member.api.tick(1000 + 7000);
    assert.deepEqual(call.failure, { code: unavailable, message });
    assert.equal(member.cancelledCount, 1);
    // Late news changes nothing: the fixture's call throws when it is answered twice.
    member.submitted[0]?.done({ kind: "unknown", reason: "timeout" });
  });
}

test("a read times out", () => {
  const member = held();
  const call = range(member);
  member.api.tick(8000);
  assert.deepEqual(call.failure, { code: unavailable, message: "etcdserver: request timed out" });
  member.barriers[0]?.({ kind: "ready" });
});

test("requests time out in their own time, whatever ended between them", () => {
  const member = held();
  const calls = [0, 100, 200, 300].map((offsetMs) => {
    member.api.tick(1000 + offsetMs);
    return put(member);
  });
  member.submitted[1]?.done(refused("stopped"));
  assert.equal(member.api.pendingCount, 3);
  member.api.tick(8000);
  assert.deepEqual(
    calls.map((call) => call.ended),
    [true, true, false, false],
  );
  member.api.tick(8300);
  assert.equal(member.api.pendingCount, 0);
});

test("a client that goes away leaves nothing waiting, and nothing is answered", () => {
  const member = held();
  const call = put(member);
  call.cancel();
  assert.equal(member.api.pendingCount, 0);
  assert.equal(member.cancelledCount, 1);
  const submitted = member.submitted[0];
  assert.ok(submitted !== undefined);
  member.apply(submitted.command, submitted.done);
  assert.equal(call.answer, null);
});

test("the stop ends what waits and refuses what comes", () => {
  const member = held();
  const waiting = [put(member), range(member)];
  member.api.stop();
  for (const call of [...waiting, put(member), range(member)]) {
    assert.deepEqual(call.failure, { code: unavailable, message: "etcdserver: server stopped" });
  }
  assert.equal(member.api.pendingCount, 0);
});

test("hasleader: refused at once while there is no leader", () => {
  const member = held();
  assert.equal(put(member, { hasleader: "true" }).failure, null);
  member.status = { ...member.status, leader: 0 };
  assert.deepEqual(put(member, { hasleader: "true" }).failure, {
    code: unavailable,
    message: "etcdserver: no leader",
  });
  assert.equal(put(member).failure, null);
});

test("a learner serves serializable ranges only", () => {
  const member = new Member();
  member.status = { ...member.status, isLearner: true };
  const refusal = { code: 9, message: "etcdserver: rpc not supported for learner" };
  assert.deepEqual(put(member).failure, refusal);
  assert.deepEqual(range(member).failure, refusal);
  const stale = member.call("/etcdserverpb.KV/Range", RangeRequestSchema, {
    key: text("k"),
    serializable: true,
  });
  assert.equal(stale.failure, null);
});

for (const reason of ["no-leader", "not-leader", "transferring"] as const) {
  test(`a command and a read refused as ${reason} wait for a leader and are asked again`, () => {
    const member = held();
    const write = put(member);
    const read = range(member);
    member.status = { ...member.status, leader: 0 };
    member.submitted[0]?.done(refused(reason));
    member.barriers[0]?.(refused(reason));
    member.api.tick(1050);
    assert.deepEqual(
      [write.ended, read.ended, member.submitted.length, member.barriers.length],
      [false, false, 1, 1],
    );

    member.status = { ...member.status, leader: 9 };
    member.api.leaderMayHaveChanged();
    assert.deepEqual([member.submitted.length, member.barriers.length], [2, 2]);
    const again = member.submitted[1];
    assert.ok(again !== undefined);
    assert.deepEqual(again.command, member.submitted[0]?.command);
    member.apply(again.command, again.done);
    member.barriers[1]?.({ kind: "ready" });
    assert.ok(write.answer !== null && read.answer !== null);
    assert.equal(member.api.pendingCount, 0);
  });
}

test("a command that waits for a leader in vain times out, and is not asked again", () => {
  const member = held();
  member.status = { ...member.status, leader: 0 };
  const call = put(member);
  member.submitted[0]?.done(refused("no-leader"));
  member.api.tick(100_000);
  assert.deepEqual(call.failure, { code: unavailable, message: "etcdserver: request timed out" });
  member.status = { ...member.status, leader: 9 };
  member.api.tick(100_001);
  assert.equal(member.submitted.length, 1);
});

test("a client that goes away while its command waits for a leader is forgotten", () => {
  const member = held();
  member.status = { ...member.status, leader: 0 };
  const call = put(member);
  member.submitted[0]?.done(refused("no-leader"));
  call.cancel();
  member.status = { ...member.status, leader: 9 };
  member.api.tick(1050);
  assert.deepEqual([member.submitted.length, member.api.pendingCount], [1, 0]);
});
