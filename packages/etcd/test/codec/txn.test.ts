/** Transactions, both ways, against protobuf-es. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ByteWriter, DecodeError } from "@quorate/base";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  CompareSchema,
  PutRequestSchema,
  RequestOpSchema,
  type ResponseOpSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from "@quorate/etcd/messages";
import { type ResponseOp, toRevision } from "@quorate/kv";
import fc from "fast-check";
import { encodeTxnResponse } from "../../src/codec/kv-responses.ts";
import { decodeTxnRequest } from "../../src/codec/txn-request.ts";
import { bytes, int64, responseOp, runs, saturate } from "./arbitraries.ts";
import { expectedKv, header, headerInit } from "./expected.ts";

const operand = fc.oneof(
  fc.record({ case: fc.constant("version" as const), value: int64 }),
  fc.record({ case: fc.constant("createRevision" as const), value: int64 }),
  fc.record({ case: fc.constant("modRevision" as const), value: int64 }),
  fc.record({ case: fc.constant("value" as const), value: bytes }),
  fc.record({ case: fc.constant("lease" as const), value: int64 }),
);
const compare = fc.record({
  result: fc.integer({ min: 0, max: 4 }),
  target: fc.integer({ min: 0, max: 5 }),
  key: bytes,
  rangeEnd: bytes,
  targetUnion: operand,
});

function expectedOperand(target: number, union: { case: string; value: bigint | Uint8Array }): object {
  const names = ["version", "createRevision", "modRevision", "value", "lease"];
  const matches = names[target] === union.case;
  switch (target) {
    case 0:
    case 1:
    case 2: {
      const value = matches && typeof union.value === "bigint" ? saturate(union.value) : 0;
      return { target: ["version", "create", "mod"][target], value };
    }
    case 3:
      return { target: "value", value: matches ? union.value : new Uint8Array(0) };
    case 4:
      return { target: "lease", value: matches ? union.value : 0n };
    default:
      return { target: "unknown" };
  }
}

test("compares decode as protobuf-es encodes them; an operand of another kind counts as zero", () => {
  const results = ["equal", "greater", "less", "not-equal"];
  fc.assert(
    fc.property(fc.array(compare, { maxLength: 5 }), (compares) => {
      const input = toBinary(TxnRequestSchema, create(TxnRequestSchema, { compare: compares }));
      const expected = compares.map((one) => ({
        key: one.key,
        rangeEnd: one.rangeEnd,
        result: results[one.result] ?? "unknown",
        ...expectedOperand(one.target, one.targetUnion),
      }));
      assert.deepEqual(decodeTxnRequest(input).compares, expected);
    }),
    runs,
  );
});

type OpInit = MessageInitShape<typeof RequestOpSchema>;
interface Case {
  readonly init: OpInit;
  readonly expected: unknown;
}

const putCase: fc.Arbitrary<Case> = fc.record({ key: bytes, value: bytes, lease: int64 }).map((fields) => ({
  init: { request: { case: "requestPut", value: fields } },
  expected: { type: "put", ...fields, prevKv: false, ignoreValue: false, ignoreLease: false },
}));
const deleteCase: fc.Arbitrary<Case> = fc
  .record({ key: bytes, rangeEnd: bytes, prevKv: fc.boolean() })
  .map((fields) => ({
    init: { request: { case: "requestDeleteRange", value: fields } },
    expected: { type: "delete-range", ...fields },
  }));
const noneCase: fc.Arbitrary<Case> = fc.constant({ init: {}, expected: { type: "none" } });
const opCase: fc.Arbitrary<Case> = fc.letrec<{ op: Case }>((tie) => ({
  op: fc.oneof(
    { maxDepth: 5, depthIdentifier: "txn" },
    putCase,
    deleteCase,
    noneCase,
    fc
      .record({
        success: fc.array(tie("op"), { maxLength: 3, depthIdentifier: "txn" }),
        failure: fc.array(tie("op"), { maxLength: 3, depthIdentifier: "txn" }),
      })
      .map(
        ({ success, failure }): Case => ({
          init: {
            request: {
              case: "requestTxn",
              value: {
                success: success.map((one) => create(RequestOpSchema, one.init)),
                failure: failure.map((one) => create(RequestOpSchema, one.init)),
              },
            },
          },
          expected: {
            type: "txn",
            compares: [],
            success: success.map((one) => one.expected),
            failure: failure.map((one) => one.expected),
          },
        }),
      ),
  ),
})).op;

test("operations decode as protobuf-es encodes them, nested too", () => {
  fc.assert(
    fc.property(fc.array(opCase, { maxLength: 4 }), (cases) => {
      const success = cases.map((one) => create(RequestOpSchema, one.init));
      const input = toBinary(TxnRequestSchema, create(TxnRequestSchema, { success }));
      assert.deepEqual(
        decodeTxnRequest(input).success,
        cases.map((one) => one.expected),
      );
    }),
    runs,
  );
});

function put(fields: MessageInitShape<typeof PutRequestSchema>): Uint8Array {
  return toBinary(
    RequestOpSchema,
    create(RequestOpSchema, { request: { case: "requestPut", value: create(PutRequestSchema, fields) } }),
  );
}

function txnWithOp(op: Uint8Array): Uint8Array {
  return new Uint8Array([0x12, op.length, ...op]);
}

test("the same member of a oneof twice is merged, another member replaces it", () => {
  const twice = new Uint8Array([
    ...put({ key: new Uint8Array([1]), lease: 7n }),
    ...put({ value: new Uint8Array([2]) }),
  ]);
  const merged = decodeTxnRequest(txnWithOp(twice)).success[0];
  assert.ok(merged?.type === "put");
  assert.deepEqual([[...merged.key], [...merged.value], merged.lease], [[1], [2], 7n]);
  const replaced = decodeTxnRequest(txnWithOp(new Uint8Array([...twice, 0x0a, 0x03, 0x0a, 1, 9]))).success[0];
  assert.ok(replaced?.type === "range");
  assert.deepEqual([...replaced.key], [9]);
});

test("repeating an inner transaction costs linear time", () => {
  // 100,000 times requestTxn { compare {} }: copying what is merged would take 10^10 steps.
  const count = 100_000;
  const op = new Uint8Array(count * 4);
  for (let i = 0; i < count; i++) {
    op.set([0x22, 2, 0x0a, 0], i * 4);
  }
  const length = op.length;
  const input = new Uint8Array([
    0x12,
    (length & 127) | 128,
    ((length >> 7) & 127) | 128,
    length >> 14,
    ...op,
  ]);
  const inner = decodeTxnRequest(input).success[0];
  assert.ok(inner?.type === "txn");
  assert.equal(inner.compares.length, count);
});

function nested(depth: number): Uint8Array {
  // Built from the inside: each level wraps op { requestTxn } and txn { success }.
  const parts: number[][] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    for (const tag of [0x22, 0x12]) {
      const head = [tag];
      let rest = length;
      for (; rest >= 128; rest >>>= 7) {
        head.push((rest & 127) | 128);
      }
      head.push(rest);
      parts.push(head);
      length += head.length;
    }
  }
  return new Uint8Array(parts.reverse().flat());
}

test("transactions nest as deep as the check of operations ever asks, and are refused beyond", () => {
  let txn = decodeTxnRequest(nested(900));
  let depth = 0;
  for (let op = txn.success[0]; op?.type === "txn"; op = txn.success[0]) {
    txn = op;
    depth++;
  }
  assert.equal(depth, 900);
  assert.throws(() => decodeTxnRequest(nested(1500)), DecodeError);
});

function expectedOp(op: ResponseOp): MessageInitShape<typeof ResponseOpSchema> {
  const inner = { revision: BigInt(op.revision) };
  switch (op.type) {
    case "range":
      return {
        response: {
          case: "responseRange",
          value: { header: inner, kvs: op.kvs.map(expectedKv), more: op.more, count: BigInt(op.count) },
        },
      };
    case "put": {
      const prevKv = op.prevKv === null ? {} : { prevKv: expectedKv(op.prevKv) };
      return { response: { case: "responsePut", value: { header: inner, ...prevKv } } };
    }
    case "delete-range":
      return {
        response: {
          case: "responseDeleteRange",
          value: { header: inner, deleted: BigInt(op.deleted), prevKvs: op.prevKvs.map(expectedKv) },
        },
      };
    case "txn":
      return {
        response: {
          case: "responseTxn",
          value: { header: {}, succeeded: op.succeeded, responses: op.responses.map(expectedOp) },
        },
      };
  }
}

test("a transaction's answer is byte for byte what protobuf-es encodes", () => {
  fc.assert(
    fc.property(fc.array(responseOp, { maxLength: 4 }), fc.boolean(), (responses, succeeded) => {
      const writer = new ByteWriter();
      encodeTxnResponse(writer, header, { type: "txn", revision: toRevision(5), succeeded, responses });
      const expected = create(TxnResponseSchema, {
        header: headerInit,
        succeeded,
        responses: responses.map(expectedOp),
      });
      assert.deepEqual(writer.finish(), toBinary(TxnResponseSchema, expected));
    }),
    runs,
  );
});

test("names of enums stand for the numbers that the decoder knows", () => {
  const input = toBinary(
    TxnRequestSchema,
    create(TxnRequestSchema, {
      compare: [
        create(CompareSchema, {
          result: Compare_CompareResult.NOT_EQUAL,
          target: Compare_CompareTarget.LEASE,
          targetUnion: { case: "lease", value: -5n },
        }),
      ],
    }),
  );
  const [only] = decodeTxnRequest(input).compares;
  assert.equal(only?.result, "not-equal");
  assert.equal(only?.target, "lease");
  assert.equal(only?.value, -5n);
});
