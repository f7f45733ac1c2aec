/** Request decoders against protobuf-es, and against bytes that are no message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { DecodeError } from "@quorate/base";
import {
  CompactionRequestSchema,
  DeleteRangeRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
} from "@quorate/etcd/messages";
import fc from "fast-check";
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
} from "../../src/codec/kv-requests.ts";
import { decodeTxnRequest } from "../../src/codec/txn-request.ts";
import { bytes, int64, runs, saturate } from "./arbitraries.ts";

const flag = fc.boolean();

test("a put decodes as protobuf-es encodes it, its lease exact", () => {
  const request = fc.record({
    key: bytes,
    value: bytes,
    lease: int64,
    prevKv: flag,
    ignoreValue: flag,
    ignoreLease: flag,
  });
  fc.assert(
    fc.property(request, (fields) => {
      const decoded = decodePutRequest(toBinary(PutRequestSchema, create(PutRequestSchema, fields)));
      assert.deepEqual(decoded, { type: "put", ...fields });
    }),
    runs,
  );
});

test("a range decodes as protobuf-es encodes it, integers saturated, enums by name or unknown", () => {
  const orders = ["none", "ascend", "descend"];
  const targets = ["key", "version", "create", "mod", "value"];
  const integers = ["limit", "revision"] as const;
  const bounds = ["minModRevision", "maxModRevision", "minCreateRevision", "maxCreateRevision"] as const;
  const request = fc.record({
    key: bytes,
    rangeEnd: bytes,
    limit: int64,
    revision: int64,
    sortOrder: fc.integer({ min: -1, max: 4 }),
    sortTarget: fc.integer({ min: -1, max: 6 }),
    serializable: flag,
    keysOnly: flag,
    countOnly: flag,
    minModRevision: int64,
    maxModRevision: int64,
    minCreateRevision: int64,
    maxCreateRevision: int64,
  });
  fc.assert(
    fc.property(request, (fields) => {
      const decoded = decodeRangeRequest(toBinary(RangeRequestSchema, create(RangeRequestSchema, fields)));
      const expected: Record<string, unknown> = {
        type: "range",
        ...fields,
        sortOrder: orders[fields.sortOrder] ?? "unknown",
        sortTarget: targets[fields.sortTarget] ?? "unknown",
      };
      for (const name of [...integers, ...bounds]) {
        expected[name] = saturate(fields[name]);
      }
      assert.deepEqual(decoded, expected);
    }),
    runs,
  );
});

test("a delete and a compaction decode as protobuf-es encodes them", () => {
  fc.assert(
    fc.property(fc.record({ key: bytes, rangeEnd: bytes, prevKv: flag }), (fields) => {
      const input = toBinary(DeleteRangeRequestSchema, create(DeleteRangeRequestSchema, fields));
      assert.deepEqual(decodeDeleteRangeRequest(input), { type: "delete-range", ...fields });
    }),
    runs,
  );
  fc.assert(
    fc.property(fc.record({ revision: int64, physical: flag }), (fields) => {
      const input = toBinary(CompactionRequestSchema, create(CompactionRequestSchema, fields));
      const revision = saturate(fields.revision);
      assert.deepEqual(decodeCompactionRequest(input), {
        type: "compaction",
        revision,
        physical: fields.physical,
      });
    }),
    runs,
  );
});

const decoders = [
  decodePutRequest,
  decodeRangeRequest,
  decodeDeleteRangeRequest,
  decodeCompactionRequest,
  decodeTxnRequest,
];

test("whatever the bytes, a decoder answers or throws DecodeError, and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...decoders), (input, decode) => {
      try {
        decode(input);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    }),
    { ...runs, numRuns: 20_000 },
  );
});

test("a message cut anywhere but between fields does not decode", () => {
  const whole = toBinary(
    PutRequestSchema,
    create(PutRequestSchema, { key: new Uint8Array(3), value: new Uint8Array(200), lease: -1n }),
  );
  const boundaries = new Set([0, 5, 5 + 3 + 200, whole.length]);
  for (let length = 0; length <= whole.length; length++) {
    const cut = whole.subarray(0, length);
    if (boundaries.has(length)) {
      assert.doesNotThrow(() => decodePutRequest(cut), `length ${length}`);
    } else {
      assert.throws(() => decodePutRequest(cut), DecodeError, `length ${length}`);
    }
  }
});

const unknownFields: readonly (readonly [string, readonly number[]])[] = [
  ["varint", [0xa0, 0x06, 0xff, 0x01]],
  ["fixed64", [0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]],
  ["bytes", [0xa2, 0x06, 2, 9, 9]],
  ["group", [0xa3, 0x06, 0x08, 1, 0xa3, 0x06, 0xa4, 0x06, 0xa4, 0x06]],
  ["fixed32", [0xa5, 0x06, 1, 2, 3, 4]],
  ["a known field of another wire type", [0x08, 5]],
];
for (const [name, field] of unknownFields) {
  test(`an unknown field is skipped: ${name}`, () => {
    const decoded = decodePutRequest(new Uint8Array([...field, 0x0a, 1, 0x6b, ...field]));
    assert.deepEqual([...decoded.key], [0x6b]);
    assert.deepEqual([...decoded.value], []);
  });
}

const malformed: readonly (readonly [string, readonly number[]])[] = [
  ["field number 0", [0x00, 0x01]],
  ["field number above 2^29", [0x80, 0x80, 0x80, 0x80, 0x10, 0x01]],
  ["end of a group that never began", [0x0c]],
  ["a group that never ends", [0x0b, 0x08, 0x01]],
  ["a group that ends with another number", [0x0b, 0x14]],
  ["wire type 6", [0x0e]],
  ["wire type 7", [0x0f]],
  ["varint of eleven bytes", [0x18, ...new Array<number>(10).fill(0x80), 0x00]],
  ["varint above 64 bits", [0x18, ...new Array<number>(9).fill(0xff), 0x02]],
  ["a length beyond the end", [0x0a, 0x05, 0x01]],
  ["a length of 2^31", [0x0a, 0x80, 0x80, 0x80, 0x80, 0x08]],
  ["a length above 2^32", [0x0a, 0x80, 0x80, 0x80, 0x80, 0x10]],
  ["groups without end", new Array<number>(5000).fill(0x0b)],
];
for (const [name, input] of malformed) {
  test(`refused: ${name}`, () => {
    for (const decode of decoders) {
      assert.throws(() => decode(new Uint8Array(input)), DecodeError);
    }
  });
}

test("a scalar that comes twice: the last one stands", () => {
  const decoded = decodePutRequest(
    new Uint8Array([0x0a, 1, 1, 0x0a, 1, 2, 0x18, 5, 0x18, 6, 0x20, 1, 0x20, 0]),
  );
  assert.deepEqual([...decoded.key], [2]);
  assert.equal(decoded.lease, 6n);
  assert.equal(decoded.prevKv, false);
});

test("byte strings are views into the input", () => {
  const input = new Uint8Array([0x0a, 1, 1]);
  assert.equal(decodePutRequest(input).key.buffer, input.buffer);
});
