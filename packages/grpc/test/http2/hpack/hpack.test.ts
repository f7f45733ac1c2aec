/** HPACK beyond the RFC's examples: what must be refused, tables that change size, and any list there and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.ts";
import { DynamicTable } from "../../../src/http2/hpack/dynamic-table.ts";
import { encodedBytesMax, type Fields, HpackEncoder } from "../../../src/http2/hpack/encoder.ts";
import { fieldRole, HeaderField } from "../../../src/http2/hpack/field.ts";
import {
  huffmanDecode,
  huffmanDecodedBytesMax,
  huffmanEncode,
  huffmanEncodedBytes,
} from "../../../src/http2/hpack/huffman.ts";
import { staticTable } from "../../../src/http2/hpack/static-table.ts";
import { errorCode } from "../../../src/http2/protocol.ts";

const parameters = { seed: 7541, numRuns: 300 };
const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

function decodeHex(decoder: HpackDecoder, hex: string): unknown {
  const block = Buffer.from(hex, "hex");
  return decoder.decode(block, 0, block.length);
}

const refused: readonly (readonly [string, string])[] = [
  ["index 0, §6.1", "80"],
  ["an index beyond both tables, §2.3.3", "be"],
  ["a name's index beyond both tables", "7f0101"],
  ["a table larger than the setting, §6.3", "3fe21f"],
  ["a change of size behind a field, §4.2", "8220"],
  ["a block that ends within an integer", "ff"],
  ["an integer without end, §5.1", "ffffffffffffffff7f"],
  ["a string longer than the block", "00056162"],
  ["a literal without a value", "000161"],
  ["Huffman padding of eight bits, §5.2", "0082ffff0161"],
  ["Huffman padding that is not ones", "0081180161"],
  ["EOS in a string, §5.2", "0084ffffffff0161"],
];
for (const [name, hex] of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(() => decodeHex(new HpackDecoder(1000), hex), {
      name: "ConnectionError",
      code: errorCode.compressionError,
    });
  });
}

test("a list above its limit is cut, one of many times the limit is an attack, the table stays in step", () => {
  const decoder = new HpackDecoder(100);
  // A field of 62 bytes enters the table, then is referred to.
  const literal = `4003${Buffer.from("abc").toString("hex")}1b${"78".repeat(27)}`;
  assert.equal((decodeHex(decoder, literal) as unknown[]).length, 1);
  assert.equal((decodeHex(decoder, "be".repeat(5)) as unknown[]).length, 1);
  assert.equal(decoder.listBytes, 310);
  assert.throws(() => decodeHex(decoder, "be".repeat(100)), { code: errorCode.enhanceYourCalm });
});

test("the table evicts its oldest, and is emptied by what never fits, §4.4", () => {
  const table = new DynamicTable(100);
  const field = (name: string): HeaderField => new HeaderField(name, "12345678901234567");
  table.insert(field("a"));
  table.insert(field("b"));
  assert.equal(table.bytes, 100);
  assert.equal(table.find("a", "12345678901234567"), 63);
  table.insert(field("c"));
  assert.equal(table.field(62)?.name, "c");
  assert.equal(table.field(63)?.name, "b");
  assert.equal(table.field(64), null);
  table.insert(new HeaderField("long", "x".repeat(100)));
  assert.equal(table.count, 0);
  assert.equal(table.bytes, 0);
});

test("a table behaves as a list of the newest entries that fit", () => {
  const step = fc.oneof(
    fc.record({ insert: latin1 }),
    fc.record({ resize: fc.integer({ min: 0, max: 400 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new DynamicTable(400);
      let model: string[] = [];
      let bytesMax = 400;
      for (const one of steps) {
        if ("insert" in one) {
          table.insert(new HeaderField("n", one.insert));
          model = [one.insert, ...model];
        } else {
          bytesMax = one.resize;
          table.resize(bytesMax);
        }
        let bytes = 0;
        const kept = model.findIndex((value) => {
          bytes += 33 + value.length;
          return bytes > bytesMax;
        });
        model = kept < 0 ? model : model.slice(0, kept);
        assert.equal(table.count, model.length);
        for (const [age, value] of model.entries()) {
          assert.equal(table.field(62 + age)?.value, value);
        }
      }
    }),
    parameters,
  );
});

test("Huffman: any bytes there and back, and never longer than foretold", () => {
  fc.assert(
    fc.property(latin1, (text) => {
      const encoded = Buffer.alloc(huffmanEncodedBytes(text) + 1);
      const end = huffmanEncode(text, encoded, 0);
      assert.equal(end, huffmanEncodedBytes(text));
      const decoded = Buffer.alloc(huffmanDecodedBytesMax(end));
      const length = huffmanDecode(encoded, 0, end, decoded);
      assert.equal(decoded.toString("latin1", 0, length), text);
    }),
    parameters,
  );
});

test("any lists in a row, indexed or not, with tables that change size, come out as they went in", () => {
  const field = fc.tuple(fc.constantFrom("a", "content-type", "x-long-name", ":status"), latin1);
  const list = fc.record({
    fields: fc.array(field, { maxLength: 8 }),
    indexed: fc.boolean(),
    tableBytesMax: fc.option(fc.integer({ min: 0, max: 5000 })),
  });
  fc.assert(
    fc.property(fc.array(list, { maxLength: 12 }), (lists) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(100_000);
      for (const { fields, indexed, tableBytesMax } of lists) {
        if (tableBytesMax !== null) {
          encoder.setTableBytesMax(tableBytesMax);
        }
        const out = Buffer.alloc(encodedBytesMax(fields));
        const end = encoder.encode(fields as Fields, indexed, out, 0);
        const decoded = decoder.decode(out, 0, end).map((one) => [one.name, one.value]);
        assert.deepEqual(decoded, fields);
      }
    }),
    parameters,
  );
});

test("the lowest and the last of several sizes are both said, §4.2", () => {
  const encoder = new HpackEncoder();
  encoder.setTableBytesMax(0);
  encoder.setTableBytesMax(100);
  const out = Buffer.alloc(100);
  assert.equal(out.toString("hex", 0, encoder.encode([[":status", "200"]], true, out, 0)), "203f4588");
  assert.equal(encoder.owesSizeUpdate, false);
});

test("the static table's ends, and what fields are for", () => {
  assert.equal(staticTable[0]?.name, ":authority");
  assert.equal(staticTable[60]?.name, "www-authenticate");
  assert.equal(staticTable[15]?.value, "gzip, deflate");
  const role = (name: string, value: string): number => new HeaderField(name, value).role;
  assert.equal(role(":path", "/"), fieldRole.path);
  assert.equal(role(":status", "200"), fieldRole.otherPseudo);
  assert.equal(role("te", "trailers"), fieldRole.regular);
  for (const [name, value] of [
    ["Upper", ""],
    ["", ""],
    ["sp ace", ""],
    ["co:lon", ""],
    ["nön", ""],
    ["a", "b\0"],
    ["a", "b\r\nc"],
    ["a", " b"],
    ["a", "b\t"],
    ["te", "gzip"],
    ["connection", "close"],
    ["transfer-encoding", "chunked"],
  ] as const) {
    assert.equal(role(name, value), fieldRole.malformed, `${name}: ${value}`);
  }
});
