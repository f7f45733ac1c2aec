/** RFC 7541 Appendix C: integers, literals, and three requests and responses on one table, with and without Huffman code. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.ts";
import { encodeInteger, type Fields, HpackEncoder } from "../../../src/http2/hpack/encoder.ts";

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
}

function decode(decoder: HpackDecoder, hex: string): [string, string][] {
  const block = bytes(hex);
  return decoder.decode(block, 0, block.length).map((field) => [field.name, field.value]);
}

const integers: readonly (readonly [string, number, number, string])[] = [
  ["C.1.1 10 with a prefix of 5", 10, 5, "0a"],
  ["C.1.2 1337 with a prefix of 5", 1337, 5, "1f9a0a"],
  ["C.1.3 42 from an octet's start", 42, 8, "2a"],
];
for (const [name, value, prefixBits, hex] of integers) {
  test(name, () => {
    const out = Buffer.alloc(8);
    const end = encodeInteger(value, prefixBits, 0, out, 0);
    assert.equal(out.toString("hex", 0, end), hex);
  });
}

const single: readonly (readonly [string, string, string, string, boolean])[] = [
  [
    "C.2.1 with indexing",
    "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
    "custom-key",
    "custom-header",
    true,
  ],
  ["C.2.2 without indexing", "040c 2f73 616d 706c 652f 7061 7468", ":path", "/sample/path", false],
  ["C.2.3 never indexed", "1008 7061 7373 776f 7264 0673 6563 7265 74", "password", "secret", false],
  ["C.2.4 indexed", "82", ":method", "GET", false],
];
for (const [name, hex, field, value, enters] of single) {
  test(name, () => {
    const decoder = new HpackDecoder(10_000);
    assert.deepEqual(decode(decoder, hex), [[field, value]]);
    assert.equal(decoder.version, enters ? 1 : 0);
    if (enters) {
      assert.deepEqual(decode(decoder, "be"), [[field, value]]);
    }
  });
}

const first: Fields = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const requests: readonly Fields[] = [
  first,
  [...first, ["cache-control", "no-cache"]],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const plainRequests = [
  "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
  "8286 84be 5808 6e6f 2d63 6163 6865",
  "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
];
const huffmanRequests = [
  "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
  "8286 84be 5886 a8eb 1064 9cbf",
  "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
];

for (const [name, blocks] of [
  ["C.3 requests", plainRequests],
  ["C.4 requests in Huffman code", huffmanRequests],
] as const) {
  test(name, () => {
    const decoder = new HpackDecoder(10_000);
    for (const [i, hex] of blocks.entries()) {
      assert.deepEqual(decode(decoder, hex), requests[i]);
    }
  });
}

test("C.4: the encoder writes the same bytes", () => {
  const encoder = new HpackEncoder();
  for (const [i, hex] of huffmanRequests.entries()) {
    const out = Buffer.alloc(1000);
    const end = encoder.encode(requests[i] ?? [], true, out, 0);
    assert.equal(out.toString("hex", 0, end), bytes(hex).toString("hex"));
  }
});

const responses: readonly Fields[] = [
  [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "307"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];
const plainResponses = [
  `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
   3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
  "4803 3330 37c1 c0bf",
  `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
   7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
   6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
];
const huffmanResponses = [
  `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
   1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
  "4883 640e ffc1 c0bf",
  `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
   e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
];

for (const [name, blocks] of [
  ["C.5 responses, a table of 256 bytes", plainResponses],
  ["C.6 responses in Huffman code, a table of 256 bytes", huffmanResponses],
] as const) {
  test(name, () => {
    const decoder = new HpackDecoder(10_000);
    // The examples assume a setting of 256; here the encoder says so itself, §6.3.
    decode(decoder, "3fe101");
    for (const [i, hex] of blocks.entries()) {
      assert.deepEqual(decode(decoder, hex), responses[i]);
    }
  });
}

test("C.6: the encoder reads its own bytes back under eviction", () => {
  const encoder = new HpackEncoder();
  encoder.setTableBytesMax(256);
  const decoder = new HpackDecoder(10_000);
  for (const fields of [...responses, ...responses]) {
    const out = Buffer.alloc(1000);
    const end = encoder.encode(fields, true, out, 0);
    assert.deepEqual(
      decoder.decode(out, 0, end).map((field) => [field.name, field.value]),
      fields,
    );
  }
});
