/** What went wrong in etcd with leases and locks: the same orders of events, and what must hold here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { LockRequestSchema, LockResponseSchema } from "@quorate/etcd/messages";
import { encodeCommand } from "@quorate/kv";
import { type FakeCall, type Member, string, text } from "../api/fixture.ts";
import { Leased } from "../lease/leased.ts";

// etcd #15247: a leader was stuck in a write to its disk, another one was elected and renewed the leases; the old one went on, saw them all overdue by its own clock, and its revocations were carried out.
// Here a revocation for want of renewal names the term of the leader that decided on it, and has no effect in another.
test("etcd #15247: what a leader decided before it was stuck revokes nothing under the next one", () => {
  const stuck = new Leased();
  for (let id = 1n; id <= 20n; id++) {
    stuck.grant(id, 10n);
  }
  stuck.held = true;
  stuck.pass(11_000);
  const late = stuck.submitted.splice(0);
  assert.ok(late.length > 0, "it decides by its own clock");
  stuck.held = false;
  stuck.follow(8);
  for (const { command, done } of late) {
    stuck.apply(command, done);
  }
  assert.equal(stuck.machine.leaseCount, 20);
});

// etcd #12528: a leader that had stepped down kept its timers running, and went on asking for revocations.
// Here a follower decides nothing, whatever its clock says, and the next leader gives every lease its whole time again.
test("etcd #12528: a leader that stepped down asks for no revocation any more", () => {
  const member = new Leased();
  member.grant(5n, 10n);
  member.pass(9_900);
  member.follow(8);
  member.held = true;
  member.pass(60_000);
  assert.equal(member.submitted.length, 0);
  member.held = false;
  member.lead(9);
  member.pass(10_150);
  assert.equal(member.machine.leaseCount, 1);
  member.pass(100);
  assert.equal(member.machine.leaseCount, 0);
});

const lock = (member: Member, lease: bigint): FakeCall =>
  member.call("/v3lockpb.Lock/Lock", LockRequestSchema, { name: text("l"), lease });

const keyOf = (call: FakeCall): string =>
  string(fromBinary(LockResponseSchema, call.answer ?? assert.fail("not held")).key);

// Jepsen, etcd 3.4.3: two clients held one lock, because a lease may end while its owner works on; and one was told that it held the lock although its lease had ended while it waited.
// The first is in the nature of leases: the key that stands for the lock is the fence, and a transaction that compares it does nothing once the lock has passed on. The second was a mistake.
test("Jepsen on etcd 3.4.3: whoever waited for a lock beyond its lease does not get it, and a fence holds off whoever lost it", () => {
  const member = new Leased();
  for (const id of [1n, 2n, 3n]) {
    member.grant(id, 60n);
  }
  const first = keyOf(lock(member, 1n));
  const expired = lock(member, 2n);
  const third = lock(member, 3n);
  member.revoke(2n);
  member.revoke(1n);
  assert.equal(expired.answer, null);
  assert.match(expired.failure?.message ?? "", /session is expired/);
  assert.equal(keyOf(third), "l/3");
  // The first owner does not know yet.
  const write = { type: "put", key: text("k"), value: text("stale"), lease: 0n } as const;
  const flags = { prevKv: false, ignoreValue: false, ignoreLease: false };
  const held = {
    key: text(first),
    rangeEnd: text(""),
    result: "greater",
    target: "create",
    value: 0,
  } as const;
  let isDone: unknown = null;
  member.apply(
    encodeCommand({ type: "txn", compares: [held], success: [{ ...write, ...flags }], failure: [] }),
    (outcome) => {
      isDone = outcome.kind === "applied" && outcome.result.type === "txn" ? outcome.result.succeeded : null;
    },
  );
  assert.equal(isDone, false);
});
