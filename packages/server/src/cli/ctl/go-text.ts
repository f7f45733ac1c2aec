/** Text as Go's fmt writes it: etcdctl's output is full of it, and scripts read that. */
import { toHex, utf8Encode } from "@quorate/base";

const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x07, "\\a"],
  [0x08, "\\b"],
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0b, "\\v"],
  [0x0c, "\\f"],
  [0x0d, "\\r"],
  [0x22, '\\"'],
  [0x5c, "\\\\"],
]);

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** `%q`: in double quotes, what does not print escaped, bytes that are no UTF-8 as `\x..`. */
export function quote(bytes: Uint8Array | string): string {
  const all = typeof bytes === "string" ? utf8Encode(bytes) : bytes;
  let text = '"';
  for (let at = 0; at < all.length; ) {
    const length = sequenceBytes(all, at);
    const part = all.subarray(at, at + Math.max(1, length));
    text += length === 0 ? `\\x${toHex(part)}` : escapeRune(Buffer.from(part).toString("utf8"));
    at += part.length;
  }
  return `${text}"`;
}

function escapeRune(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const short = shortEscapes.get(code);
  if (short !== undefined) {
    return short;
  }
  if (code === 0x20 || (printable.test(character) && code !== 0xa0)) {
    return character;
  }
  if (code < 0x80) {
    return `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Bytes of the UTF-8 sequence at `at`; 0 where there is none. */
function sequenceBytes(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) {
    return 0;
  }
  const text = Buffer.from(bytes.subarray(at, at + length)).toString("utf8");
  return Buffer.byteLength(text) === length && !text.includes("\ufffd") ? length : 0;
}

/** ETCD: `--hex` prints each byte as `\x..`. */
export function hexEscapes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** `%016x` of a signed 64-bit number, as lease ids are written. */
export function leaseText(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, "0");
}

/** Bytes in units of a thousand: `25 kB`, `2.1 GB`. */
export function humanBytes(count: bigint | number): string {
  const bytes = Number(count);
  if (bytes < 10) {
    return `${bytes} B`;
  }
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3 + 1e-12));
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : halfToEven(value)} ${units[power]}`;
}

/** Rounded as Go's `%.0f` rounds: 20.5 to 20, 21.5 to 22. */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

/** A time as Go writes it: `3.829045ms`, `5.0003s`, `1m0s`. */
export function durationText(ms: number): string {
  const trim = (value: number, digits: number): string => String(Number(value.toFixed(digits)));
  if (ms < 0.001) {
    return `${Math.round(ms * 1e6)}ns`;
  }
  if (ms < 1) {
    return `${trim(ms * 1000, 3)}µs`;
  }
  if (ms < 1000) {
    return `${trim(ms, 6)}ms`;
  }
  const seconds = ms / 1000;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const rest = `${trim(seconds - minutes * 60, 9)}s`;
  return hours > 0 ? `${hours}h${minutes % 60}m${rest}` : minutes > 0 ? `${minutes}m${rest}` : rest;
}

/** Reads what {@link quote} writes, quotes included; null when it is none. */
export function unquote(text: string): string | null {
  if (!/^"(?:[^"\\]|\\.)*"$/s.test(text)) {
    return null;
  }
  const single: Readonly<Record<string, string>> = {
    a: "\x07",
    b: "\b",
    f: "\f",
    n: "\n",
    r: "\r",
    t: "\t",
    v: "\v",
  };
  let broken = false;
  const value = text
    .slice(1, -1)
    .replaceAll(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[0-7]{3}|.)/gis, (_all, code: string) => {
      const kind = code[0] ?? "";
      if (code.length > 1) {
        const point = /[0-7]/.test(kind) ? Number.parseInt(code, 8) : Number.parseInt(code.slice(1), 16);
        return String.fromCodePoint(Math.min(point, 0x10ffff));
      }
      const plain = single[kind] ?? (kind === '"' || kind === "\\" || kind === "'" ? kind : null);
      broken ||= plain === null;
      return plain ?? "";
    });
  return broken ? null : value;
}
