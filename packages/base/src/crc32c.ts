/**
 * CRC-32C (Castagnoli), the checksum of every record and frame. Slicing-by-16: sixteen table look-ups for sixteen bytes, of which
 * only the first four wait for those before. It runs in a browser.
 */
import { assert } from "./assert.ts";

const polynomial = 0x82f63b78;
const sliceBytes = 16;
/** For each place in a slice, the last one first, what a byte there does to the checksum of the slice. */
const tables: Int32Array = buildTables();

/** Shorter ranges are read byte by byte: a view of words costs as much as it saves. */
const wordsBytesMin = 512;
/** Words of an array are read as they lie in memory. */
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
/** For each power of two, the shift by so many zero bytes as a matrix of 32 columns. */
const shifts: Uint32Array[] = [];

function buildTables(): Int32Array {
  const table = new Int32Array(sliceBytes * 256);
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
 * PERF: 264 bytes in 0.77 of the time of slicing-by-8, 520 in 0.66. Streams side by side that are joined afterwards are as fast for
 * long ranges, and slower for those of a record.
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
  if (end - start >= wordsBytesMin && isLittleEndian) {
    for (; ((bytes.byteOffset + i) & 3) !== 0; i++) {
      crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[i] as number)) & 0xff] as number);
    }
    const slices = Math.floor((end - i) / sliceBytes);
    crc = ofWords(new Int32Array(bytes.buffer, bytes.byteOffset + i, slices * 4), crc);
    i += slices * sliceBytes;
  }
  for (const last = end - sliceBytes; i <= last; i += sliceBytes) {
    crc =
      (tables[3840 + ((crc & 0xff) ^ (bytes[i] as number))] as number) ^
      (tables[3584 + (((crc >>> 8) & 0xff) ^ (bytes[i + 1] as number))] as number) ^
      (tables[3328 + (((crc >>> 16) & 0xff) ^ (bytes[i + 2] as number))] as number) ^
      (tables[3072 + ((crc >>> 24) ^ (bytes[i + 3] as number))] as number) ^
      (tables[2816 + (bytes[i + 4] as number)] as number) ^
      (tables[2560 + (bytes[i + 5] as number)] as number) ^
      (tables[2304 + (bytes[i + 6] as number)] as number) ^
      (tables[2048 + (bytes[i + 7] as number)] as number) ^
      (tables[1792 + (bytes[i + 8] as number)] as number) ^
      (tables[1536 + (bytes[i + 9] as number)] as number) ^
      (tables[1280 + (bytes[i + 10] as number)] as number) ^
      (tables[1024 + (bytes[i + 11] as number)] as number) ^
      (tables[768 + (bytes[i + 12] as number)] as number) ^
      (tables[512 + (bytes[i + 13] as number)] as number) ^
      (tables[256 + (bytes[i + 14] as number)] as number) ^
      (tables[bytes[i + 15] as number] as number);
  }
  if (end - i >= 8) {
    crc = ofEight(bytes, i, crc);
    i += 8;
  }
  for (; i < end; i++) {
    crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

/** The inner state after the eight bytes at `i`. */
function ofEight(bytes: Uint8Array, i: number, state: number): number {
  return (
    (tables[1792 + ((state & 0xff) ^ (bytes[i] as number))] as number) ^
    (tables[1536 + (((state >>> 8) & 0xff) ^ (bytes[i + 1] as number))] as number) ^
    (tables[1280 + (((state >>> 16) & 0xff) ^ (bytes[i + 2] as number))] as number) ^
    (tables[1024 + ((state >>> 24) ^ (bytes[i + 3] as number))] as number) ^
    (tables[768 + (bytes[i + 4] as number)] as number) ^
    (tables[512 + (bytes[i + 5] as number)] as number) ^
    (tables[256 + (bytes[i + 6] as number)] as number) ^
    (tables[bytes[i + 7] as number] as number)
  );
}

/** The inner state after whole slices. PERF: a word is one read instead of four: 0.6 instead of 0.7 ns a byte. */
function ofWords(words: Int32Array, before: number): number {
  let state = before;
  for (let i = 0; i < words.length; i += 4) {
    state =
      ofWord(3072, state ^ (words[i] as number)) ^
      ofWord(2048, words[i + 1] as number) ^
      ofWord(1024, words[i + 2] as number) ^
      ofWord(0, words[i + 3] as number);
  }
  return state;
}

/** What a word does whose last byte belongs to the table at `place`. */
function ofWord(place: number, word: number): number {
  return (
    (tables[place + 768 + (word & 0xff)] as number) ^
    (tables[place + 512 + ((word >>> 8) & 0xff)] as number) ^
    (tables[place + 256 + ((word >>> 16) & 0xff)] as number) ^
    (tables[place + (word >>> 24)] as number)
  );
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
