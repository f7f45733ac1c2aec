/** Protobuf's JSON both ways, and where a value ends, against other programs' opinion of both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  LeaseGrantRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
  toBinary,
} from "@quorate/etcd/messages";
import fc from "fast-check";
import { nextJsonValue } from "../../src/gateway/json-scanner.ts";
import { decodeProtoJson, encodeProtoJson } from "../../src/gateway/proto-json.ts";

const runs = { numRuns: 300, seed: 20_261_121 };

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const bytes = fc.uint8Array({ maxLength: 12 });
const range = fc.record({
  key: bytes,
  rangeEnd: bytes,
  limit: int64,
  revision: int64,
  sortOrder: fc.constantFrom(0, 1, 2),
  serializable: fc.boolean(),
});
const txn = fc.record({
  compare: fc.array(
    fc.record({
      key: bytes,
      targetUnion: fc.oneof(
        int64.map((value) => ({ case: "version" as const, value })),
        bytes.map((value) => ({ case: "value" as const, value })),
      ),
    }),
    { maxLength: 3 },
  ),
  success: fc.array(
    range.map((value) => ({ request: { case: "requestRange" as const, value } })),
    { maxLength: 3 },
  ),
});

test("what was written as JSON is read as the same bytes", () => {
  fc.assert(
    fc.property(range, (value) => {
      const before = toBinary(RangeRequestSchema, create(RangeRequestSchema, value));
      const json = Buffer.from(decodeProtoJson(RangeRequestSchema, before));
      assert.deepEqual(Buffer.from(encodeProtoJson(RangeRequestSchema, json)), Buffer.from(before));
    }),
    runs,
  );
  fc.assert(
    fc.property(txn, (value) => {
      const before = toBinary(TxnRequestSchema, create(TxnRequestSchema, value));
      const json = Buffer.from(decodeProtoJson(TxnRequestSchema, before));
      assert.deepEqual(Buffer.from(encodeProtoJson(TxnRequestSchema, json)), Buffer.from(before));
    }),
    runs,
  );
});

test("what ends as a value is one to JSON.parse, and what JSON.parse takes ends where it ends", () => {
  const json = fc.json({ maxDepth: 4 });
  const spoiled = fc
    .tuple(
      json,
      fc.nat(),
      fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "\\", "0", "-", ".", "e", "t", "\n", "é"),
    )
    .map(([text, at, sign]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + sign + text.slice(place + (at % 3));
    });
  fc.assert(
    fc.property(fc.oneof(json, spoiled), (text) => {
      const body = Buffer.from(text);
      let ended: string | null = null;
      try {
        const span = nextJsonValue(body, 0);
        ended = span === null ? null : body.subarray(span.start, span.end).toString();
      } catch {
        assert.throws(() => JSON.parse(text), SyntaxError, text);
        return;
      }
      if (ended === null) {
        assert.equal(text.trim(), "");
      } else {
        JSON.parse(ended);
        assert.ok(text.trimStart().startsWith(ended));
      }
    }),
    { ...runs, numRuns: 2000 },
  );
});

test("bytes of any kind are refused by name or taken, and never more than that", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      try {
        const span = nextJsonValue(noise, 0);
        if (span !== null) {
          encodeProtoJson(LeaseGrantRequestSchema, noise.subarray(span.start, span.end));
        }
      } catch (error) {
        assert.match((error as Error).name, /^(JsonSyntaxError|ProtoJsonError)$/);
      }
    }),
    { ...runs, numRuns: 2000 },
  );
});
