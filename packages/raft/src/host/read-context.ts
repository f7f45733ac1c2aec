/** The names of rounds of reads, as they travel with heartbeats and answers. */
import { assert } from "@quorate/base";

const contextBytes = 8;

/** The name of a round, eight bytes little-endian. */
export function encodeContext(id: number): Uint8Array {
  assert(Number.isSafeInteger(id) && id > 0, "reads: not an id");
  const bytes = new Uint8Array(contextBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id % 2 ** 32, true);
  view.setUint32(4, Math.floor(id / 2 ** 32), true);
  return bytes;
}

/** The name that `bytes` stand for, null when they stand for none. */
export function decodeContext(bytes: Uint8Array): number | null {
  if (bytes.length !== contextBytes) {
    return null;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
}
