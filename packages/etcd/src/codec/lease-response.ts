/** LeaseGrantResponse, and the messages of keep-alives; what else leases say is not hot and goes through the generated messages. */
import { assert, type ByteWriter } from "@quorate/base";
import { type ResponseHeader, writeHeader } from "./header.ts";
import { ProtoReader, wireType } from "./proto-reader.ts";
import { writeInt64Field, writeVarintField } from "./proto-size.ts";

/** Writes a LeaseGrantResponse. */
export function encodeLeaseGrant(
  writer: ByteWriter,
  header: ResponseHeader,
  id: bigint,
  ttlSeconds: number,
): void {
  assert(id !== 0n && ttlSeconds > 0, "lease codec: a grant of nothing");
  writeHeader(writer, header);
  writeInt64Field(writer, 2, id);
  writeVarintField(writer, 3, ttlSeconds);
}

const keepAliveId = 1 * 8 + wireType.varint;

/** The lease of a LeaseKeepAliveRequest. @throws DecodeError for bytes that are no message. */
export function decodeLeaseKeepAlive(input: Uint8Array): bigint {
  const reader = new ProtoReader(input);
  let id = 0n;
  while (reader.offset < reader.length) {
    const tag = reader.tag(reader.length);
    if (tag === keepAliveId) {
      id = reader.int64Exact(reader.length);
    } else {
      reader.skip(tag, reader.length);
    }
  }
  return id;
}

/** Writes a LeaseKeepAliveResponse; a time of 0 says that there is no such lease. */
export function encodeLeaseKeepAlive(
  writer: ByteWriter,
  header: ResponseHeader,
  id: bigint,
  ttlSeconds: number,
): void {
  writeHeader(writer, header);
  writeInt64Field(writer, 2, id);
  writeVarintField(writer, 3, ttlSeconds);
}
