/**
 * From segment files to the log: which segments belong to it, what they say in order, and whether what is bad is torn or
 * damaged. Torn is what lies above the highest durable mark: it was never acknowledged by evidence, and is cut. Damaged is
 * the rest: it is refused by name and never shortened.
 */
import { assert, must, type Task } from "@quorate/base";
import type { StorageError } from "@quorate/raft";
import { keyIdOfEntry, noKeys, type StoreCipher } from "./cipher.ts";
import { corrupt, faulty, isMissing } from "./failures.ts";
import type { FileHandle, FileSystem } from "./file-system.ts";
import { close, fillBytes, list, missingText, open, paths, read, size, unlink } from "./files.ts";
import { damaged, type Fault } from "./format/fault.ts";
import type { StoreIdentity } from "./format/identity.ts";
import { type RecordHeader, recordHeaderBytes, recordType, sealedFlag } from "./format/record.ts";
import {
  type DecodedSegmentHeader,
  decodeSegmentHeader,
  padded,
  parseSegmentName,
  segmentHeaderBytes,
} from "./format/segment.ts";
import { LogOutline } from "./log-outline.ts";
import { contentEnd, type ScannedBatch, type SegmentScan, scanSegment } from "./segment-scan.ts";

/** Entries between two known places: a load reads at most this much that it does not need. */
export const placeSpacingBytes: number = 64 * 1024;

/** A segment file with its header. */
interface SegmentFile extends DecodedSegmentHeader {
  readonly path: string;
}

/** What the segments say. */
export interface RecoveredLog {
  readonly outline: LogOutline;
  readonly commit: number;
  /** The highest term that some record says the slots held. */
  readonly durableTerm: number;
  /** Oldest first; the last is the one to write on. */
  readonly segments: readonly { readonly file: SegmentFile; readonly end: number }[];
  readonly link: number;
  readonly sequence: number;
  readonly oldestSegment: number;
  /** Segments that nothing needs: leftovers of a compaction or a rotation that a crash interrupted. */
  readonly leftovers: readonly string[];
  /** What lies torn behind the end of a segment that is kept. */
  readonly torn: {
    readonly path: string;
    readonly start: number;
    readonly end: number;
    readonly why: string;
  } | null;
}

/** Reads the names and headers of all segments, oldest first; removes nothing. @throws StorageError for a foreign or bad one. */
export function* readSegmentFiles(fs: FileSystem, identity: StoreIdentity): Task<SegmentFile[]> {
  const files: SegmentFile[] = [];
  for (const entry of yield* list(fs, paths.wal)) {
    const path = `${paths.wal}/${entry.name}`;
    const name = parseSegmentName(entry.name);
    if (path === paths.spare) {
      continue;
    }
    if (name === null || entry.kind !== "file") {
      throw corrupt(path, 0, "is not a segment of this store: move it away");
    }
    const found = yield* readSegmentHeader(fs, path, identity);
    if ("fault" in found) {
      throw faulty(path, found);
    }
    const { header } = found;
    if (header.sequence !== name.sequence || header.lastIndex + 1 !== name.firstIndex) {
      throw corrupt(
        path,
        48,
        "the header is another segment's than the name: a file was renamed or overwritten",
      );
    }
    files.push({ ...found, path });
  }
  files.sort((left, right) => left.header.sequence - right.header.sequence);
  return files;
}

/** Reads one segment's header and compares the file's length with it. */
function* readSegmentHeader(
  fs: FileSystem,
  path: string,
  identity: StoreIdentity | null,
): Task<DecodedSegmentHeader | Fault> {
  let file: FileHandle;
  try {
    file = yield* open(fs, path, "read");
  } catch (error) {
    if (isMissing(error)) {
      return damaged(missingText(error), 0);
    }
    throw error;
  }
  const length = yield* size(file);
  const found = decodeSegmentHeader(yield* read(file, 0, segmentHeaderBytes), identity);
  yield* close(file);
  if (!("fault" in found) && length !== found.header.segmentBytes) {
    // A segment gets its name at full length: a shorter one lost its end.
    return damaged(
      `is ${length} bytes long, its header says ${found.header.segmentBytes}`,
      Math.min(length, found.header.segmentBytes),
    );
  }
  return found;
}

