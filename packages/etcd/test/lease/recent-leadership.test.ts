/** Keep-alives that rest on a round of a moment ago: for how long, when not, and what a new leader adds for their sake. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ApiOptions, apiLimitsDefault } from "@quorate/etcd";
import { LeaseKeepAliveRequestSchema, LeaseKeepAliveResponseSchema } from "@quorate/etcd/messages";
import type { FakeStream } from "../api/fixture.ts";
import { Leased } from "./leased.ts";

/** A leader of lease 5, of ten seconds, and a stream that keeps it alive; `clock` shows the time between ticks, too. */
function leader(overrides: Partial<ApiOptions> = {}): {
  member: Leased;
  clock: { nowMs: number };
  stream: FakeStream;
} {
  const clock = { nowMs: 1000 };
  const member = new Leased({ clock: { nowMs: () => clock.nowMs }, ...overrides });
  member.grant(5n, 10n);
  return { member, clock, stream: member.keepAlive() };
}

/** Asks to renew lease `ID`; what was answered. */
function renew(stream: FakeStream, ID = 5n): bigint[] {
  stream.send(LeaseKeepAliveRequestSchema, { ID });
  return taken(stream);
}

const taken = (stream: FakeStream): bigint[] =>
  stream.take(LeaseKeepAliveResponseSchema).map(({ TTL }) => TTL);

/** One whose majority was asked at 1,000 ms, and whose barriers now wait for the test. */
function confirmed(overrides: Partial<ApiOptions> = {}): ReturnType<typeof leader> {
  const parts = leader(overrides);
  assert.deepEqual(renew(parts.stream), [10n]);
  assert.equal(parts.member.barrierCount, 1);
  parts.member.held = true;
  return parts;
}

test("a majority's word is enough for a tenth of a second, counted from when it was asked", () => {
  const { member, clock, stream } = leader();
  member.held = true;
  assert.deepEqual(renew(stream), []);
  clock.nowMs = 1080;
  member.barriers.shift()?.({ kind: "ready" });
  assert.deepEqual(taken(stream), [10n]);
  clock.nowMs = 1100;
  assert.deepEqual(renew(stream), [10n]);
  member.barriers.splice(0);
  clock.nowMs = 1101;
  assert.deepEqual(renew(stream), []);
  assert.equal(member.barriers.length, 1);
});

test("under load nobody waits: a majority is asked ahead, once at a time", () => {
  const { member, clock, stream } = confirmed();
  clock.nowMs = 1050;
  assert.deepEqual(renew(stream), [10n]);
  assert.equal(member.barriers.length, 0);
  clock.nowMs = 1051;
  assert.deepEqual([renew(stream), renew(stream)], [[10n], [10n]]);
  assert.equal(member.barriers.length, 1);
  member.barriers.shift()?.({ kind: "ready" });
  clock.nowMs = 1151;
  assert.deepEqual(renew(stream), [10n]);
  assert.equal(member.barriers.length, 1);
});

test("a round ahead that was refused is no word, and may be asked again", () => {
  const { member, clock, stream } = confirmed();
  clock.nowMs = 1090;
  assert.deepEqual(renew(stream), [10n]);
  member.barriers.shift()?.({ kind: "refused", reason: "no-leader", leader: 0 });
  assert.deepEqual(renew(stream), [10n]);
  assert.equal(member.barriers.length, 1);
  clock.nowMs = 1101;
  assert.deepEqual(renew(stream), []);
});

test("a process that stood still asks again, before its first tick", () => {
  const { member, clock, stream } = confirmed();
  clock.nowMs = 31_000;
  assert.deepEqual(renew(stream), []);
  member.status = { ...member.status, leader: 9, term: 8 };
  member.barriers.shift()?.({ kind: "ready" });
  assert.deepEqual(taken(stream), []);
});

test("the word of one term is none in another, and a round that outlived its term gives none", () => {
  const { member, clock, stream } = confirmed();
  member.lead(9);
  assert.deepEqual(renew(stream), []);
  assert.equal(member.barriers.length, 1);
  // Asked in term 9, answered when the member leads again, in term 11.
  member.lead(11);
  member.barriers.shift()?.({ kind: "ready" });
  clock.nowMs = 1010;
  assert.deepEqual(renew(stream), []);
});

test("what was committed and is not applied may have ended the lease: a majority is asked", () => {
  const { member, stream } = confirmed();
  member.status = { ...member.status, committed: 4, applied: 3 };
  assert.deepEqual(renew(stream), []);
  assert.equal(member.barriers.length, 1);
});

test("that a lease is gone, and what is left of one, is said by a majority only", () => {
  const { member, stream } = confirmed();
  assert.deepEqual(renew(stream, 6n), []);
  member.barriers.shift()?.({ kind: "ready" });
  assert.deepEqual(taken(stream), [0n]);
  member.held = false;
  assert.equal(member.timeToLive(5n).ttl, 10n);
  assert.equal(member.barrierCount, 3);
});

test("without a clock, or where the gate is off, a majority confirms each", () => {
  const limits = { ...apiLimitsDefault(), fastLeaseKeepAlive: false };
  const { stream } = confirmed({ limits });
  assert.deepEqual(renew(stream), []);
  const clockless = new Leased();
  clockless.grant(5n, 10n);
  const other = clockless.keepAlive();
  assert.deepEqual([renew(other), renew(other)], [[10n], [10n]]);
  assert.equal(clockless.barrierCount, 2);
});

test("a question of another member rests on the same word", () => {
  const { member, clock } = confirmed();
  const follower = new Leased({
    leaderPort: { askLeader: (question, done) => member.api.answerMember(question, done) },
  });
  follower.grant(5n, 10n);
  follower.follow(7);
  const stream = follower.keepAlive();
  assert.deepEqual(renew(stream), [10n]);
  clock.nowMs = 1101;
  assert.deepEqual(renew(stream), []);
  member.barriers.shift()?.({ kind: "ready" });
  assert.deepEqual(taken(stream), [10n]);
  clock.nowMs = 1110;
  assert.deepEqual(renew(stream), [10n]);
  assert.equal(member.barriers.length, 0);
});

test("a new leader leaves the time that its predecessor may have given after it was elected", () => {
  const { member } = leader();
  member.follow(8);
  member.pass(3000);
  member.lead(9);
  assert.equal(member.timeToLive(5n).ttl, 10n);
  member.pass(10_150);
  assert.equal(member.machine.leaseCount, 1);
  member.pass(100);
  assert.equal(member.machine.leaseCount, 0);
});
