/** ResponseHeader: who answered, and how new its state is. */
import { assert, type ByteWriter } from "@quorate/base";
import { varintFieldSize, writeFieldStart, writeVarintField } from "./proto-size.ts";

/** The header of an answer; a zero field is left out on the wire. */
export interface ResponseHeader {
  readonly clusterId: number;
  readonly memberId: number;
  /** The store's revision; 0 where an answer carries none. */
  readonly revision: number;
  readonly raftTerm: number;
}

/** Encoded bytes of a header's fields. */
function headerSize(header: ResponseHeader): number {
  return (
    varintFieldSize(header.clusterId) +
    varintFieldSize(header.memberId) +
    varintFieldSize(header.revision) +
    varintFieldSize(header.raftTerm)
  );
}

/** Writes a header as field 1, where every answer has it. */
export function writeHeader(writer: ByteWriter, header: ResponseHeader): void {
  assert(header.memberId > 0, "header: without a member");
  writeFieldStart(writer, 1, headerSize(header));
  writeVarintField(writer, 1, header.clusterId);
  writeVarintField(writer, 2, header.memberId);
  writeVarintField(writer, 3, header.revision);
  writeVarintField(writer, 4, header.raftTerm);
}
