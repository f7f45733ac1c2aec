/** mvccpb.KeyValue, written from views into the store's arena: the one copy on their way out. */
import type { ByteWriter } from "@quorate/base";
import type { KeyValue } from "@quorate/kv";
import {
  bytesFieldSize,
  int64FieldSize,
  varintFieldSize,
  writeBytesField,
  writeFieldStart,
  writeInt64Field,
  writeVarintField,
} from "./proto-size.ts";

function optionalBytesSize(length: number): number {
  return length === 0 ? 0 : bytesFieldSize(length);
}

/** Encoded bytes of a KeyValue's fields. */
export function keyValueSize(kv: KeyValue): number {
  return (
    optionalBytesSize(kv.key.length) +
    varintFieldSize(kv.createRevision) +
    varintFieldSize(kv.modRevision) +
    varintFieldSize(kv.version) +
    optionalBytesSize(kv.value.length) +
    int64FieldSize(kv.lease)
  );
}

/** Writes a KeyValue as the given field of its parent. */
export function writeKeyValue(writer: ByteWriter, field: number, kv: KeyValue): void {
  writeFieldStart(writer, field, keyValueSize(kv));
  writeBytesField(writer, 1, kv.key);
  writeVarintField(writer, 2, kv.createRevision);
  writeVarintField(writer, 3, kv.modRevision);
  writeVarintField(writer, 4, kv.version);
  writeBytesField(writer, 5, kv.value);
  writeInt64Field(writer, 6, kv.lease);
}
