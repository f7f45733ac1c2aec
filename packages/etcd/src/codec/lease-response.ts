/** LeaseGrantResponse; what else leases answer is not hot and goes through the generated messages. */
import { assert, type ByteWriter } from "@quorate/base";
import { type ResponseHeader, writeHeader } from "./header.ts";
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
