/**
 * The segment files of one store: the one being written, the older ones that are read back, and the spare that is filled
 * ahead so that writing never waits for a new file to grow.
 */
import { assert, must, type Task } from "@quorate/base";
import { type Buggify, type Entry, toLogIndex, toTerm } from "@quorate/raft";
import type { StoreCipher } from "./cipher.ts";
import { corrupt } from "./failures.ts";
import type { FileHandle, FileSystem } from "./file-system.ts";
import {
  append,
  close,
  fillZero,
  open,
  paths,
  preallocate,
  read,
  rename,
  sync,
  syncDirectory,
  unlink,
  write,
} from "./files.ts";
import type { StoreIdentity } from "./format/identity.ts";
import {
  entryTypeOf,
  payloadFault,
  readRecordHeader,
  recordBytes,
  recordHeaderBytes,
  recordPayloadBytesMax,
  recordType,
  sealedFlag,
} from "./format/record.ts";
import {
  encodeSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentName,
} from "./format/segment.ts";
import type { EntryPlace } from "./log-outline.ts";

/** One segment file. */
export interface Segment {
  readonly sequence: number;
  readonly path: string;
  readonly seed: number;
  readonly segmentBytes: number;
  /** End of its last batch. */
  end: number;
  /** Null until it is read or written. */
  file: FileHandle | null;
}

/** All segments, oldest first. */
export class SegmentSet {
  readonly #cipher: StoreCipher | null;
  readonly #fs: FileSystem;
  readonly #identity: StoreIdentity;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  #spare: FileHandle | null = null;
  /** Null but in simulators. */
  buggify: Buggify | null = null;

  constructor(
    fs: FileSystem,
    identity: StoreIdentity,
    segmentBytes: number,
    segments: Segment[],
    cipher: StoreCipher | null,
  ) {
    this.#cipher = cipher;
    assert(segments.length > 0, "segments: none");
    this.#fs = fs;
    this.#identity = identity;
    this.#segmentBytes = segmentBytes;
    this.#segments = segments;
  }

