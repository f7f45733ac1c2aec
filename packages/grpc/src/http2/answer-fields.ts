/** The fields of answers: what a status, metadata or HTTP headers are on the wire. */
import { assert } from "@quorate/base";
import type { MetadataInput } from "../types.ts";
import { putMetadata } from "../wire/metadata.ts";
import { percentEncode } from "../wire/percent.ts";
import type { Fields } from "./hpack/encoder.ts";

/** §8.2.1, a little stricter: a value of printable ASCII and what lies above it. */
function isSendable(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) {
      return false;
    }
  }
  return true;
}

/** The pairs of a record, names in lower case. @throws InvariantViolation for a value that no header can carry. */
export function recordFields(record: Readonly<Record<string, string>>): Fields {
  return Object.entries(record).map(([name, value]) => {
    assert(isSendable(value), () => `http2: the value of header ${name} cannot be sent`);
    return [name.toLowerCase(), value] as const;
  });
}

/** The status of a failed call, with the metadata that goes with it. */
export function failureFields(code: number, message: string, metadata?: MetadataInput): Fields {
  const fields: Record<string, string> = {
    "grpc-status": String(code),
    "grpc-message": percentEncode(message),
  };
  if (metadata !== undefined) {
    putMetadata(fields, metadata);
  }
  return recordFields(fields);
}
