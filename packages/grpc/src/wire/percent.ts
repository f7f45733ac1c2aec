/** `grpc-message`: UTF-8 text where every byte outside printable ASCII, and `%`, stands as `%XX`. */
import { utf8Decode, utf8Encode } from "@quorate/base";

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
}

/** Escapes `text` for the wire. */
export function percentEncode(text: string): string {
  let escaped = "";
  for (const byte of utf8Encode(text)) {
    escaped += isPlain(byte)
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) {
    return code - 48;
  }
  const letter = code | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Undoes {@link percentEncode}. A stray `%` stays as it is, and text that is not UTF-8 is returned unescaped. */
export function percentDecode(text: string): string {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const high = code === 0x25 ? hexDigit(text.charCodeAt(i + 1)) : -1;
    const low = high >= 0 ? hexDigit(text.charCodeAt(i + 2)) : -1;
    if (low >= 0) {
      bytes[length++] = (high << 4) | low;
      i += 2;
    } else {
      bytes[length++] = code & 0xff;
    }
  }
  return utf8Decode(bytes.subarray(0, length)) ?? text;
}