  /** The segment being written. */
  get current(): Segment {
    return must(this.#segments.at(-1), "segments: none");
  }

  get count(): number {
    return this.#segments.length;
  }

  get hasSpare(): boolean {
    return this.#spare !== null;
  }

  /** Fills a spare file of the usual length, durable but for its name. */
  *prepareSpare(): Task<void> {
    assert(this.#spare === null, "segments: spare exists");
    yield* unlink(this.#fs, paths.spare);
    const file = yield* open(this.#fs, paths.spare, "create");
    yield* preallocate(file, this.#segmentBytes);
    assert(this.#spare === null, "segments: two spares");
    this.#spare = file;
  }

  /**
   * Makes the next segment, with room for a batch of `roomBytes`, and makes it current. Durable when done: a batch that is
   * acknowledged from it cannot vanish with its name.
   */
  *rotate(header: Omit<SegmentHeader, "segmentBytes" | "sequence">, roomBytes: number): Task<Segment> {
    assert(roomBytes > 0, "segments: no room is needed");
    assert(header.previousEnd === this.current.end, "segments: the one before goes on");
    const sequence = this.current.sequence + 1;
    const needed = segmentHeaderBytes + roomBytes;
    const segmentBytes = needed <= this.#segmentBytes ? this.#segmentBytes : (needed + 4095) & ~4095;
    if (this.#spare !== null && segmentBytes !== this.#segmentBytes) {
      yield* close(this.#spare); // A batch larger than a usual segment gets one of its own.
      this.#spare = null;
    }
    if (this.#spare === null) {
      yield* unlink(this.#fs, paths.spare);
    }
    const segment = yield* createSegment(
      this.#fs,
      this.#identity,
      { ...header, sequence, segmentBytes },
      this.#spare,
    );
    this.#spare = null;
    assert(segment.sequence === this.current.sequence + 1, "segments: one is skipped");
    assert(segment.end + roomBytes <= segment.segmentBytes, "segments: less room than was asked for");
    this.#segments.push(segment);
    return segment;
  }

  /** Reads the entries from `place` on, up to the next place or `high`. */
  *readEntries(place: EntryPlace, next: EntryPlace | null, high: number): Task<Entry[]> {
    assert(place.index < high, "segments: nothing to read");
    assert(next === null || next.index > place.index, "segments: places go back");
    const segment = must(
      this.#segments.find((candidate) => candidate.sequence === place.segment),
      "segments: entry in a segment that is gone",
    );
    const stop = next === null ? high : Math.min(high, next.index);
    const limit = next !== null && next.segment === place.segment ? next.offset : segment.end;
    segment.file ??= yield* open(this.#fs, segment.path, "read");
    const entries: Entry[] = [];
    let at = place.offset;
    let index = place.index;
    while (index < stop) {
      const aheadBytes = this.buggify?.("read-ahead-small") ? recordHeaderBytes : readAheadBytes;
      const chunk = yield* readRecords(segment, at, limit, aheadBytes);
      for (let offset = 0; offset < chunk.bytes.length && index < stop; ) {
        const { record, size, entry } = decodeEntry(segment, chunk, at, offset, this.#cipher);
        if (entry !== null) {
          if (record.index !== index) {
            throw corrupt(segment.path, at + offset, "another entry than the one that was written here");
          }
          entries.push(entry);
          index++;
        }
        assert(size >= recordHeaderBytes, "segments: a record without its header");
        offset += size;
      }
      at += chunk.bytes.length;
      if (at >= limit && index < stop) {
        throw corrupt(segment.path, at, "fewer entries than were written here");
      }
    }
    assert(entries.length === stop - place.index, "segments: each entry once");
    return entries;
  }

  /** Removes the segments before `oldest`; call it once nothing durable needs them. */
  *removeBelow(oldest: number): Task<void> {
    assert(oldest <= this.current.sequence, "segments: removing the current one");
    let removed = false;
    for (
      let first = this.#segments[0];
      first !== undefined && first.sequence < oldest;
      first = this.#segments[0]
    ) {
      this.#segments.shift();
      if (first.file !== null) {
        yield* close(first.file);
      }
      yield* unlink(this.#fs, first.path);
      removed = true;
    }
    assert(this.#segments.length > 0, "segments: the current one stays");
    if (removed) {
      yield* syncDirectory(this.#fs, paths.wal);
    }
  }

  /** Closes every file; drops the spare. */
  *close(): Task<void> {
    if (this.#spare !== null) {
      yield* close(this.#spare);
      yield* unlink(this.#fs, paths.spare);
      this.#spare = null;
    }
    for (const segment of this.#segments) {
      if (segment.file !== null) {
        yield* close(segment.file);
        segment.file = null;
      }
    }
  }
}

/** Creates a segment, from `spare` when given; its content and its name are durable when done. */
export function* createSegment(
  fs: FileSystem,
  identity: StoreIdentity,
  header: SegmentHeader,
  spare: FileHandle | null,
): Task<Segment> {
  assert(header.segmentBytes > segmentHeaderBytes, "segments: no room for a record");
  const { bytes, seed } = encodeSegmentHeader(identity, header);
  assert(bytes.length === segmentHeaderBytes, "segments: a header of another length");
  const file = spare ?? (yield* open(fs, paths.spare, "create"));
  if (spare === null) {
    // One sync for all of it: the writer waits, so there are no appends beside it that would be held up, as there are beside a spare (ADR 21).
    yield* write(file, 0, bytes);
    yield* fillZero(file, segmentHeaderBytes, header.segmentBytes);
    yield* sync(file);
  } else {
    yield* append(file, 0, bytes);
  }
  const path = `${paths.wal}/${segmentName(header.sequence, header.lastIndex + 1)}`;
  yield* rename(fs, paths.spare, path);
  yield* syncDirectory(fs, paths.wal);
  const { sequence, segmentBytes } = header;
  return { sequence, path, seed, segmentBytes, end: segmentHeaderBytes, file };
}

interface RecordChunk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Offset by which a header's place differs from its place in the chunk: the seed is shifted with it. */
  readonly seed: number;
}

/** Bytes read at once when entries are loaded back. */
const readAheadBytes = 256 * 1024;

/** Whole records from `at`: as many as the read-ahead holds, at least one. */
function* readRecords(segment: Segment, at: number, limit: number, aheadBytes: number): Task<RecordChunk> {
  assert(at < limit, "segments: read beyond the last batch");
  const file = must(segment.file, "segments: not open");
  let want = Math.min(aheadBytes, limit - at);
  for (;;) {
    const bytes = yield* read(file, at, want);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let whole = 0;
    while (whole + recordHeaderBytes <= bytes.length) {
      const payloadBytes = view.getUint32(whole, true);
      if (payloadBytes > recordPayloadBytesMax) {
        if (whole === 0) {
          throw corrupt(segment.path, at, "no valid record header");
        }
        break; // What is before it is read; the next call begins here.
      }
      const size = recordBytes(payloadBytes);
      if (whole + size > bytes.length) {
        break;
      }
      whole += size;
    }
    assert(whole <= bytes.length, "segments: more than was read");
    if (whole > 0) {
      return { bytes: bytes.subarray(0, whole), view, seed: (segment.seed + at) >>> 0 };
    }
    if (want >= limit - at || bytes.length < want) {
      throw corrupt(segment.path, at, "a record reaches beyond the last batch");
    }
    want = Math.min(limit - at, want * 4);
  }
}

function decodeEntry(
  segment: Segment,
  chunk: RecordChunk,
  base: number,
  offset: number,
  cipher: StoreCipher | null,
): { record: { readonly index: number }; size: number; entry: Entry | null } {
  const record = readRecordHeader(chunk.bytes, chunk.view, offset, chunk.seed);
  if (record === null) {
    throw corrupt(segment.path, base + offset, "no valid record header");
  }
  const fault = payloadFault(chunk.bytes, record);
  if (fault !== null) {
    throw corrupt(segment.path, base + offset, fault);
  }
  const size = recordBytes(record.payloadBytes);
  assert(offset + size <= chunk.bytes.length, "segments: a record beyond its chunk");
  const type = entryTypeOf(record.entryType);
  if (record.type !== recordType.entry || type === null) {
    return { record, size, entry: null };
  }
  const start = offset + recordHeaderBytes;
  // PERF: a view. What was read lives as long as one of its entries, which the window bounds in bytes; a copy of each cost 1.2 µs.
  const data = chunk.bytes.subarray(start, start + record.payloadBytes);
  const stored: Entry = { index: toLogIndex(record.index), term: toTerm(record.term), type, data };
  if ((record.entryType & sealedFlag) === 0) {
    return { record, size, entry: stored };
  }
  // Recovery has seen that there is a cipher with this key.
  const opened = must(cipher, "segments: sealed entry without a cipher").openEntry(stored);
  return { record, size, entry: { ...stored, data: opened } };
}
