import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  compareBytes,
  concatBytes,
  emptyBytes,
  equalBytes,
  toHex,
  utf8Decode,
  utf8Encode,
} from "@quorate/base";
import fc from "fast-check";
import { check } from "./check.ts";

const anyBytes = fc.uint8Array({ maxLength: 12 });
// Few distinct values, so that equal prefixes are common.
const likeBytes = fc
  .array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 5 })
  .map((list) => Uint8Array.from(list));
const platformEncoder = new TextEncoder();

const platformDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function platformDecode(bytes: Uint8Array): string | null {
  try {
    return platformDecoder.decode(bytes);
  } catch {
    return null; // Not well-formed.
  }
}

describe("order", () => {
  test("is that of unsigned bytes, a prefix first", () => {
    const ascending = ["", "00", "0000", "0001", "01", "7f", "80", "ff", "ff00"].map((hex) =>
      Buffer.from(hex, "hex"),
    );
    ascending.forEach((left, i) => {
      ascending.forEach((right, k) => {
        assert.equal(
          Math.sign(compareBytes(left, right)),
          Math.sign(i - k),
          `${toHex(left)} and ${toHex(right)}`,
        );
      });
    });
  });
  test("property: agrees with Buffer.compare, and equality with order", () => {
    check(
      fc.property(likeBytes, likeBytes, (left, right) => {
        assert.equal(Math.sign(compareBytes(left, right)), Buffer.compare(left, right));
        assert.equal(equalBytes(left, right), Buffer.compare(left, right) === 0);
      }),
      1000,
    );
  });
});

test("property: concatBytes joins copies", () => {
  check(
    fc.property(fc.array(anyBytes, { maxLength: 5 }), (parts) => {
      const joined = concatBytes(parts);
      assert.deepEqual(Buffer.from(joined), Buffer.concat(parts));
      const before = joined.slice();
      for (const part of parts) {
        part.fill(0xee);
      }
      assert.deepEqual(joined, before, "the result shares memory with a part");
    }),
  );
});

test("emptyBytes is empty and never a surprise", () => {
  assert.equal(emptyBytes.length, 0);
  assert.equal(concatBytes([]).length, 0);
  assert.ok(equalBytes(emptyBytes, utf8Encode("")));
});

test("property: toHex agrees with Buffer", () => {
  check(fc.property(anyBytes, (bytes) => assert.equal(toHex(bytes), Buffer.from(bytes).toString("hex"))));
});

describe("UTF-8", () => {
  test("every boundary of the encoding", () => {
    for (const code of [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff]) {
      const text = String.fromCodePoint(code);
      assert.deepEqual(utf8Encode(text), new Uint8Array(platformEncoder.encode(text)), code.toString(16));
      assert.equal(utf8Decode(utf8Encode(text)), text, code.toString(16));
    }
  });
  test("a lone surrogate becomes U+FFFD, as on the platform", () => {
    for (const text of ["\ud800", "\udc00", "a\ud800b", "\udc00\ud800", "\ud800\ud800\udc00", "\udbff"]) {
      assert.deepEqual(utf8Encode(text), new Uint8Array(platformEncoder.encode(text)), JSON.stringify(text));
    }
  });
  test("property: encodes any string of code units as the platform does", () => {
    const codeUnits = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 });
    check(
      fc.property(codeUnits, (units) => {
        const text = String.fromCharCode(...units);
        assert.deepEqual(utf8Encode(text), new Uint8Array(platformEncoder.encode(text)));
      }),
      1000,
    );
  });
  test("property: decodes any string that was encoded", () => {
    check(
      fc.property(fc.string({ unit: "binary" }), (text) =>
        assert.equal(utf8Decode(platformEncoder.encode(text)), text),
      ),
    );
  });
  test("all sequences of one and two bytes are judged as the platform judges them", () => {
    for (let first = 0; first < 256; first++) {
      assert.equal(utf8Decode(Uint8Array.of(first)), platformDecode(Uint8Array.of(first)));
      for (let second = 0; second < 256; second++) {
        const bytes = Uint8Array.of(first, second);
        assert.equal(utf8Decode(bytes), platformDecode(bytes), toHex(bytes));
      }
    }
  });
  test("three- and four-byte sequences at every border are judged as the platform judges them", () => {
    const leads = [0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff];
    const tails = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    for (const a of leads) {
      for (const b of tails) {
        for (const c of tails) {
          for (const bytes of [Uint8Array.of(a, b, c), ...tails.map((d) => Uint8Array.of(a, b, c, d))]) {
            assert.equal(utf8Decode(bytes), platformDecode(bytes), toHex(bytes));
          }
        }
      }
    }
  });
  test("property: judges random bytes as the platform does", () => {
    const suspicious = fc.constantFrom(0x41, 0x80, 0xbf, 0xc1, 0xc3, 0xe2, 0xed, 0xa0, 0xf0, 0x9f, 0xf4);
    check(
      fc.property(fc.array(suspicious, { maxLength: 9 }), (list) => {
        const bytes = Uint8Array.from(list);
        assert.equal(utf8Decode(bytes), platformDecode(bytes), toHex(bytes));
      }),
      3000,
    );
  });
});
