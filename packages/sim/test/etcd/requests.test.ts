/** Requests and answers of simulated clients, against messages as protobuf-es writes and reads them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { utf8Encode } from "@quorate/base";
import {
  AuthRoleGrantPermissionRequestSchema,
  LeaseGrantRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
} from "@quorate/etcd/messages";
import { Message, MessageWriter } from "../../src/etcd/protobuf.ts";
import { encodeRequest } from "../../src/etcd/requests.ts";
import { messageText } from "../../src/etcd/texts.ts";
import { compareOf, deleteOf, putOf, rangeOf, txnOf, valueIs } from "../../src/workloads/requests.ts";

test("a range with every field", () => {
  const bytes = encodeRequest(
    rangeOf("a", "b", {
      limit: 3,
      revision: -1,
      sortOrder: "descend",
      sortTarget: "value",
      serializable: true,
      keysOnly: true,
      countOnly: true,
      minModRevision: 5,
      maxModRevision: 6,
      minCreateRevision: 7,
      maxCreateRevision: 300,
    }),
  );
  const { $typeName, ...range } = fromBinary(RangeRequestSchema, bytes);
  assert.equal($typeName, "etcdserverpb.RangeRequest");
  assert.deepEqual(range, {
    key: utf8Encode("a"),
    rangeEnd: utf8Encode("b"),
    limit: 3n,
    revision: -1n,
    sortOrder: 2,
    sortTarget: 4,
    serializable: true,
    keysOnly: true,
    countOnly: true,
    minModRevision: 5n,
    maxModRevision: 6n,
    minCreateRevision: 7n,
    maxCreateRevision: 300n,
  });
});

test("a transaction with everything in it", () => {
  const inner = txnOf([valueIs("v", "x", "less")], [deleteOf("d", "e", true)]);
  const put = putOf("p", "1", { lease: 99n, prevKv: true });
  const txn = fromBinary(
    TxnRequestSchema,
    encodeRequest(txnOf([compareOf("mod", "m", 4, "greater")], [put, inner], [rangeOf("r")])),
  );
  assert.deepEqual(
    [txn.compare[0]?.result, txn.compare[0]?.target, txn.compare[0]?.targetUnion.value],
    [1, 2, 4n],
  );
  const [first, second] = txn.success.map(({ request }) => request);
  assert.ok(first?.case === "requestPut" && first.value.lease === 99n && first.value.prevKv);
  assert.ok(second?.case === "requestTxn");
  assert.equal(second.value.compare[0]?.result, 2);
  assert.equal(second.value.success[0]?.request.case, "requestDeleteRange");
  assert.equal(txn.failure[0]?.request.case, "requestRange");
});

test("a grant, and a permission", () => {
  const grant = fromBinary(
    LeaseGrantRequestSchema,
    encodeRequest({ type: "lease-grant", id: 2n ** 40n, ttlSeconds: 5 }),
  );
  assert.deepEqual([grant.ID, grant.TTL], [2n ** 40n, 5n]);
  const permission = { access: "read-write", key: utf8Encode("a"), rangeEnd: utf8Encode("b") } as const;
  const request = { type: "auth", op: "role-grant-permission", role: "r", permission } as const;
  const { name, perm } = fromBinary(AuthRoleGrantPermissionRequestSchema, encodeRequest(request));
  assert.deepEqual([name, perm?.permType, perm?.key], ["r", 2, utf8Encode("a")]);
});

test("an answer is read as it was written", () => {
  const kv = {
    key: utf8Encode("k"),
    value: utf8Encode("v"),
    createRevision: 2n,
    modRevision: 300n,
    version: 4n,
    lease: 5n,
  };
  const bytes = toBinary(
    RangeResponseSchema,
    create(RangeResponseSchema, {
      header: { revision: 301n, memberId: 2n ** 52n },
      kvs: [kv],
      count: 9n,
      more: true,
    }),
  );
  const message = new Message(bytes);
  assert.equal(message.message(1)?.number(3), 301);
  assert.equal(message.message(1)?.number(2), 2 ** 52);
  assert.equal(messageText("range", message), "range 9+ k=v@2/300/4/5");
  assert.equal(new Message(new MessageWriter().number(2, -1).finish()).number(2), -1);
});
