/** Timeouts, percent-encoding, metadata. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeaderMetadata, putMetadata } from "../../src/wire/metadata.ts";
import { percentDecode, percentEncode } from "../../src/wire/percent.ts";
import { StatusError } from "../../src/wire/status-error.ts";
import { formatTimeout, parseTimeoutMs } from "../../src/wire/timeout.ts";

const seed = 4242;

const timeouts: readonly (readonly [string, number])[] = [
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["3S", 3000],
  ["4m", 4],
  ["5000u", 5],
  ["6000000n", 6],
  ["0S", 0],
  ["99999999H", 99_999_999 * 3_600_000],
];
for (const [text, expected] of timeouts) {
  test(`grpc-timeout ${text}`, () => assert.ok(Math.abs(parseTimeoutMs(text) - expected) < 1e-6));
}

for (const text of ["", "S", "1", "1s", "-1S", "1.5S", "1 S", "123456789S", "S1", "١S", "0x1S"]) {
  test(`grpc-timeout ${JSON.stringify(text)} is malformed`, () => {
    assert.throws(
      () => parseTimeoutMs(text),
      (error) =>
        error instanceof StatusError &&
        error.code === 13 &&
        error.message.startsWith("malformed grpc-timeout: "),
    );
  });
}

test("a timeout is never shorter on the wire than it was given", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (timeoutMs) => {
      const wire = formatTimeout(timeoutMs);
      assert.ok(wire.length <= 9);
      assert.ok(parseTimeoutMs(wire) >= Math.min(timeoutMs, 99_999_999_000));
    }),
    { seed },
  );
});

test("any text survives percent-encoding, and only printable ASCII travels", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const wire = percentEncode(text);
      assert.match(wire, /^[\x20-\x7e]*$/);
      assert.equal(percentDecode(wire), Buffer.from(text).toString());
    }),
    { seed },
  );
  assert.equal(percentEncode("100% ü\n"), "100%25 %C3%BC%0A");
  assert.equal(percentDecode("100% %zz %4"), "100% %zz %4");
  assert.equal(percentDecode("%ff"), "%ff");
});

test("metadata: text, bytes, absence, repetition", () => {
  const metadata = new HeaderMetadata({
    ":path": "/x",
    token: "abc",
    "x-bin": "AAEC, BAU",
    "bad-bin": "!!",
    "pad-bin": "AAE=",
    list: ["a", "b"],
  });
  assert.equal(metadata.text("token"), "abc");
  assert.equal(metadata.text("absent"), null);
  assert.equal(metadata.text("list"), "a,b");
  assert.deepEqual(metadata.binary("x-bin"), new Uint8Array([0, 1, 2]));
  assert.deepEqual(metadata.binary("pad-bin"), new Uint8Array([0, 1]));
  assert.equal(metadata.binary("bad-bin"), null);
  assert.equal(metadata.binary("token"), null);
  assert.deepEqual(metadata.names(), ["token", "x-bin", "bad-bin", "pad-bin", "list"]);
});

test("bytes in metadata survive the way there and back", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const headers: Record<string, string> = {};
      putMetadata(headers, { "Trace-Bin": bytes });
      assert.deepEqual(new HeaderMetadata(headers).binary("trace-bin"), bytes);
    }),
    { seed },
  );
});
