/** The small message codec against numbers at their limits and bytes that are no message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, toHex, utf8Encode } from "@quorate/base";
import fc from "fast-check";
import { prefixEnd } from "../../src/client/etcd-client.ts";
import { encodeFields, Fields } from "../../src/client/protobuf-fields.ts";

test("a message as protobuf has it", () => {
  const bytes = encodeFields({ 1: utf8Encode("k"), 2: 300, 3: 0, 4: true, 15: false });
  assert.equal(toHex(bytes), "0a016b10ac022001");
  const fields = new Fields(bytes);
  assert.deepEqual(fields.texts(1), ["k"]);
  assert.equal(fields.uint(2), 300n);
  assert.equal(fields.uint(3), 0n);
  assert.equal(fields.uint(4), 1n);
});

test("all 64 bits of a number are kept, unknown fields are passed over", () => {
  const bytes = Uint8Array.of(
    8,
    255,
    255,
    255,
    255,
    255,
    255,
    255,
    255,
    255,
    1,
    17,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    29,
    0,
    0,
    0,
    0,
  );
  assert.equal(new Fields(bytes).uint(1), 2n ** 64n - 1n);
});

test("any bytes are a message or a DecodeError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        new Fields(bytes);
      } catch (error) {
        assert.ok(error instanceof DecodeError);
      }
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test("the end of a prefix", () => {
  assert.equal(toHex(prefixEnd("ab")), "6163");
  assert.equal(toHex(prefixEnd("")), "00");
});
