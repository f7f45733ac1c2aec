/** The names of rounds of reads, as they travel with heartbeats and answers. */
import { assert } from "@quorate/base";

const contextBytes = 8;

/** The name of a round, eight bytes little-endian. */
export function encodeContext(id: number): Uint8Array {
  assert(Number.isSafeInteger(id) && id > 0, "reads: not an id");
  // PERF: byte by byte; a view of the buffer would first move the few bytes out of the heap.
  const bytes = new Uint8Array(contextBytes);
  put32(bytes, 0, id % 2 ** 32);
  put32(bytes, 4, Math.floor(id / 2 ** 32));
  return bytes;
}

/** The name that `bytes` stand for, null when they stand for none. */
export function decodeContext(bytes: Uint8Array): number | null {
  if (bytes.length !== contextBytes) {
    return null;
  }
  return get32(bytes, 4) * 2 ** 32 + get32(bytes, 0);
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) {
    bytes[at + i] = (value >>> (8 * i)) & 0xff;
  }
}

function get32(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) {
    value = (value << 8) | (bytes[at + i] ?? 0);
  }
  return value >>> 0;
}