/** A segment's bytes, to its whole length. */
interface SegmentBytes {
  readonly bytes: Uint8Array;
  /** Behind the last byte that is not zero, rounded up to the alignment of records. */
  readonly contentEnd: number;
}

/**
 * The bytes of one segment.
 *
 * PERF: most of a young segment is zeros. They are read, since torn bytes may lie anywhere, but in parts that are not kept: memory of
 * the result to which nothing was written takes no room. A start took 0.2 s of CPU and 128 MiB for a new log (`npm run bench -- restart`).
 */
function* readSegmentBytes(fs: FileSystem, file: SegmentFile): Task<SegmentBytes> {
  const { segmentBytes } = file.header;
  const handle = yield* open(fs, file.path, "read");
  const bytes = new Uint8Array(segmentBytes);
  const room = new Uint8Array(Math.min(fillBytes, segmentBytes));
  let content = 0;
  let length = 0;
  while (length < segmentBytes) {
    const wanted = Math.min(room.length, segmentBytes - length);
    const part = yield* read(handle, length, wanted, room);
    const partEnd = contentEnd(part);
    if (partEnd > 0) {
      bytes.set(part.subarray(0, partEnd), length);
      content = length + partEnd;
    }
    length += part.length;
    if (part.length < wanted) {
      break;
    }
  }
  yield* close(handle);
  assert(content <= length, "recovery: content behind the end");
  if (length !== segmentBytes) {
    throw corrupt(file.path, length, "ends before its preallocated length");
  }
  return { bytes, contentEnd: content };
}

/** One segment as it lies there, or what is wrong with its header or its length. */
export function* readSegment(
  fs: FileSystem,
  path: string,
  identity: StoreIdentity,
): Task<(DecodedSegmentHeader & SegmentBytes) | Fault> {
  const found = yield* readSegmentHeader(fs, path, identity);
  return "fault" in found ? found : { ...found, ...(yield* readSegmentBytes(fs, { ...found, path })) };
}

/** Reads the whole log from its segments. @throws StorageError where it is damaged. */
export function* recoverLog(
  fs: FileSystem,
  files: readonly SegmentFile[],
  cipher: StoreCipher | null,
): Task<RecoveredLog> {
  const newest = files.at(-1);
  if (newest === undefined) {
    throw corrupt(paths.wal, 0, "holds no segment: restore them, or remove this member and add it again");
  }
  let newestContent: SegmentBytes | null = yield* readSegmentBytes(fs, newest);
  const oldestSegment = oldestNeeded(newest, newestContent);
  if (files.length > 1) {
    newestContent = null; // Not two segments in memory at once.
  }
  const leftovers = files.filter((file) => file.header.sequence < oldestSegment).map((file) => file.path);
  let needed = files.slice(leftovers.length);
  checkContiguous(needed, oldestSegment);
  const replay = new Replay(must(needed[0], "recovery: no segment needed").header);
  const segments: { file: SegmentFile; end: number }[] = [];
  let link = must(needed[0], "recovery: no segment needed").header.previousLink;
  let sequence = 0;
  let torn: RecoveredLog["torn"] = null;
  for (let place = 0; place < needed.length; place++) {
    const file = must(needed[place], "recovery: segment");
    const next = needed[place + 1] ?? null;
    const content = newestContent ?? (yield* readSegmentBytes(fs, file));
    const ends = { link: file.header.previousLink, end: segmentHeaderBytes };
    if (file.header.previousLink !== link) {
      throw corrupt(file.path, 96, "does not continue the chain of the segment before");
    }
    replay.checkHeader(file);
    const scan = scanSegment(content, file, (batch) => {
      if (!batch.chained) {
        return;
      }
      replay.batch(file, batch);
      checkKeys(content.bytes, batch, cipher);
      if (batch.records.at(-1)?.type !== recordType.seal) {
        ends.link = batch.link;
        ends.end = batch.end;
      }
    });
    sequence = Math.max(sequence, scan.sequence);
    const failure = next === null ? judgeNewest(file, scan) : judgeOlder(file, scan, ends, next);
    if (failure !== null) {
      throw failure;
    }
    link = ends.link;
    segments.push({ file, end: ends.end });
    if (next !== null && !scan.sealed) {
      const abandoned = yield* isUntouched(fs, next);
      if (!abandoned || place + 2 !== needed.length) {
        throw corrupt(file.path, ends.end, "the seal that leads to the next segment is missing");
      }
      // A crash during the rotation: the next segment has its name, but nothing was written to it yet.
      leftovers.push(next.path);
      needed = needed.slice(0, place + 1);
    }
    if (place + 1 === needed.length && scan.contentEnd > ends.end) {
      const why = scan.bad[0]?.why ?? "batch never completed";
      torn = { path: file.path, start: ends.end, end: scan.contentEnd, why };
    }
  }
  const { outline, commit, durableTerm } = replay.finish(must(needed[0], "recovery: no segment needed"));
  return { outline, commit, durableTerm, segments, link, sequence, oldestSegment, leftovers, torn };
}

