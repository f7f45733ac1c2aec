/** Messages cut out of bytes, however those arrive. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MessageReader } from "../../src/wire/message-reader.ts";
import { StatusError } from "../../src/wire/status-error.ts";
import { message } from "../fixture.ts";

const seed = 7117;

test("any messages in any chunks come out whole and in order", () => {
  const input = fc.record({
    messages: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
    cuts: fc.array(fc.nat(2000), { maxLength: 30 }),
  });
  fc.assert(
    fc.property(input, ({ messages, cuts }) => {
      const wire = Buffer.concat(messages.map((one) => message(one)));
      const reader = new MessageReader(300, null);
      const received: Uint8Array[] = [];
      const ends = [...new Set([...cuts.filter((cut) => cut < wire.length), wire.length])].sort(
        (a, b) => a - b,
      );
      let from = 0;
      for (const end of ends) {
        reader.push(wire.subarray(from, end));
        from = end;
        for (let next = reader.next(); next !== null; next = reader.next()) {
          received.push(new Uint8Array(next));
        }
      }
      assert.deepEqual(received, messages);
      assert.equal(reader.pendingBytes, 0);
    }),
    { seed, numRuns: 500 },
  );
});

test("a message in one chunk is read in place", () => {
  const wire = message(new Uint8Array([1, 2, 3]));
  const reader = new MessageReader(10, null);
  reader.push(wire);
  assert.equal(reader.next()?.buffer, wire.buffer);
});

test("a message of the limit passes, one byte more does not, and no announced length reserves memory", () => {
  const reader = new MessageReader(3, null);
  reader.push(message(new Uint8Array(3)));
  assert.equal(reader.next()?.length, 3);
  for (const announced of [4, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
    const other = new MessageReader(3, null);
    other.push(message(new Uint8Array(0), 0, announced));
    const expected = { code: 8, message: `grpc: received message larger than max (${announced} vs. 3)` };
    assert.throws(() => other.next(), expected);
  }
});

const flags: readonly (readonly [number, string | null, number, string])[] = [
  [1, null, 13, "grpc: compressed flag set with identity or empty encoding"],
  [1, "identity", 13, "grpc: compressed flag set with identity or empty encoding"],
  [1, "gzip", 12, 'grpc: Decompressor is not installed for grpc-encoding "gzip"'],
  [2, null, 13, "grpc: received unexpected payload format 2"],
  [255, null, 13, "grpc: received unexpected payload format 255"],
];
for (const [flag, encoding, code, text] of flags) {
  test(`flag ${flag} with encoding ${encoding}: ${text}`, () => {
    const reader = new MessageReader(100, encoding);
    reader.push(message(new Uint8Array(1), flag));
    assert.throws(
      () => reader.next(),
      (error) => error instanceof StatusError && error.code === code && error.message === text,
    );
  });
}
