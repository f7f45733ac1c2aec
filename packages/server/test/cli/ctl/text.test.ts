/** Text as Go writes it, flags as etcdctl reads them, and the language of transactions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { create, TxnResponseSchema } from "@quorate/etcd/messages";
import fc from "fast-check";
import { boxTable } from "../../../src/cli/ctl/box-table.ts";
import { CtlError } from "../../../src/cli/ctl/ctl-error.ts";
import { type CtlFlag, FlagValues, parseLine } from "../../../src/cli/ctl/flags.ts";
import { goJson, jsonText } from "../../../src/cli/ctl/go-json.ts";
import {
  durationText,
  hexEscapes,
  humanBytes,
  leaseText,
  quote,
  unquote,
} from "../../../src/cli/ctl/go-text.ts";
import { keyRange } from "../../../src/cli/ctl/key-range.ts";
import { parseCompare, parseOperation, splitWords } from "../../../src/cli/ctl/work/txn-text.ts";

test("quoted as by Go's %q", () => {
  const samples: readonly (readonly [Uint8Array | string, string])[] = [
    ["", '""'],
    ['z"é€😀', '"z\\"é€😀"'],
    ["a\nb\t\\", '"a\\nb\\t\\\\"'],
    ["\u0000\u0001\u007f", '"\\x00\\x01\\x7f"'],
    ["\u00a0\u2028\ufeff", '"\\u00a0\\u2028\\ufeff"'],
    [Uint8Array.of(0x61, 0xff, 0xc3), '"a\\xff\\xc3"'],
    [Uint8Array.of(0xed, 0xa0, 0x80), '"\\xed\\xa0\\x80"'],
  ];
  for (const [text, quoted] of samples) {
    assert.equal(quote(text), quoted);
  }
});

test("what is quoted is read back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      assert.equal(unquote(quote(text)), text);
    }),
    { seed: 20261121, numRuns: 500 },
  );
  assert.equal(unquote('"a'), null);
  assert.equal(unquote('"\\q"'), null);
});

test("sizes, times and ids as Go's tools print them", () => {
  assert.deepEqual([0, 9, 10, 999, 1000, 20_480, 24_576, 2_147_483_648].map(humanBytes), [
    "0 B",
    "9 B",
    "10 B",
    "999 B",
    "1.0 kB",
    "20 kB",
    "25 kB",
    "2.1 GB",
  ]);
  assert.deepEqual([0.0005, 0.5, 3.829045, 5000.38011, 60_000, 3_661_500].map(durationText), [
    "500ns",
    "500µs",
    "3.829045ms",
    "5.00038011s",
    "1m0s",
    "1h1m1.5s",
  ]);
  assert.deepEqual([0x1234n, -1n].map(leaseText), ["0000000000001234", "ffffffffffffffff"]);
  assert.equal(hexEscapes(utf8Encode("a\n")), "\\x61\\x0a");
});

test("JSON: fields in their order, empty ones left out, numbers exact, oneofs in a field of their own", () => {
  const answer = create(TxnResponseSchema, {
    header: { clusterId: 2n ** 63n, revision: 3n },
    succeeded: true,
    responses: [
      { response: { case: "responsePut", value: { header: { revision: 3n } } } },
      {
        response: {
          case: "responseRange",
          value: { kvs: [{ key: utf8Encode("k"), lease: -1n }], count: 1n },
        },
      },
    ],
  });
  assert.equal(
    goJson(TxnResponseSchema, answer),
    '{"header":{"cluster_id":9223372036854775808,"revision":3},"succeeded":true,"responses":[{"Response":{"response_put":{"header":{"revision":3}}}},{"Response":{"response_range":{"kvs":[{"key":"aw==","lease":-1}],"count":1}}}]}',
  );
  assert.equal(jsonText("<a&b>\u2028"), '"\\u003ca\\u0026b\\u003e\\u2028"');
});

test("a table is framed, heads are centred, values stand to the right", () => {
  assert.equal(
    boxTable(["id", "name"], [["1", "longer"]]),
    "┌────┬────────┐\n│ ID │  NAME  │\n├────┼────────┤\n│  1 │ longer │\n└────┴────────┘\n",
  );
});

const flags: readonly CtlFlag[] = [
  { name: "write-out", short: "w", kind: "string", preset: "simple", help: "" },
  { name: "prefix", kind: "bool", help: "" },
  { name: "rev", kind: "int", help: "" },
  { name: "endpoints", kind: "list", help: "" },
  { name: "wait", kind: "duration", preset: "5s", help: "" },
];

test("flags stand anywhere, in all spellings", () => {
  for (const argv of [
    ["-w", "json", "k", "--rev=7", "--prefix"],
    ["k", "--prefix=true", "-wjson", "--rev", "7"],
    ["--rev", "+7", "-w=json", "--prefix=T", "k"],
  ]) {
    const { values, words } = parseLine(argv, flags);
    const read = new FlagValues(flags, values);
    assert.deepEqual(
      [words, read.text("write-out"), read.int("rev"), read.bool("prefix")],
      [["k"], "json", 7n, true],
    );
  }
  const { values, words, wordCountBeforeDash } = parseLine(
    ["--endpoints=a", "x", "--endpoints", "b", "--", "--rev", "y"],
    flags,
  );
  assert.deepEqual([words, wordCountBeforeDash], [["x", "--rev", "y"], 1]);
  const read = new FlagValues(flags, values);
  assert.deepEqual(
    [read.text("endpoints"), read.int("rev"), read.duration("wait"), read.has("rev")],
    ["a,b", 0n, 5000, false],
  );
});

test("what is no flag, or no value of one, is refused by name", () => {
  const refusals: readonly (readonly [readonly string[], RegExp])[] = [
    [["--prefxi"], /^unknown flag: --prefxi, did you mean --prefix\?$/],
    [["-x"], /^unknown shorthand flag: 'x' in -x$/],
    [["--rev"], /^flag needs an argument: --rev$/],
    [["--rev=x"], /^invalid argument "x" for "--rev" flag/],
    [["--rev=9223372036854775808"], /^invalid argument/],
    [["--prefix=maybe"], /^invalid argument "maybe" for "--prefix" flag/],
    [["--wait=soon"], /needs a time/],
  ];
  for (const [argv, message] of refusals) {
    assert.throws(
      () => parseLine(argv, flags),
      (error) => error instanceof CtlError && error.code === 1 && message.test(error.message),
    );
  }
});

test("ranges: a key, up to an end, a prefix, from a key on", () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
  const of = (...args: Parameters<typeof keyRange>): string[] => {
    const { key, rangeEnd } = keyRange(...args);
    return [Buffer.from(key).toString("latin1"), Buffer.from(rangeEnd).toString("latin1")];
  };
  assert.deepEqual(of("a", undefined, false, false), ["a", ""]);
  assert.deepEqual(of("a", "c", false, false), ["a", "c"]);
  assert.deepEqual(of("ab", undefined, true, false), ["ab", "ac"]);
  assert.deepEqual(of("ab", undefined, false, true), ["ab", "\0"]);
  assert.deepEqual(of("", undefined, true, false), ["\0", "\0"]);
  assert.deepEqual(of("", undefined, false, true), ["\0", "\0"]);
  assert.deepEqual(bytes("\0").length, 1);
});

test("a transaction's lines", async () => {
  assert.deepEqual(splitWords(`put "x y" 'a "b"' plain "q\\"\\n"`), ["put", "x y", 'a "b"', "plain", 'q"\n']);
  const compare = parseCompare('value("a b") != "x\\ny"');
  assert.deepEqual([compare.result, compare.target], [3, 3]);
  assert.deepEqual(compare.targetUnion, { case: "value", value: utf8Encode("x\ny") });
  for (const [line, target] of [
    ['ver("k") = "1"', "version"],
    ['c("k") > "0"', "createRevision"],
    ['mod("k") < "9"', "modRevision"],
    ['lease("k") = "1f"', "lease"],
  ] as const) {
    assert.equal(parseCompare(line).targetUnion?.case, target);
  }
  const put = await parseOperation('put k "x y" --prev-kv');
  assert.equal(put.request?.case, "requestPut");
  for (const line of ["", "x", 'mod("k") ~ "1"', 'mod("k") = "one"', 'size("k") = "1"']) {
    assert.throws(
      () => parseCompare(line),
      (error) => error instanceof CtlError && error.code === 3,
    );
  }
  await assert.rejects(parseOperation("foo x"), /^CtlError: invalid txn request: foo x$/);
});
