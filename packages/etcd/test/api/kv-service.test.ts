/** etcdserverpb.KV through the API, on a member that applies at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { apiLimitsDefault } from "@quorate/etcd";
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  Compare_CompareResult,
  Compare_CompareTarget,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  RequestOpSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from "@quorate/etcd/messages";
import { Member, string, text } from "./fixture.ts";

const kv = "/etcdserverpb.KV";

function put(member: Member, key: string, value: string): bigint {
  const answer = member.ask(
    `${kv}/Put`,
    PutRequestSchema,
    { key: text(key), value: text(value) },
    PutResponseSchema,
  );
  return answer.header?.revision ?? -1n;
}

test("a put answers with a header: cluster, member, revision, term", () => {
  const member = new Member();
  const answer = member.ask(`${kv}/Put`, PutRequestSchema, { key: text("k") }, PutResponseSchema);
  assert.equal(answer.header?.clusterId, 77n);
  assert.equal(answer.header?.memberId, 2n ** 53n - 1n);
  assert.equal(answer.header?.revision, 2n);
  assert.equal(answer.header?.raftTerm, 7n);
  assert.equal(answer.prevKv, undefined);
  assert.equal(member.api.pendingCount, 0);
});

test("prev_kv answers with what the key held", () => {
  const member = new Member();
  put(member, "k", "old");
  const request = { key: text("k"), value: text("new"), prevKv: true };
  const answer = member.ask(`${kv}/Put`, PutRequestSchema, request, PutResponseSchema);
  assert.equal(string(answer.prevKv?.value ?? text("none")), "old");
  assert.equal(answer.prevKv?.version, 1n);
});

test("a range answers keys in order, and its header the present revision even for an old one", () => {
  const member = new Member();
  put(member, "b", "2");
  put(member, "a", "1");
  put(member, "c", "3");
  const request = { key: text("a"), rangeEnd: text("d"), limit: 2n, revision: 3n };
  const answer = member.ask(`${kv}/Range`, RangeRequestSchema, request, RangeResponseSchema);
  assert.deepEqual(
    answer.kvs.map((one) => string(one.key)),
    ["a", "b"],
  );
  assert.equal(answer.header?.revision, 4n);
  assert.equal(answer.count, 2n);
  assert.equal(answer.more, false);
});

test("a linearizable range asks for a barrier, a serializable one does not", () => {
  const member = new Member();
  member.ask(`${kv}/Range`, RangeRequestSchema, { key: text("k") }, RangeResponseSchema);
  assert.equal(member.barrierCount, 1);
  member.held = true;
  const request = { key: text("k"), serializable: true };
  member.ask(`${kv}/Range`, RangeRequestSchema, request, RangeResponseSchema);
  assert.equal(member.barrierCount, 1);
});

test("a linearizable range sees what was applied while it waited", () => {
  const member = new Member();
  member.held = true;
  const call = member.call(`${kv}/Range`, RangeRequestSchema, { key: text("k") });
  member.held = false;
  put(member, "k", "v");
  member.barriers[0]?.({ kind: "ready" });
  assert.equal(call.failure, null);
  assert.ok(call.answer !== null && string(call.answer).includes("v"));
});

test("a delete answers how many and, when asked, what", () => {
  const member = new Member();
  put(member, "a", "1");
  put(member, "b", "2");
  const request = { key: text("a"), rangeEnd: text("c"), prevKv: true };
  const answer = member.ask(
    `${kv}/DeleteRange`,
    DeleteRangeRequestSchema,
    request,
    DeleteRangeResponseSchema,
  );
  assert.equal(answer.deleted, 2n);
  assert.deepEqual(
    answer.prevKvs.map((one) => string(one.value)),
    ["1", "2"],
  );
  assert.equal(answer.header?.revision, 4n);
});

const putOp = (key: string) =>
  create(RequestOpSchema, { request: { case: "requestPut", value: { key: text(key), value: text("v") } } });
const rangeOp = (key: string, serializable: boolean) =>
  create(RequestOpSchema, { request: { case: "requestRange", value: { key: text(key), serializable } } });
const versionIs = (key: string, version: bigint) => ({
  key: text(key),
  result: Compare_CompareResult.EQUAL,
  target: Compare_CompareTarget.VERSION,
  targetUnion: { case: "version" as const, value: version },
});

test("a transaction runs the branch that its compares choose", () => {
  const member = new Member();
  const request = { compare: [versionIs("k", 0n)], success: [putOp("k")], failure: [rangeOp("k", false)] };
  const first = member.ask(`${kv}/Txn`, TxnRequestSchema, request, TxnResponseSchema);
  assert.equal(first.succeeded, true);
  assert.equal(first.header?.revision, 2n);
  assert.equal(first.responses[0]?.response.case, "responsePut");
  const second = member.ask(`${kv}/Txn`, TxnRequestSchema, request, TxnResponseSchema);
  assert.equal(second.succeeded, false);
  assert.equal(second.header?.revision, 2n);
  assert.ok(second.responses[0]?.response.case === "responseRange");
  assert.equal(second.responses[0].response.value.kvs.length, 1);
});

test("a transaction that cannot write is a read: no command, a barrier unless every range is serializable", () => {
  const member = new Member();
  const ask = (success: readonly ReturnType<typeof rangeOp>[]) =>
    member.ask(`${kv}/Txn`, TxnRequestSchema, { success: [...success] }, TxnResponseSchema);
  const nested = create(RequestOpSchema, {
    request: { case: "requestTxn", value: { success: [rangeOp("k", true)] } },
  });
  ask([rangeOp("k", true), nested]);
  assert.equal(member.barrierCount, 0);
  ask([rangeOp("k", true), rangeOp("l", false)]);
  assert.equal(member.barrierCount, 1);
  // Compares alone are reads too, and nobody allowed them to be stale.
  ask([]);
  assert.equal(member.barrierCount, 2);
  member.held = true;
  member.call(`${kv}/Txn`, TxnRequestSchema, { failure: [putOp("k")] });
  assert.equal(member.submitted.length, 1);
});

test("compaction moves the oldest readable revision", () => {
  const member = new Member();
  put(member, "k", "1");
  put(member, "k", "2");
  put(member, "k", "3");
  const answer = member.ask(
    `${kv}/Compact`,
    CompactionRequestSchema,
    { revision: 3n },
    CompactionResponseSchema,
  );
  assert.equal(answer.header?.revision, 4n);
  const old = member.call(`${kv}/Range`, RangeRequestSchema, { key: text("k"), revision: 2n });
  assert.deepEqual(old.failure, {
    code: 11,
    message: "etcdserver: mvcc: required revision has been compacted",
  });
});

const manyPuts = Array.from({ length: 129 }, (_, i) => putOp(`k${i}`));
const refusals: readonly (readonly [number, string, (member: Member) => ReturnType<Member["call"]>])[] = [
  [3, "etcdserver: key is not provided", (m) => m.call(`${kv}/Put`, PutRequestSchema, {})],
  [3, "etcdserver: key is not provided", (m) => m.call(`${kv}/Range`, RangeRequestSchema, {})],
  [3, "etcdserver: key is not provided", (m) => m.call(`${kv}/DeleteRange`, DeleteRangeRequestSchema, {})],
  [
    3,
    "etcdserver: value is provided",
    (m) => m.call(`${kv}/Put`, PutRequestSchema, { key: text("k"), value: text("v"), ignoreValue: true }),
  ],
  [
    3,
    "etcdserver: lease is provided",
    (m) => m.call(`${kv}/Put`, PutRequestSchema, { key: text("k"), lease: 1n, ignoreLease: true }),
  ],
  [
    3,
    "etcdserver: key not found",
    (m) => m.call(`${kv}/Put`, PutRequestSchema, { key: text("k"), ignoreValue: true }),
  ],
  [
    3,
    "etcdserver: key not found",
    (m) => m.call(`${kv}/Txn`, TxnRequestSchema, { success: [create(RequestOpSchema, {})] }),
  ],
  [
    5,
    "etcdserver: requested lease not found",
    (m) => m.call(`${kv}/Put`, PutRequestSchema, { key: text("k"), lease: 2n ** 63n - 1n }),
  ],
  [
    3,
    "etcdserver: invalid sort option",
    (m) => m.callBytes(`${kv}/Range`, new Uint8Array([0x0a, 1, 0x6b, 0x28, 9])),
  ],
  [
    3,
    "etcdserver: too many operations in txn request",
    (m) => m.call(`${kv}/Txn`, TxnRequestSchema, { success: manyPuts }),
  ],
  [
    3,
    "etcdserver: duplicate key given in txn request",
    (m) => m.call(`${kv}/Txn`, TxnRequestSchema, { success: [putOp("k"), putOp("k")] }),
  ],
  [
    11,
    "etcdserver: mvcc: required revision is a future revision",
    (m) => m.call(`${kv}/Range`, RangeRequestSchema, { key: text("k"), revision: 9n }),
  ],
  [
    11,
    "etcdserver: mvcc: required revision is a future revision",
    (m) => m.call(`${kv}/Compact`, CompactionRequestSchema, { revision: 9n }),
  ],
  [
    3,
    "etcdserver: request is too large",
    (m) => m.call(`${kv}/Put`, PutRequestSchema, { key: text("k"), value: new Uint8Array(1536 * 1024) }),
  ],
  [
    8,
    "etcdserver: too many requests",
    (m) => {
      m.status = { ...m.status, committed: 5001, applied: 0 };
      return m.call(`${kv}/Put`, PutRequestSchema, { key: text("k") });
    },
  ],
  [
    13,
    "grpc: error unmarshalling request: unexpected end at byte 1",
    (m) => m.callBytes(`${kv}/Put`, new Uint8Array([0x0a, 5])),
  ],
];
for (const [code, message, run] of refusals) {
  test(`refused with ${code}: ${message}`, () => {
    const member = new Member();
    const call = run(member);
    assert.deepEqual(call.failure, { code, message });
    assert.equal(member.machine.revision, 1);
    assert.equal(member.api.pendingCount, 0);
  });
}

test("a command of exactly the limit passes", () => {
  const member = new Member({ limits: { ...apiLimitsDefault(), requestBytesMax: 400 } });
  member.held = true;
  const largest = { key: text("k"), value: new Uint8Array(300) };
  member.call(`${kv}/Put`, PutRequestSchema, largest);
  const overhead = (member.submitted[0]?.command.length ?? 0) - 300;
  const fits = member.call(`${kv}/Put`, PutRequestSchema, {
    ...largest,
    value: new Uint8Array(400 - overhead),
  });
  assert.equal(fits.failure, null);
  const over = member.call(`${kv}/Put`, PutRequestSchema, {
    ...largest,
    value: new Uint8Array(401 - overhead),
  });
  assert.equal(over.failure?.message, "etcdserver: request is too large");
});

test("a range of many keys is read in slices, at the revision of its beginning", () => {
  const member = new Member();
  const keyCount = 10_000;
  for (let i = 0; i < keyCount; i++) {
    member.call(`${kv}/Put`, PutRequestSchema, {
      key: text(`k${String(i).padStart(6, "0")}`),
      value: text("v".repeat(200)),
    });
  }
  const call = member.call(`${kv}/Range`, RangeRequestSchema, { key: text("k"), rangeEnd: text("l") });
  assert.equal(call.ended, false);
  let turns = 0;
  for (let next = member.deferred.shift(); next !== undefined; next = member.deferred.shift()) {
    turns++;
    // What is written and answered between the slices changes nothing of this answer.
    member.call(`${kv}/Put`, PutRequestSchema, { key: text("k000000"), value: text("new") });
    member.call(`${kv}/DeleteRange`, DeleteRangeRequestSchema, {
      key: text(`k${String(keyCount - turns).padStart(6, "0")}`),
    });
    next();
  }
  assert.ok(turns >= 5, `${turns} turns`);
  assert.ok(call.answer !== null);
  const answer = fromBinary(RangeResponseSchema, call.answer);
  assert.equal(answer.count, BigInt(keyCount));
  assert.equal(answer.kvs.length, keyCount);
  assert.equal(answer.header?.revision, BigInt(keyCount + 1));
  assert.ok(answer.kvs.every((one) => one.value.length === 200));
});

test("a sliced range whose client goes away lets go of its pin", () => {
  const member = new Member();
  for (let i = 0; i < 5000; i++) {
    member.call(`${kv}/Put`, PutRequestSchema, { key: text(`k${i}`) });
  }
  const call = member.call(`${kv}/Range`, RangeRequestSchema, {
    key: text("k"),
    rangeEnd: text("l"),
    serializable: true,
  });
  assert.equal(call.ended, false);
  call.cancel();
  member.deferred.shift()?.();
  assert.equal(member.deferred.length, 0);
  member.call(`${kv}/Put`, PutRequestSchema, { key: text("k0") });
  member.call(`${kv}/Compact`, CompactionRequestSchema, { revision: 5002n });
  member.runDeferred(); // What was compacted is hashed first.
  const before = member.machine.liveBytes;
  while (member.machine.sweep(1000)) {
    // To its end.
  }
  assert.ok(member.machine.liveBytes < before, "a pin would hold the old version");
});
