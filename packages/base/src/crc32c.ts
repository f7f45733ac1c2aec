/**
 * CRC-32C (Castagnoli), the checksum of every record and frame. Slicing-by-8: eight table look-ups for eight bytes. Long ranges go
 * in three streams side by side, whose checksums are then joined.
 * PERF: 0.46 µs for 272 bytes, as fast as a native binding for records of this size, and it runs in a browser.
 */
import { assert } from "./assert.ts";

const polynomial = 0x82f63b78;
const tables: Uint32Array = buildTables();

/** Bytes of one stream of a block; each block has three. PERF: longer ones gain nothing, and fewer frames have room for three. */
const streamBytes = 256;
const streamWords = streamBytes / 4;
const blockBytes = 3 * streamBytes;

/** Words of an array are read as they lie in memory. */
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
/** The shift by one stream, byte by byte. */
const streamShift: Uint32Array = buildStreamShift();
/** For each power of two, the shift by so many zero bytes as a matrix of 32 columns. */
const shifts: Uint32Array[] = [];

function buildTables(): Uint32Array {
  const table = new Uint32Array(8 * 256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    }
    table[i] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const previous = table[i - 256] as number;
    table[i] = (previous >>> 8) ^ (table[previous & 0xff] as number);
  }
  return table;
}

/**
 * CRC-32C of `bytes[start, end)` as an unsigned 32-bit number. `seed` is the checksum of the bytes before, so that
 * `crc32c(b, crc32c(a))` is the checksum of `a` followed by `b`.
 *
 * @example
 * ```ts
 * import { crc32c, utf8Encode } from "@quorate/base";
 * crc32c(utf8Encode("123456789")); // 0xe3069283
 * ```
 */
export function crc32c(bytes: Uint8Array, seed = 0, start = 0, end: number = bytes.length): number {
  assert(start >= 0 && start <= end, "crc32c: range is backwards");
  assert(end <= bytes.length, "crc32c: range ends behind the bytes");
  // `as number`: the indexes below are within the tables by construction; a check per look-up would double the cost.
  let crc = ~seed;
  let i = start;
  if (end - start >= blockBytes + 3 && isLittleEndian) {
    for (; ((bytes.byteOffset + i) & 3) !== 0; i++) {
      crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[i] as number)) & 0xff] as number);
    }
    const words = Math.floor((end - i) / blockBytes) * 3 * streamWords;
    crc = ofBlocks(new Uint32Array(bytes.buffer, bytes.byteOffset + i, words), crc);
    i += 4 * words;
  }
  for (const last = end - 7; i < last; i += 8) {
    const low =
      crc ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    crc =
      (tables[1792 + (low & 0xff)] as number) ^
      (tables[1536 + ((low >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((low >>> 16) & 0xff)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (bytes[i + 4] as number)] as number) ^
      (tables[512 + (bytes[i + 5] as number)] as number) ^
      (tables[256 + (bytes[i + 6] as number)] as number) ^
      (tables[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) {
    crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

/**
 * Whole blocks, from an inner state to the next.
 *
 * PERF: one stream waits for its look-ups, three hide each other's: 0.56 instead of 0.97 ns a byte (`npm run bench -- wal`).
 */
function ofBlocks(words: Uint32Array, state: number): number {
  assert(words.length % (3 * streamWords) === 0, "crc32c: not whole blocks");
  let first = state;
  for (let block = 0; block < words.length; block += 3 * streamWords) {
    let second = 0;
    let third = 0;
    for (let i = block; i < block + streamWords; i += 2) {
      first = ofTwoWords(first ^ (words[i] as number), words[i + 1] as number);
      second = ofTwoWords(second ^ (words[i + streamWords] as number), words[i + streamWords + 1] as number);
      third = ofTwoWords(
        third ^ (words[i + 2 * streamWords] as number),
        words[i + 2 * streamWords + 1] as number,
      );
    }
    first = afterStream(afterStream(first) ^ second) ^ third;
  }
  return first;
}

function ofTwoWords(low: number, high: number): number {
  return (
    (tables[1792 + (low & 0xff)] as number) ^
    (tables[1536 + ((low >>> 8) & 0xff)] as number) ^
    (tables[1280 + ((low >>> 16) & 0xff)] as number) ^
    (tables[1024 + (low >>> 24)] as number) ^
    (tables[768 + (high & 0xff)] as number) ^
    (tables[512 + ((high >>> 8) & 0xff)] as number) ^
    (tables[256 + ((high >>> 16) & 0xff)] as number) ^
    (tables[high >>> 24] as number)
  );
}

/** The inner state after one more stream of zeros. */
function afterStream(state: number): number {
  return (
    (streamShift[state & 0xff] as number) ^
    (streamShift[256 + ((state >>> 8) & 0xff)] as number) ^
    (streamShift[512 + ((state >>> 16) & 0xff)] as number) ^
    (streamShift[768 + (state >>> 24)] as number)
  );
}

function buildStreamShift(): Uint32Array {
  const shift = new Uint32Array(4 * 256);
  for (let bit = 0; bit < 32; bit++) {
    let crc = (1 << bit) >>> 0;
    for (let i = 0; i < streamBytes; i++) {
      crc = (crc >>> 8) ^ (tables[crc & 0xff] as number);
    }
    // The shift is linear: that of a byte is that of its highest bit and of the rest.
    const part = (bit >>> 3) * 256;
    const low = 1 << (bit & 7);
    for (let rest = 0; rest < low; rest++) {
      shift[part + low + rest] = (shift[part + rest] as number) ^ crc;
    }
  }
  return shift;
}

/**
 * The checksum of two ranges, one behind the other, from that of each and the length of the second: what {@link crc32c} of the
 * second, seeded with the first, would be, without its bytes.
 */
export function crc32cJoin(first: number, second: number, secondBytes: number): number {
  assert(Number.isSafeInteger(secondBytes) && secondBytes >= 0, "crc32c: a length that is none");
  let shifted = first;
  for (let power = 0, left = secondBytes; left > 0; power++, left = Math.floor(left / 2)) {
    if (left % 2 === 1) {
      shifted = times(shiftBy(power), shifted);
    }
  }
  return (shifted ^ second) >>> 0;
}

/** The shift by 2^power zero bytes. */
function shiftBy(power: number): Uint32Array {
  for (let known = shifts.length; known <= power; known++) {
    const before = shifts[known - 1];
    shifts.push(
      Uint32Array.from({ length: 32 }, (_, bit) => {
        const column = (1 << bit) >>> 0;
        return before === undefined
          ? (column >>> 8) ^ (tables[column & 0xff] as number)
          : times(before, times(before, column));
      }),
    );
  }
  return shifts[power] as Uint32Array;
}

function times(matrix: Uint32Array, vector: number): number {
  let sum = 0;
  for (let bit = 0; bit < 32; bit++) {
    if (((vector >>> bit) & 1) !== 0) {
      sum ^= matrix[bit] as number;
    }
  }
  return sum >>> 0;
}