/** A key that is missing is told at the start, and before anything is changed. @throws StorageError STORAGE_KEY. */
function checkKeys(bytes: Uint8Array, { records }: ScannedBatch, cipher: StoreCipher | null): void {
  for (const { entryType, offset, payloadBytes, type } of records) {
    if (type !== recordType.entry || (entryType & sealedFlag) === 0) {
      continue;
    }
    const start = offset + recordHeaderBytes;
    const stored = bytes.subarray(start, start + payloadBytes);
    if (cipher === null) {
      throw noKeys(keyIdOfEntry(stored) ?? 0);
    }
    cipher.checkEntry(stored);
  }
}

/** What the newest segment says is the oldest one needed. */
function oldestNeeded(newest: SegmentFile, content: SegmentBytes): number {
  let oldest = newest.header.oldestSegment;
  scanSegment(content, newest, (batch) => {
    if (batch.chained) {
      oldest = Math.max(oldest, batch.header.oldestSegment);
    }
  });
  return oldest;
}

function checkContiguous(files: readonly SegmentFile[], oldest: number): void {
  let expected = oldest;
  for (const file of files) {
    if (file.header.sequence < expected) {
      throw corrupt(file.path, 48, "two segments have the same sequence number");
    }
    if (file.header.sequence > expected) {
      break;
    }
    expected++;
  }
  const newest = must(files.at(-1), "recovery: no segment needed");
  if (expected <= newest.header.sequence) {
    throw corrupt(`${paths.wal}/${padded(expected)}-*.log`, 0, "the segment is missing: restore it");
  }
}

function judgeNewest(file: SegmentFile, scan: SegmentScan): StorageError | null {
  if (scan.end < scan.markedEnd) {
    const bad = scan.bad[0];
    const why = `${bad?.why ?? "zeros"}, below the durable mark at ${scan.markedEnd}`;
    return corrupt(file.path, bad?.offset ?? scan.end, why);
  }
  if (scan.sealed) {
    const missing = `${paths.wal}/${padded(file.header.sequence + 1)}-*.log`;
    return corrupt(missing, 0, `the segment is missing: ${file.path} says that the log goes on there`);
  }
  return null;
}

/** An older segment was whole up to where the next one says that it ends. */
function judgeOlder(
  file: SegmentFile,
  scan: SegmentScan,
  ends: { readonly end: number; readonly link: number },
  next: SegmentFile,
): StorageError | null {
  const { previousEnd, previousLink } = next.header;
  const bad = scan.bad[0];
  if (bad !== undefined && bad.start < Math.max(previousEnd, scan.markedEnd)) {
    return corrupt(file.path, bad.offset, `${bad.why}, below the durable mark at ${previousEnd}`);
  }
  if (ends.end !== previousEnd) {
    return corrupt(file.path, ends.end, `the log ends here, the next segment says at ${previousEnd}`);
  }
  if (ends.link !== previousLink) {
    return corrupt(next.path, 96, "does not continue the chain of the segment before");
  }
  return null;
}

/** Whether nothing was ever written behind a segment's header. */
function* isUntouched(fs: FileSystem, file: SegmentFile): Task<boolean> {
  return (yield* readSegmentBytes(fs, file)).contentEnd <= segmentHeaderBytes;
}

