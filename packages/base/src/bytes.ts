/** Byte strings: order, equality, text. Pure packages have no TextEncoder and no Buffer. */

/** The byte string of length zero, shared so that it is never allocated. */
export const emptyBytes: Uint8Array = new Uint8Array(0);

/**
 * Orders byte strings lexicographically by unsigned byte, as etcd orders keys: negative, zero or positive.
 *
 * @example
 * ```ts
 * import { compareBytes, utf8Encode } from "@quorate/base";
 * compareBytes(utf8Encode("a"), utf8Encode("ab")) < 0;
 * ```
 */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) {
      return difference;
    }
  }
  return left.length - right.length;
}

/** Whether both byte strings have the same content. Not for secrets: it stops at the first difference. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && compareBytes(left, right) === 0;
}

/** One byte string of all parts, copied. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) {
    length += part.length;
  }
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

const hexDigits = "0123456789abcdef";

/** Lower-case hexadecimal text of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += (hexDigits[byte >>> 4] as string) + (hexDigits[byte & 15] as string);
  }
  return text;
}

/** UTF-8 bytes of `text`; a lone surrogate becomes U+FFFD, as in the platform's encoder. */
export function utf8Encode(text: string): Uint8Array {
  // PERF: most text has a byte for each character: no room for more, and no copy.
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) {
      return encodeWide(text);
    }
    out[i] = code;
  }
  return out;
}

function encodeWide(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 3);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = text.charCodeAt(i + 1);
      if (code < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        i++;
      } else {
        code = 0xfffd;
      }
    }
    if (code < 0x80) {
      out[length++] = code;
    } else if (code < 0x800) {
      out[length++] = 0xc0 | (code >> 6);
      out[length++] = 0x80 | (code & 63);
    } else if (code < 0x10000) {
      out[length++] = 0xe0 | (code >> 12);
      out[length++] = 0x80 | ((code >> 6) & 63);
      out[length++] = 0x80 | (code & 63);
    } else {
      out[length++] = 0xf0 | (code >> 18);
      out[length++] = 0x80 | ((code >> 12) & 63);
      out[length++] = 0x80 | ((code >> 6) & 63);
      out[length++] = 0x80 | (code & 63);
    }
  }
  return out.slice(0, length);
}

/** Eight characters of one byte each, or nothing. PERF: most text is of these; one by one each costs a string and its place in a rope. */
function asciiAt(bytes: Uint8Array, at: number): string {
  const a = bytes[at] as number;
  const b = bytes[at + 1] as number;
  const c = bytes[at + 2] as number;
  const d = bytes[at + 3] as number;
  const e = bytes[at + 4] as number;
  const f = bytes[at + 5] as number;
  const g = bytes[at + 6] as number;
  const h = bytes[at + 7] as number;
  return (a | b | c | d | e | f | g | h) < 0x80 ? String.fromCharCode(a, b, c, d, e, f, g, h) : "";
}

/** Text of UTF-8 `bytes`, or null where they are not well-formed (overlong forms and surrogates are not). */
export function utf8Decode(bytes: Uint8Array): string | null {
  let text = "";
  let i = 0;
  while (i < bytes.length) {
    const first = bytes[i] as number;
    if (first < 0x80) {
      const eight = i + 8 <= bytes.length ? asciiAt(bytes, i) : "";
      text += eight === "" ? String.fromCharCode(first) : eight;
      i += eight === "" ? 1 : 8;
      continue;
    }
    const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || i + size > bytes.length) {
      return null;
    }
    let code = first & (0x7f >> size);
    for (let k = 1; k < size; k++) {
      const next = bytes[i + k] as number;
      if ((next & 0xc0) !== 0x80) {
        return null;
      }
      code = (code << 6) | (next & 63);
    }
    const smallest = size === 4 ? 0x10000 : size === 3 ? 0x800 : 0x80;
    if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      return null;
    }
    text += String.fromCodePoint(code);
    i += size;
  }
  return text;
}
