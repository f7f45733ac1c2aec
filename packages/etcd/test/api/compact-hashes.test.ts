/** HashKV at a revision that was compacted to: the same as before the compaction, for the last ten of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
} from "@quorate/etcd/messages";
import { type FakeCall, Member, text } from "./fixture.ts";

function put(member: Member, key: string): bigint {
  const answer = member.ask("/etcdserverpb.KV/Put", PutRequestSchema, { key: text(key) }, PutResponseSchema);
  return answer.header?.revision ?? -1n;
}

function compact(member: Member, revision: bigint): void {
  member.ask("/etcdserverpb.KV/Compact", CompactionRequestSchema, { revision }, CompactionResponseSchema);
}

function begin(member: Member, revision: bigint): FakeCall {
  return member.call("/etcdserverpb.Maintenance/HashKV", HashKVRequestSchema, { revision });
}

function hashOf(member: Member, revision: bigint): { hash: number; compacted: bigint; at: bigint } {
  const call = begin(member, revision);
  member.runDeferred();
  assert.ok(call.answer !== null, call.failure?.message ?? "no answer");
  const answer = fromBinary(HashKVResponseSchema, call.answer);
  return { hash: answer.hash, compacted: answer.compactRevision, at: answer.header?.revision ?? -1n };
}

function sweepAll(member: Member): void {
  while (member.machine.sweep(1000)) {
    // Until nothing is left.
  }
}

test("the hash at a revision is the same before and after a compaction to it, on a deleted key, too", () => {
  const member = new Member();
  put(member, "k");
  put(member, "k");
  const request = { key: text("k") };
  member.ask("/etcdserverpb.KV/DeleteRange", DeleteRangeRequestSchema, request, DeleteRangeResponseSchema);
  put(member, "other");
  const before = hashOf(member, 4n);
  compact(member, 4n);
  member.runDeferred();
  sweepAll(member);
  assert.deepEqual(hashOf(member, 4n), before);
  assert.equal(before.compacted, -1n);
  assert.equal(hashOf(member, 0n).compacted, 4n, "the present hash covers what is there");
});

test("who asks while it is hashed waits, and what was compacted stays so long", () => {
  const member = new Member();
  put(member, "k");
  put(member, "k");
  const before = hashOf(member, 3n);
  put(member, "k");
  compact(member, 3n);
  sweepAll(member);
  const call = begin(member, 3n);
  assert.equal(call.answer, null);
  member.runDeferred();
  assert.ok(call.answer !== null);
  assert.equal(fromBinary(HashKVResponseSchema, call.answer).hash, before.hash);
});

test("refused compactions leave nothing; the last ten are kept; a member that stops lets go of its pins", () => {
  const member = new Member();
  for (let i = 0; i < 13; i++) {
    put(member, "k");
  }
  const hashes = Array.from({ length: 13 }, (_, i) => hashOf(member, BigInt(i + 2)));
  assert.throws(() => compact(member, 99n), /future revision/);
  for (let revision = 2n; revision <= 13n; revision++) {
    compact(member, revision);
    member.runDeferred();
  }
  assert.throws(() => compact(member, 5n), /compacted/);
  assert.equal(begin(member, 3n).failure?.code, 11, "the oldest is gone");
  // Each covers what the compaction before left; only the first began at the beginning.
  assert.equal(hashOf(member, 13n).compacted, 12n);
  assert.notEqual(hashOf(member, 13n).hash, hashes[11]?.hash);
  put(member, "k");
  compact(member, 15n);
  member.api.stop();
  member.runDeferred();
  sweepAll(member);
  assert.equal(member.machine.sweep(1000), false);
});

test("who waits for a hash that is forgotten is answered all the same", () => {
  const replaced = new Member();
  for (let i = 0; i < 14; i++) {
    put(replaced, "k");
  }
  compact(replaced, 3n);
  const passed = begin(replaced, 3n);
  for (let revision = 4n; revision <= 13n; revision++) {
    compact(replaced, revision);
  }
  assert.equal(passed.failure?.message, "etcdserver: mvcc: required revision has been compacted");
  const stopped = new Member();
  put(stopped, "k");
  const request = { revision: 2n, physical: true };
  const physical = stopped.call("/etcdserverpb.KV/Compact", CompactionRequestSchema, request);
  const waiting = begin(stopped, 2n);
  assert.deepEqual([physical.ended, waiting.ended], [false, false]);
  stopped.api.stop();
  stopped.runDeferred();
  assert.equal(waiting.failure?.message, "etcdserver: server stopped");
  assert.notEqual(physical.answer, null);
});