/** Applies the records in order. */
class Replay {
  readonly #outline = new LogOutline();
  #commit = 0;
  #durableTerm = 0;
  /** Whether the log's beginning is only what the first segment's header says. */
  #provisional: boolean;
  #lastPlace = { segment: 0, offset: 0 };

  constructor(first: DecodedSegmentHeader["header"]) {
    this.#outline.reset(first.lastIndex, first.lastTerm);
    this.#provisional = first.sequence > 1;
  }

  checkHeader(file: SegmentFile): void {
    const { lastIndex, lastTerm } = file.header;
    if (this.#outline.lastIndex !== lastIndex || this.#outline.lastTerm !== lastTerm) {
      throw corrupt(file.path, 64, "the log before this segment ends elsewhere than its header says");
    }
  }

  batch(file: SegmentFile, batch: ScannedBatch): void {
    assert(batch.chained, "replay: batch behind damage");
    for (const record of batch.records) {
      this.#record(file, record);
    }
  }

  finish(first: SegmentFile): Pick<RecoveredLog, "outline" | "commit" | "durableTerm"> {
    const outline = this.#outline;
    if (this.#provisional || !outline.complete) {
      throw corrupt(first.path, 0, "the log does not say where it begins: older segments are missing");
    }
    if (this.#commit > outline.lastIndex) {
      throw corrupt(first.path, 0, "the commit index lies beyond the last entry");
    }
    const commit = Math.max(this.#commit, outline.baseIndex);
    return { outline, commit, durableTerm: this.#durableTerm };
  }

  #record(file: SegmentFile, record: RecordHeader): void {
    const outline = this.#outline;
    switch (record.type) {
      case recordType.entry:
        this.#entry(file, record);
        break;
      case recordType.commit:
        this.#commit = record.index;
        this.#durableTerm = Math.max(this.#durableTerm, record.term);
        break;
      case recordType.reset:
        outline.reset(record.index, record.term);
        this.#commit = record.index;
        this.#provisional = false;
        break;
      case recordType.compact:
        this.#compact(file, record);
        break;
      default:
        assert(record.type === recordType.seal, "replay: record type");
    }
  }

  #entry(file: SegmentFile, record: RecordHeader): void {
    const outline = this.#outline;
    const { index, term, offset } = record;
    if (index > outline.lastIndex + 1) {
      throw corrupt(file.path, offset, `entry ${index} follows entry ${outline.lastIndex}`);
    }
    if (index <= outline.baseIndex) {
      if (!this.#provisional || index === 0) {
        throw corrupt(file.path, offset, `entry ${index} lies below the compacted ${outline.baseIndex}`);
      }
      outline.rebase(index - 1);
    } else if (index <= outline.lastIndex) {
      outline.truncate(index);
      this.#lastPlace = { segment: 0, offset: 0 };
    }
    if (term < outline.lastTerm) {
      throw corrupt(file.path, offset, `entry ${index} has term ${term} after term ${outline.lastTerm}`);
    }
    const segment = file.header.sequence;
    const last = this.#lastPlace;
    const due =
      outline.lastIndex === outline.baseIndex ||
      last.segment !== segment ||
      offset - last.offset >= placeSpacingBytes;
    if (due) {
      this.#lastPlace = { segment, offset };
    }
    outline.append(index, term, due ? { index, segment, offset } : null);
  }

  #compact(file: SegmentFile, record: RecordHeader): void {
    const outline = this.#outline;
    if (record.index > outline.lastIndex) {
      throw corrupt(file.path, record.offset, `compacted to ${record.index}, beyond the last entry`);
    }
    if (record.index < outline.baseIndex) {
      return; // Told again by the later compaction that removed the segments before this one.
    }
    outline.compact(record.index, record.term);
    this.#provisional = false;
  }
}

/** Removes the leftovers of an interrupted compaction, rotation or creation of a segment. */
export function* removeLeftovers(fs: FileSystem, leftovers: readonly string[]): Task<void> {
  for (const path of [paths.spare, ...leftovers]) {
    yield* unlink(fs, path);
  }
}
