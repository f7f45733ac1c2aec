/** Locks and elections: order, waiting, giving up, leases that end, and what etcd answers to those who do not lead. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import {
  CampaignRequestSchema,
  CampaignResponseSchema,
  LeaderRequestSchema,
  LeaderResponseSchema,
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LockRequestSchema,
  LockResponseSchema,
  ProclaimRequestSchema,
  PutRequestSchema,
  ResignRequestSchema,
  UnlockRequestSchema,
  UnlockResponseSchema,
} from "@quorate/etcd/messages";
import { type FakeCall, Member, string, text } from "./fixture.ts";

function withLeases(...ids: bigint[]): Member {
  const member = new Member();
  for (const ID of ids) {
    member.ask(
      "/etcdserverpb.Lease/LeaseGrant",
      LeaseGrantRequestSchema,
      { TTL: 60n, ID },
      LeaseGrantResponseSchema,
    );
  }
  return member;
}

const refusal = (call: FakeCall): string => `${call.failure?.code} ${call.failure?.message}`;
const lock = (member: Member, lease: bigint): FakeCall =>
  member.call("/v3lockpb.Lock/Lock", LockRequestSchema, { name: text("l"), lease });
const unlock = (member: Member, key: string): void =>
  void member.ask("/v3lockpb.Lock/Unlock", UnlockRequestSchema, { key: text(key) }, UnlockResponseSchema);
const revoke = (member: Member, ID: bigint): void =>
  void member.ask(
    "/etcdserverpb.Lease/LeaseRevoke",
    LeaseRevokeRequestSchema,
    { ID },
    LeaseRevokeResponseSchema,
  );
const lockKey = (call: FakeCall): string =>
  string(fromBinary(LockResponseSchema, call.answer ?? assert.fail("not held")).key);

test("Lock: in order of arrival; the key is etcd's; asking again with the lease is holding", () => {
  const member = withLeases(0x10n, 0x20n, 0x30n);
  const [first, second, third] = [lock(member, 0x10n), lock(member, 0x20n), lock(member, 0x30n)] as const;
  assert.equal(lockKey(first), "l/10");
  assert.equal(lockKey(lock(member, 0x10n)), "l/10");
  assert.equal(second.ended, false);
  member.call("/etcdserverpb.KV/Put", PutRequestSchema, { key: text("l0"), value: text("no part of it") });
  assert.equal(second.ended, false);
  unlock(member, "l/10");
  assert.equal(lockKey(second), "l/20");
  assert.equal(third.ended, false);
  revoke(member, 0x20n);
  assert.equal(lockKey(third), "l/30");
});

test("Lock: a lease that does not exist, one that ends while its owner waits, and none", () => {
  const member = withLeases(1n, 2n);
  assert.equal(refusal(lock(member, 9n)), "5 etcdserver: requested lease not found");
  lock(member, 1n);
  const waiting = lock(member, 2n);
  revoke(member, 2n);
  assert.equal(waiting.ended, false, "somebody is still before it");
  revoke(member, 1n);
  assert.equal(refusal(waiting), "2 mutex: session is expired");
  const own = lockKey(lock(member, 0n));
  const id = BigInt(`0x${own.slice(2)}`);
  assert.equal(member.machine.lease(id)?.ttlSeconds, 60);
});

test("Lock: a client that goes away while it waits lets the next one pass; the stop ends all that wait", () => {
  const member = withLeases(1n, 2n, 3n);
  lock(member, 1n);
  const gone = lock(member, 2n);
  const next = lock(member, 3n);
  gone.cancel();
  unlock(member, "l/1");
  assert.equal(lockKey(next), "l/3");
  const waiting = lock(member, 1n);
  member.api.stop();
  assert.equal(refusal(waiting), "14 etcdserver: server stopped");
});

const election = (name: string): string => `/v3electionpb.Election/${name}`;
const campaign = (member: Member, lease: bigint, value: string): FakeCall =>
  member.call(election("Campaign"), CampaignRequestSchema, { name: text("e"), lease, value: text(value) });
const leaderOf = (call: FakeCall) =>
  fromBinary(CampaignResponseSchema, call.answer ?? assert.fail("not won")).leader ??
  assert.fail("no leader");

test("Election: campaign, proclaim, observe, resign", () => {
  const member = withLeases(1n, 2n);
  const ask = () => member.call(election("Leader"), LeaderRequestSchema, { name: text("e") });
  assert.equal(refusal(ask()), "2 election: no leader");
  const observer = member.call(election("Observe"), LeaderRequestSchema, { name: text("e") });
  const first = leaderOf(campaign(member, 1n, "a"));
  assert.equal(string(first.key), "e/1");
  const second = campaign(member, 2n, "b");
  assert.equal(second.ended, false);
  leaderOf(campaign(member, 1n, "a2"));
  const proclaim = (leader: object | undefined, value: string): FakeCall =>
    member.call(election("Proclaim"), ProclaimRequestSchema, {
      ...(leader === undefined ? {} : { leader }),
      value: text(value),
    });
  assert.notEqual(proclaim(first, "a3").answer, null);
  assert.equal(
    string(fromBinary(LeaderResponseSchema, ask().answer ?? text("")).kv?.value ?? text("")),
    "a3",
  );
  const resign = member.call(election("Resign"), ResignRequestSchema, { leader: first });
  assert.notEqual(resign.answer, null);
  assert.equal(leaderOf(second).lease, 2n);
  const again = member.call(election("Resign"), ResignRequestSchema, { leader: first });
  assert.notEqual(again.answer, null, "whoever leads no more has resigned");
  assert.equal(refusal(proclaim(first, "x")), "2 election: not leader");
  assert.equal(refusal(proclaim({ ...first, rev: 0n }, "x")), "2 election: not leader");
  assert.equal(refusal(proclaim(undefined, "x")), '2 "leader" field must be provided');
  const seen = observer.written.map((bytes) =>
    string(fromBinary(LeaderResponseSchema, bytes).kv?.value ?? text("")),
  );
  assert.deepEqual(seen, ["a", "a2", "a3", "b"]);
  member.api.stop();
  assert.equal(refusal(observer), "14 etcdserver: server stopped");
});
