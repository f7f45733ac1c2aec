/** The answers' bytes, checked in: whoever changes them changes what every etcd client receives. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ByteWriter, toHex, utf8Encode } from "@quorate/base";
import { type KeyValue, type PutResult, type RangeResult, toRevision } from "@quorate/kv";
import {
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
} from "../../src/codec/kv-responses.ts";
import { header } from "./expected.ts";

const kv: KeyValue = {
  key: utf8Encode("key"),
  value: utf8Encode("value"),
  createRevision: toRevision(2),
  modRevision: toRevision(300),
  version: 7,
  lease: -1n,
};
const revision = toRevision(300);
const put: PutResult = { type: "put", revision, prevKv: kv };
const range: RangeResult = { type: "range", revision, kvs: [kv], more: true, count: 9 };

const answers: Readonly<Record<string, (writer: ByteWriter) => void>> = {
  put: (writer) => encodePutResponse(writer, header, put),
  range: (writer) => encodeRangeResponse(writer, header, range),
  "delete-range": (writer) =>
    encodeDeleteRangeResponse(writer, header, { type: "delete-range", revision, deleted: 1, prevKvs: [kv] }),
  txn: (writer) => {
    const inner = { type: "txn", revision, succeeded: false, responses: [put] } as const;
    encodeTxnResponse(writer, header, { type: "txn", revision, succeeded: true, responses: [range, inner] });
  },
};

for (const [name, encode] of Object.entries(answers)) {
  test(`bytes of a ${name} answer`, () => {
    const writer = new ByteWriter();
    encode(writer);
    const golden = readFileSync(new URL(`../golden/${name}-response.hex`, import.meta.url), "utf8");
    assert.equal(toHex(writer.finish()), golden.trim());
  });
}
