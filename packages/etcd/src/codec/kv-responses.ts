/**
 * Encoders of the hot answers of etcdserverpb.KV. Each appends to a writer that the caller resets and reuses; sizes of
 * nested messages are known before they are written, so nothing is moved afterwards.
 */
import { assert, type ByteWriter } from "@quorate/base";
import type { DeleteRangeResult, PutResult, RangeResult, TxnResult } from "@quorate/kv";
import { type ResponseHeader, writeHeader } from "./header.ts";
import { writeKeyValue } from "./key-value.ts";
import { writeFieldStart, writeVarintField } from "./proto-size.ts";
import { TxnSizes, writeResponseOp } from "./txn-response.ts";

/** Writes a PutResponse. */
export function encodePutResponse(writer: ByteWriter, header: ResponseHeader, result: PutResult): void {
  writeHeader(writer, header);
  if (result.prevKv !== null) {
    writeKeyValue(writer, 2, result.prevKv);
  }
}

/** Writes a DeleteRangeResponse. */
export function encodeDeleteRangeResponse(
  writer: ByteWriter,
  header: ResponseHeader,
  result: DeleteRangeResult,
): void {
  assert(result.prevKvs.length === 0 || result.prevKvs.length === result.deleted, "delete codec: prevKvs");
  writeHeader(writer, header);
  writeVarintField(writer, 2, result.deleted);
  for (const kv of result.prevKvs) {
    writeKeyValue(writer, 3, kv);
  }
}

/** Writes what ends a RangeResponse. */
export function encodeRangeEnd(writer: ByteWriter, more: boolean, count: number): void {
  writeVarintField(writer, 3, more ? 1 : 0);
  writeVarintField(writer, 4, count);
}

/** Writes a whole RangeResponse. */
export function encodeRangeResponse(writer: ByteWriter, header: ResponseHeader, result: RangeResult): void {
  writeHeader(writer, header);
  for (const kv of result.kvs) {
    writeKeyValue(writer, 2, kv);
  }
  encodeRangeEnd(writer, result.more, result.count);
}

/** Writes a TxnResponse. */
export function encodeTxnResponse(writer: ByteWriter, header: ResponseHeader, result: TxnResult): void {
  const sizes = new TxnSizes(result.responses);
  writeHeader(writer, header);
  writeVarintField(writer, 2, result.succeeded ? 1 : 0);
  for (const op of result.responses) {
    writeFieldStart(writer, 3, sizes.next());
    writeResponseOp(writer, op, sizes);
  }
  sizes.end();
}

/** Writes an answer that is a header and nothing else. */
export function encodeHeaderOnly(writer: ByteWriter, header: ResponseHeader): void {
  writeHeader(writer, header);
}
