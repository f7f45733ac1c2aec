/** Answer encoders: byte for byte what protobuf-es encodes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ByteWriter } from "@quorate/base";
import {
  CompactionResponseSchema,
  DeleteRangeResponseSchema,
  PutResponseSchema,
  RangeResponseSchema,
} from "@quorate/etcd/messages";
import fc from "fast-check";
import {
  encodeDeleteRangeResponse,
  encodeHeaderOnly,
  encodePutResponse,
  encodeRangeResponse,
} from "../../src/codec/kv-responses.ts";
import { deleteRangeResult, putResult, rangeResult, runs } from "./arbitraries.ts";
import { expectedKv, header, headerInit } from "./expected.ts";

function written(encode: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(1);
  encode(writer);
  return writer.finish();
}

test("put", () => {
  fc.assert(
    fc.property(putResult, (result) => {
      const prevKv = result.prevKv === null ? {} : { prevKv: expectedKv(result.prevKv) };
      const expected = create(PutResponseSchema, { header: headerInit, ...prevKv });
      assert.deepEqual(
        written((writer) => encodePutResponse(writer, header, result)),
        toBinary(PutResponseSchema, expected),
      );
    }),
    runs,
  );
});

test("range", () => {
  fc.assert(
    fc.property(rangeResult, (result) => {
      const expected = create(RangeResponseSchema, {
        header: headerInit,
        kvs: result.kvs.map(expectedKv),
        more: result.more,
        count: BigInt(result.count),
      });
      assert.deepEqual(
        written((writer) => encodeRangeResponse(writer, header, result)),
        toBinary(RangeResponseSchema, expected),
      );
    }),
    runs,
  );
});

test("delete range", () => {
  fc.assert(
    fc.property(deleteRangeResult, (result) => {
      const expected = create(DeleteRangeResponseSchema, {
        header: headerInit,
        deleted: BigInt(result.deleted),
        prevKvs: result.prevKvs.map(expectedKv),
      });
      assert.deepEqual(
        written((writer) => encodeDeleteRangeResponse(writer, header, result)),
        toBinary(DeleteRangeResponseSchema, expected),
      );
    }),
    runs,
  );
});

test("compaction, and a header without a revision", () => {
  const expected = create(CompactionResponseSchema, { header: { ...headerInit, revision: 0n } });
  assert.deepEqual(
    written((writer) => encodeHeaderOnly(writer, { ...header, revision: 0 })),
    toBinary(CompactionResponseSchema, expected),
  );
});
