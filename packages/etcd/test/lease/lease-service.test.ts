/** Leases in virtual time: grants, expiry, keep-alive, changes of the leader, forwarding, pacing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { apiLimitsDefault } from "@quorate/etcd";
import {
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
} from "@quorate/etcd/messages";
import { decodeCommand, encodeCommand } from "@quorate/kv";
import type { FakeStream } from "../api/fixture.ts";
import { Leased, self } from "./leased.ts";

const renew = (stream: FakeStream, ID: bigint): [bigint, bigint][] => {
  stream.send(LeaseKeepAliveRequestSchema, { ID });
  return taken(stream);
};
const taken = (stream: FakeStream): [bigint, bigint][] =>
  stream.take(LeaseKeepAliveResponseSchema).map(({ ID, TTL }) => [ID, TTL]);

test("grants: ids of the client or the server, the least time, the longest, and each id once", () => {
  const member = new Leased();
  const answer = member.grant(5n, 60n);
  assert.deepEqual([answer.ID, answer.TTL, answer.error, answer.header?.revision], [5n, 60n, "", 1n]);
  assert.equal(member.grant(-6n, 1n).TTL, 2n);
  assert.equal(member.grant(7n, -5n).TTL, 2n);
  assert.equal(member.grant(8n, 9_000_000_000n).TTL, 9_000_000_000n);
  const chosen = member.grant(0n, 60n).ID;
  assert.ok(chosen > 0n && chosen < 2n ** 63n);
  assert.notEqual(member.grant(0n, 60n).ID, chosen);
  const refused = (ID: bigint, TTL: bigint) =>
    member.call("/etcdserverpb.Lease/LeaseGrant", LeaseGrantRequestSchema, { ID, TTL }).failure;
  assert.deepEqual(refused(5n, 60n), { code: 9, message: "etcdserver: lease already exists" });
  assert.deepEqual(refused(9n, 9_000_000_001n), { code: 11, message: "etcdserver: too large lease TTL" });
  assert.deepEqual(refused(5n, 2n ** 63n - 1n)?.code, 11);
  assert.equal(apiLimitsDefault(1000, 100).leaseTtlSecondsMin, 2);
  assert.equal(apiLimitsDefault(5000, 500).leaseTtlSecondsMin, 8);
});

test("a lease ends late by a tick at most, never early, and takes its keys along in one revision", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  member.put("b", 5n);
  member.put("a", 5n);
  assert.deepEqual(member.timeToLive(5n), { ttl: 10n, granted: 10n, keys: ["a", "b"] });
  member.pass(10_000);
  assert.deepEqual(member.timeToLive(5n).keys, ["a", "b"]);
  assert.equal(member.machine.revision, 3);
  member.pass(50);
  assert.deepEqual(member.timeToLive(5n), { ttl: -1n, granted: 0n, keys: [] });
  assert.equal(member.machine.revision, 4);
  assert.deepEqual(member.leases(), []);
});

test("keep-alive gives the whole time again, answers in order, and says 0 for what is gone", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  const stream = member.keepAlive();
  for (let i = 0; i < 5; i++) {
    member.pass(9000);
    assert.deepEqual(renew(stream, 5n), [[5n, 10n]]);
  }
  member.held = true;
  stream.send(LeaseKeepAliveRequestSchema, { ID: 5n });
  stream.send(LeaseKeepAliveRequestSchema, { ID: 6n });
  const [first, second] = member.barriers.splice(0);
  second?.({ kind: "ready" });
  assert.deepEqual(taken(stream), []);
  first?.({ kind: "ready" });
  assert.deepEqual(taken(stream), [
    [5n, 10n],
    [6n, 0n],
  ]);
  member.held = false;
  member.pass(10_100);
  assert.deepEqual(renew(stream, 5n), [[5n, 0n]]);
  stream.finish();
  member.runDeferred();
  assert.deepEqual([stream.ended, stream.failure], [true, null]);
});

test("a client that ends its side and cancels in one breath is told nothing any more", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  const stream = member.keepAlive();
  assert.deepEqual(renew(stream, 5n), [[5n, 10n]]);
  stream.finish();
  assert.equal(stream.ended, false);
  // The stream would throw if it were ended or written to after this.
  stream.cancel();
  member.runDeferred();
  assert.deepEqual(taken(stream), []);
});

test("a lease whose time is over is not renewed, even while its revocation is under way (K15)", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  const stream = member.keepAlive();
  member.pass(10_000);
  member.held = true;
  member.pass(50);
  assert.equal(member.submitted.length, 1);
  stream.send(LeaseKeepAliveRequestSchema, { ID: 5n });
  member.barriers.shift()?.({ kind: "ready" });
  assert.deepEqual(taken(stream), []);
  const revoke = member.submitted.shift();
  assert.ok(revoke !== undefined);
  assert.deepEqual(decodeCommand(revoke.command), { type: "lease-revoke", id: 5n, fenceTerm: 7 });
  member.apply(revoke.command, revoke.done);
  assert.deepEqual(taken(stream), [[5n, 0n]]);
});

test("a revocation that came to nothing is tried again, one with an unknown end too", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  member.pass(10_000);
  member.held = true;
  member.pass(50);
  member.submitted.shift()?.done({ kind: "refused", reason: "uncommitted-limit", leader: self });
  member.pass(2950);
  assert.equal(member.submitted.length, 0);
  member.pass(100);
  assert.equal(member.submitted.length, 1);
  member.pass(7000 + 3100);
  assert.equal(member.submitted.length, 2);
  assert.equal(member.machine.leaseCount, 1);
});

test("a new leader gives every lease its whole time again from when it leads; a follower revokes nothing", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  member.pass(9000);
  member.follow(8);
  member.pass(60_000);
  assert.equal(member.machine.leaseCount, 1);
  member.lead(9);
  member.pass(10_150);
  assert.equal(member.machine.leaseCount, 1);
  member.pass(100);
  assert.equal(member.machine.leaseCount, 0);
});

test("what a deposed leader has proposed has no effect when it enters the log under another (K14)", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  const stream = member.keepAlive();
  member.pass(10_000);
  member.held = true;
  member.pass(50);
  stream.send(LeaseKeepAliveRequestSchema, { ID: 5n });
  member.barriers.shift()?.({ kind: "ready" });
  const late = member.submitted.shift();
  assert.ok(late !== undefined);
  member.held = false;
  member.follow(8);
  member.apply(late.command, late.done);
  assert.equal(member.machine.leaseCount, 1);
  // The renewal that waited for it is asked again, and there is a leader for it again.
  member.lead(9);
  member.pass(50);
  assert.deepEqual(taken(stream), [[5n, 10n]]);
});

test("renewals are refused where leadership was lost while it was being made sure of", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  const stream = member.keepAlive();
  member.held = true;
  stream.send(LeaseKeepAliveRequestSchema, { ID: 5n });
  // No tick has told the lessor yet.
  member.status = { ...member.status, leader: 9, term: 8 };
  for (const barrier of member.barriers.splice(0)) {
    barrier({ kind: "ready" });
  }
  assert.deepEqual(taken(stream), []);
  member.pass(8000);
  assert.deepEqual(stream.failure, { code: 14, message: "etcdserver: request timed out" });
});

test("other members ask the leader; without a way to it they answer as without a leader", () => {
  const leader = new Leased();
  let connected = true;
  const asked: Uint8Array[] = [];
  const follower = new Leased({
    leaderPort: {
      askLeader: (question, done) => {
        asked.push(question);
        if (connected) {
          leader.api.answerMember(question, done);
        } else {
          done(null);
        }
      },
    },
  });
  follower.follow(7);
  for (const member of [leader, follower]) {
    member.apply(encodeCommand({ type: "lease-grant", id: 5n, ttlSeconds: 10 }), () => {});
    member.put("k", 5n);
  }
  leader.pass(4000);
  const stream = follower.keepAlive();
  assert.deepEqual(follower.timeToLive(5n), { ttl: 6n, granted: 10n, keys: ["k"] });
  assert.deepEqual(renew(stream, 5n), [[5n, 10n]]);
  assert.deepEqual(follower.timeToLive(5n).ttl, 10n);
  assert.deepEqual(renew(stream, 6n), [[6n, 0n]]);
  assert.equal(Buffer.from(asked[0] ?? []).toString("hex"), "0102050000000000000001");
  leader.api.answerMember(asked[0] ?? new Uint8Array(0), (bytes) =>
    assert.equal(Buffer.from(bytes).toString("hex"), "01020a0a01016b"),
  );
  connected = false;
  assert.deepEqual(renew(stream, 5n), []);
  follower.pass(1000);
  connected = true;
  follower.pass(50);
  assert.deepEqual(taken(stream), [[5n, 10n]]);
  leader.follow(8);
  stream.send(LeaseKeepAliveRequestSchema, { ID: 5n });
  follower.status = { ...follower.status, leader: 0 };
  follower.pass(7000);
  assert.deepEqual(stream.failure, { code: 14, message: "etcdserver: no leader" });
});

test("a question that is not understood is answered as a failure", () => {
  const answers: string[] = [];
  for (const question of [[], [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]]) {
    new Leased().api.answerMember(Uint8Array.from(question), (bytes) =>
      answers.push(Buffer.from(bytes).toString("hex")),
    );
  }
  assert.deepEqual(answers, ["0100", "0100", "0100"]);
});

test("revocation by a client, and what it says of a lease that is not there", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  member.put("k", 5n);
  const path = "/etcdserverpb.Lease/LeaseRevoke";
  const answer = member.ask(path, LeaseRevokeRequestSchema, { ID: 5n }, LeaseRevokeResponseSchema);
  assert.equal(answer.header?.revision, 3n);
  assert.deepEqual(member.call(path, LeaseRevokeRequestSchema, { ID: 5n }).failure, {
    code: 5,
    message: "etcdserver: requested lease not found",
  });
});

test("the leader lists leases in the order they end", () => {
  const member = new Leased();
  member.grant(1n, 30n);
  member.grant(2n, 20n);
  member.grant(3n, 40n);
  member.pass(50);
  assert.deepEqual(member.leases(), [2n, 1n, 3n]);
  member.follow(8);
  assert.deepEqual(member.leases(), [1n, 2n, 3n]);
});

test("many leases that end together are revoked at a bounded rate", () => {
  const member = new Leased();
  for (let i = 1; i <= 12_000; i++) {
    member.apply(encodeCommand({ type: "lease-grant", id: BigInt(i), ttlSeconds: 10 }), () => {});
  }
  member.pass(10_000);
  assert.equal(member.machine.leaseCount, 12_000);
  let before = member.machine.leaseCount;
  for (let tick = 0; tick < 40; tick++) {
    member.pass(50);
    assert.ok(before - member.machine.leaseCount <= 100, "revoked in one tick");
    before = member.machine.leaseCount;
  }
  const revoked = 12_000 - before;
  assert.ok(revoked >= 1950 && revoked <= 2100, `${revoked} in two seconds`);
  member.held = true;
  member.pass(5000);
  assert.ok(member.submitted.length <= 200, "in flight");
});

test("with checkpoints, a new leader goes on from what was left, unless it was renewed since", () => {
  const limits = { ...apiLimitsDefault(), leaseCheckpoint: true };
  const member = new Leased({ limits });
  member.grant(5n, 1000n);
  member.grant(6n, 1000n);
  member.pass(301_000);
  assert.ok((member.machine.lease(5n)?.remainingSeconds ?? 0) <= 701);
  const stream = member.keepAlive();
  assert.deepEqual(renew(stream, 6n), [[6n, 1000n]]);
  assert.equal(member.machine.lease(6n)?.remainingSeconds, 0);
  member.follow(8);
  member.lead(9);
  member.pass(702_000);
  assert.deepEqual(member.leases(), [6n]);
});
