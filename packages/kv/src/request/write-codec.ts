/** The binary form of puts and deletes, alike as commands of their own and inside transactions. */
import type { ByteReader, ByteWriter } from "@quorate/base";
import type { DeleteRangeRequest, PutRequest } from "../types.ts";
import { int64, readFlags, readInt64 } from "./codec-parts.ts";

const putFlag = { prevKv: 1, ignoreValue: 2, ignoreLease: 4, lease: 8 } as const;
const putFlagsAll = 15;

/** Appends a put without version and type, as it also stands inside a transaction. */
export function writePut(writer: ByteWriter, put: PutRequest): void {
  const flags =
    (put.prevKv ? putFlag.prevKv : 0) |
    (put.ignoreValue ? putFlag.ignoreValue : 0) |
    (put.ignoreLease ? putFlag.ignoreLease : 0) |
    (put.lease !== 0n ? putFlag.lease : 0);
  writer.u8(flags);
  writer.lengthPrefixed(put.key);
  writer.lengthPrefixed(put.value);
  if (put.lease !== 0n) {
    int64(writer, put.lease);
  }
}

/** Reads what {@link writePut} wrote. */
export function readPut(reader: ByteReader): PutRequest {
  const flags = readFlags(reader, putFlagsAll);
  return {
    type: "put",
    key: reader.lengthPrefixed(),
    value: reader.lengthPrefixed(),
    lease: (flags & putFlag.lease) !== 0 ? readInt64(reader) : 0n,
    prevKv: (flags & putFlag.prevKv) !== 0,
    ignoreValue: (flags & putFlag.ignoreValue) !== 0,
    ignoreLease: (flags & putFlag.ignoreLease) !== 0,
  };
}

/** Appends a delete without version and type, as it also stands inside a transaction. */
export function writeDeleteRange(writer: ByteWriter, request: DeleteRangeRequest): void {
  writer.u8(request.prevKv ? 1 : 0);
  writer.lengthPrefixed(request.key);
  writer.lengthPrefixed(request.rangeEnd);
}

/** Reads what {@link writeDeleteRange} wrote. */
export function readDeleteRange(reader: ByteReader): DeleteRangeRequest {
  const prevKv = readFlags(reader, 1) === 1;
  return { type: "delete-range", key: reader.lengthPrefixed(), rangeEnd: reader.lengthPrefixed(), prevKv };
}
