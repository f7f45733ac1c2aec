/** Ranges of keys as flags name them. */
import { utf8Encode } from "@quorate/base";

/** The end of all keys that begin with `prefix`. ETCD: all keys at all for one without an end, such as the empty one. */
export function prefixEndOf(prefix: Uint8Array): Uint8Array {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix[at] ?? 0;
    if (byte < 0xff) {
      return Uint8Array.of(...prefix.subarray(0, at), byte + 1);
    }
  }
  return everyEnd;
}

/** The end that means: all from the key on. */
export const everyEnd: Uint8Array = Uint8Array.of(0);

/** Key and end of a range. */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** What a key, perhaps an end, and the two flags mean. */
export function keyRange(key: string, end: string | undefined, prefix: boolean, fromKey: boolean): KeyRange {
  const bytes = utf8Encode(key);
  if (prefix || fromKey) {
    // No key is empty; the first one that can be is a single zero byte.
    const first = bytes.length === 0 ? Uint8Array.of(0) : bytes;
    return { key: first, rangeEnd: fromKey || bytes.length === 0 ? everyEnd : prefixEndOf(bytes) };
  }
  return { key: bytes, rangeEnd: end === undefined ? new Uint8Array(0) : utf8Encode(end) };
}
