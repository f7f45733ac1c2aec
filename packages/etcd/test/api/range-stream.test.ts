/** KV.RangeStream: all of a range in chunks, at one revision, at the client's pace; only the last chunk has a header. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  PutRequestSchema,
  PutResponseSchema,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  RangeRequestSchema,
  type RangeResponse,
  RangeStreamResponseSchema,
} from "@quorate/etcd/messages";
import { FakeStream, Member, string, text } from "./fixture.ts";

const path = "/etcdserverpb.KV/RangeStream";
type Request = MessageInitShape<typeof RangeRequestSchema>;

function memberWith(count: number, valueBytes: number): Member {
  const member = new Member();
  for (let i = 0; i < count; i++) {
    put(member, `k${String(i).padStart(4, "0")}`, "v".repeat(valueBytes));
  }
  return member;
}

function put(member: Member, key: string, value: string): void {
  const request = { key: text(key), value: text(value) };
  member.ask("/etcdserverpb.KV/Put", PutRequestSchema, request, PutResponseSchema);
}

function begin(member: Member, request: Request, room = Number.POSITIVE_INFINITY): FakeStream {
  const call = new FakeStream(path);
  call.room = room;
  const method = member.api.methods.get(path);
  assert.ok(method?.kind === "server-stream");
  method.handle(toBinary(RangeRequestSchema, create(RangeRequestSchema, request)), call);
  return call;
}

function chunksOf(call: FakeStream): RangeResponse[] {
  return call.written.splice(0).map((bytes) => {
    const { rangeResponse } = fromBinary(RangeStreamResponseSchema, bytes);
    return rangeResponse ?? assert.fail("a chunk without an answer");
  });
}

const keysOf = (kvs: RangeResponse["kvs"]): string[] => kvs.map(({ key }) => string(key));
const all = { key: text("k"), rangeEnd: text("l") };

test("a small range is one chunk with header, count and more", () => {
  const member = memberWith(3, 1);
  const call = begin(member, { ...all, limit: 2n });
  const [chunk, ...rest] = chunksOf(call);
  assert.equal(rest.length, 0);
  assert.deepEqual(keysOf(chunk?.kvs ?? []), ["k0000", "k0001"]);
  assert.equal(chunk?.more, true);
  assert.equal(chunk?.count, 3n);
  assert.equal(chunk?.header?.revision, 4n);
  assert.equal(call.ended, true);
  assert.equal(call.failure, null);
});

test("a large range is many chunks of one revision; writes meanwhile are not in it", () => {
  const member = memberWith(40, 64 * 1024);
  const call = begin(member, all);
  put(member, "k0000", "later");
  put(member, "k9999", "later");
  member.runDeferred();
  const chunks = chunksOf(call);
  assert.ok(chunks.length >= 4, `${chunks.length} chunks`);
  const last = chunks.pop();
  assert.ok(chunks.every(({ count, header, more }) => header === undefined && count === 0n && !more));
  assert.equal(last?.header?.revision, 41n);
  assert.equal(last?.count, 40n);
  const kvs = [...chunks.flatMap((chunk) => chunk.kvs), ...(last?.kvs ?? [])];
  assert.equal(new Set(keysOf(kvs)).size, 40);
  assert.ok(kvs.every(({ value }) => value.length === 64 * 1024));
  assert.ok(
    chunks.every((chunk) => chunk.kvs.length <= 9),
    "a chunk is about half a mebibyte",
  );
});

test("a client that does not read is not sent more, and one that reads again gets the rest", () => {
  const member = memberWith(40, 64 * 1024);
  const call = begin(member, all, 1);
  member.runDeferred();
  assert.equal(call.written.length, 1);
  for (let drained = 0; drained < 10 && !call.ended; drained++) {
    call.drain(1);
    member.runDeferred();
  }
  assert.equal(call.ended, true);
  assert.equal(chunksOf(call).flatMap((chunk) => chunk.kvs).length, 40);
});

test("a client that went away is forgotten, and what it read may be swept", () => {
  const member = memberWith(40, 64 * 1024);
  const call = begin(member, all, 1);
  call.cancel();
  call.drain(100);
  member.runDeferred();
  assert.equal(call.written.length, 1);
});

test("count only: one message without pairs", () => {
  const [chunk, ...rest] = chunksOf(begin(memberWith(3, 1), { ...all, countOnly: true }));
  assert.equal(rest.length, 0);
  assert.equal(chunk?.count, 3n);
  assert.equal(chunk?.kvs.length, 0);
  assert.equal(chunk?.header?.revision, 4n);
});

test("orders and bounds are not served, a revision to come neither, with etcd's codes", () => {
  const member = memberWith(1, 1);
  const failure = (request: Request) => begin(member, { ...all, ...request }).failure;
  assert.deepEqual(failure({ sortOrder: RangeRequest_SortOrder.DESCEND }), {
    code: 12,
    message: "RangeStream does not support custom sort orders",
  });
  const byValue = { sortOrder: RangeRequest_SortOrder.ASCEND, sortTarget: RangeRequest_SortTarget.VALUE };
  assert.equal(failure(byValue)?.code, 12);
  assert.equal(failure({ minModRevision: 1n })?.message, "RangeStream does not support revision filters");
  assert.deepEqual(failure({ revision: 99n }), {
    code: 11,
    message: "etcdserver: mvcc: required revision is a future revision",
  });
  assert.equal(failure({ key: new Uint8Array(0) })?.code, 3);
  assert.equal(failure({ sortOrder: RangeRequest_SortOrder.ASCEND }), null, "by key, ascending, is no order");
});
