/** Bytes that are no message, or a strange one, for any method. */

const varint11 = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

function repeated(bytes: readonly number[], count: number): number[] {
  return Array.from({ length: count }, () => bytes).flat();
}

/** Nested messages in field `field`, `depth` of them. */
function nested(field: number, depth: number): Uint8Array {
  let inner: number[] = [];
  for (let i = 0; i < depth && inner.length < 60_000; i++) {
    inner = [(field << 3) | 2, ...lengthOf(inner.length), ...inner];
  }
  return Uint8Array.from(inner);
}

function lengthOf(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) {
      return [...bytes, rest];
    }
    bytes.push((rest & 127) | 128);
  }
}

/** By name. */
export const malformed: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries({
    nothing: [],
    "one zero byte": [0],
    "a tag and no value": [0x0a],
    "field 0": [0x02, 0x00],
    "a length beyond the end": [0x0a, 0x05, 0x61],
    "a length of 2^31": [0x0a, 0x80, 0x80, 0x80, 0x80, 0x08],
    "a length of 2^32−1": [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    "a length of 2^63": [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    "a varint of 11 bytes": [0x18, ...varint11],
    "a varint without end": [0x18, 0xff, 0xff],
    "a tag of 11 bytes": varint11,
    "wire type 6": [0x0e, 0x00],
    "wire type 7": [0x0f, 0x00],
    "a group": [0x0b, 0x0c],
    "a group without end": [0x0b],
    "the end of a group that never began": [0x0c],
    "groups in groups": [...repeated([0x0b], 2000), ...repeated([0x0c], 2000)],
    "a number where bytes belong": [0x08, 0x01],
    "bytes where a number belongs": [0x1a, 0x01, 0x61],
    "a field that nobody knows": [0xfa, 0x7f, 0x03, 0x61, 0x62, 0x63],
    "a field twice": [0x0a, 0x01, 0x61, 0x0a, 0x01, 0x62],
    "10,000 unknown fields": repeated([0xf8, 0x7f, 0x01], 10_000),
    "text that is no UTF-8": [0x0a, 0x02, 0xff, 0xfe],
  }).map(([name, bytes]) => [name, Uint8Array.from(bytes)]),
);

/** Transactions within transactions, far deeper than anybody writes them. */
export const deep: ReadonlyMap<string, Uint8Array> = new Map([
  ["field 2 in itself", nested(2, 10_000)],
  ["field 4 in itself", nested(4, 10_000)],
]);
