/**
 * Reads one segment from its bytes: which batches are whole, what is damaged, and how far marks prove that the disk once
 * had everything. It judges nothing: whether a bad range is torn or damaged is recovery's decision.
 */
import { assert } from "@quorate/base";
import { type BatchHeader, readBatchHeader } from "./format/batch.ts";
import {
  entryTypeOf,
  linkOf,
  payloadFault,
  type RecordHeader,
  readRecordHeader,
  recordBytes,
  recordType,
} from "./format/record.ts";
import { type DecodedSegmentHeader, segmentHeaderBytes } from "./format/segment.ts";

/** A range that holds no whole batch. */
interface BadRange {
  /** Where the batch begins that does not verify. */
  readonly start: number;
  readonly end: number;
  /** The record that does not verify. */
  readonly offset: number;
  readonly why: string;
}

/** A whole batch. */
export interface ScannedBatch {
  readonly start: number;
  readonly end: number;
  readonly header: BatchHeader;
  readonly records: readonly RecordHeader[];
  /** Link of its last record. */
  readonly link: number;
  /** False behind a bad range: the batch is whole, but what leads to it is not. */
  readonly chained: boolean;
}

/** What a segment holds. */
export interface SegmentScan {
  /** End of the last batch before anything bad. */
  readonly end: number;
  /** Link of that batch's last record. */
  readonly link: number;
  /** Number of that batch, 0 when there is none. */
  readonly sequence: number;
  /** Batches before anything bad. */
  readonly batchCount: number;
  /** Whether the last of them seals the segment. */
  readonly sealed: boolean;
  readonly bad: readonly BadRange[];
  /** Everything before it was durable once, as some readable mark in this segment says; also marks behind bad ranges. */
  readonly markedEnd: number;
  /** Behind the last byte that is not zero, at least {@link end}. */
  readonly contentEnd: number;
  /** The highest (term, index) that any readable header or mark names. */
  readonly floor: { readonly term: number; readonly index: number };
}

interface Attempt {
  readonly batch: {
    readonly end: number;
    readonly header: BatchHeader;
    readonly records: RecordHeader[];
  } | null;
  readonly link: number;
  /** Where to go on when the batch is bad: known when its opening record is whole. */
  readonly resume: number | null;
  readonly header: BatchHeader | null;
  readonly offset: number;
  readonly why: string;
  readonly seen: readonly RecordHeader[];
}

/** Scans a whole segment; `visit` gets every whole batch, in order. */
export function scanSegment(
  { bytes, contentEnd: content }: { readonly bytes: Uint8Array; readonly contentEnd: number },
  segment: DecodedSegmentHeader,
  visit: (batch: ScannedBatch) => void,
): SegmentScan {
  assert(bytes.length >= segmentHeaderBytes, "scan: shorter than a segment header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assert(content <= bytes.length, "scan: content beyond the segment");
  const bad: BadRange[] = [];
  const scan = {
    end: segmentHeaderBytes,
    link: segment.header.previousLink,
    sequence: 0,
    batchCount: 0,
    sealed: false,
    markedEnd: segmentHeaderBytes,
    floor: { term: segment.header.lastTerm, index: segment.header.lastIndex },
  };
  let link: number | null = segment.header.previousLink;
  let at = segmentHeaderBytes;
  while (at < content) {
    const attempt = readBatch(bytes, view, at, segment.seed, link);
    scan.floor = floorOf(scan.floor, attempt);
    if (attempt.header !== null && attempt.header.mark.segment === segment.header.sequence) {
      scan.markedEnd = Math.max(scan.markedEnd, attempt.header.mark.end);
    }
    if (attempt.batch !== null && !scan.sealed) {
      const chained = bad.length === 0;
      const { end, header, records } = attempt.batch;
      link = attempt.link;
      visit({ start: at, end, header, records, link, chained });
      if (chained) {
        scan.end = end;
        scan.link = link;
        scan.sequence = header.sequence;
        scan.batchCount++;
        scan.sealed = records.at(-1)?.type === recordType.seal;
      }
      assert(end > at, "scan: a batch takes room");
      assert(end <= bytes.length, "scan: a batch beyond the segment");
      at = end;
      continue;
    }
    const why = scan.sealed ? "bytes behind the seal" : attempt.why;
    const end = attempt.resume ?? findBatch(bytes, view, at + 8, content, segment.seed);
    assert(end > at, "scan: it goes forward");
    assert(why.length > 0, "scan: bad without a reason");
    bad.push({ start: at, end: Math.min(end, content), offset: attempt.offset, why });
    link = null;
    at = end;
  }
  // INV damage-not-cut: what is sound ends before anything bad begins.
  assert(bad[0] === undefined || scan.end <= bad[0].start, "scan: bad within what is sound");
  assert(scan.batchCount > 0 || scan.end === segmentHeaderBytes, "scan: an end without a batch");
  return { ...scan, bad, contentEnd: Math.max(content, scan.end) };
}

/** Reads one batch; `previousLink` null where the record before it is unknown. */
function readBatch(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  seed: number,
  previousLink: number | null,
): Attempt {
  assert(start >= segmentHeaderBytes && start % 8 === 0, "scan: not where a batch can open");
  const opening = readRecordHeader(bytes, view, start, seed);
  const seen: RecordHeader[] = [];
  const fail = (offset: number, why: string, header: BatchHeader | null, resume: number | null): Attempt => {
    return { batch: null, link: 0, resume, header, offset, why, seen };
  };
  if (opening === null) {
    return fail(start, "no valid record header", null, null);
  }
  if (opening.type !== recordType.batch) {
    return fail(start, "record outside a batch", null, null);
  }
  seen.push(opening);
  const fault = payloadFault(bytes, opening);
  const header = fault === null ? readBatchHeader(view, opening) : null;
  if (header === null) {
    return fail(start, fault ?? "batch header contradicts itself", null, null);
  }
  const end = start + header.batchBytes;
  if (end > bytes.length || header.mark.end > bytes.length) {
    return fail(start, "batch reaches beyond the segment", null, null);
  }
  if (previousLink !== null && linkOf(bytes, start, previousLink) !== opening.link) {
    return fail(start, "broken chain: the record before is another one", header, end);
  }
  let link = opening.link;
  let problem: { readonly offset: number; readonly why: string } | null = null;
  let at = start + recordBytes(opening.payloadBytes);
  const records: RecordHeader[] = [];
  while (at < end) {
    const record = readRecordHeader(bytes, view, at, seed);
    if (record === null || at + recordBytes(record.payloadBytes) > end) {
      return fail(problem?.offset ?? at, problem?.why ?? "no valid record header", header, end);
    }
    seen.push(record);
    records.push(record);
    problem ??= recordFault(bytes, record, link);
    link = record.link;
    at += recordBytes(record.payloadBytes);
  }
  if (problem !== null) {
    return fail(problem.offset, problem.why, header, end);
  }
  if (records.length !== header.recordCount) {
    return fail(start, "batch holds another number of records", header, end);
  }
  return { batch: { end, header, records }, link, resume: end, header, offset: start, why: "", seen };
}

function recordFault(
  bytes: Uint8Array,
  record: RecordHeader,
  previousLink: number,
): { readonly offset: number; readonly why: string } | null {
  const offset = record.offset;
  if (linkOf(bytes, offset, previousLink) !== record.link) {
    return { offset, why: "broken chain: the record before is another one" };
  }
  if (record.type === recordType.batch) {
    return { offset, why: "batch inside a batch" };
  }
  if (record.group !== 0 || (record.type === recordType.entry && entryTypeOf(record.entryType) === null)) {
    return { offset, why: "group or entry type is not known to this program" };
  }
  const fault = payloadFault(bytes, record);
  return fault === null ? null : { offset, why: fault };
}

/** The next place from `from` on where a batch opens, or `end`. */
function findBatch(bytes: Uint8Array, view: DataView, from: number, end: number, seed: number): number {
  assert(from % 8 === 0, "scan: search not aligned");
  for (let at = from; at < end; at += 8) {
    // PERF: one byte decides almost always; a full check per 8 bytes would cost a CRC each.
    if (bytes[at + 4] !== recordType.batch) {
      continue;
    }
    const record = readRecordHeader(bytes, view, at, seed);
    if (record !== null && record.type === recordType.batch && payloadFault(bytes, record) === null) {
      return at;
    }
  }
  return end;
}

function floorOf(
  floor: { readonly term: number; readonly index: number },
  attempt: Attempt,
): { readonly term: number; readonly index: number } {
  let highest = floor;
  for (const record of attempt.seen) {
    const names = record.type !== recordType.commit && record.type !== recordType.seal;
    if (
      names &&
      (record.term > highest.term || (record.term === highest.term && record.index > highest.index))
    ) {
      highest = { term: record.term, index: record.index };
    }
  }
  return highest;
}

/** Behind the last byte that is not zero, rounded up to the alignment of records; 0 when all are. */
export function contentEnd(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0 && (bytes.byteOffset + end) % 4 !== 0) {
    end--;
  }
  if ((bytes.byteOffset + end) % 4 === 0 && bytes.byteOffset % 4 === 0) {
    end = 4 * wordsEnd(new Uint32Array(bytes.buffer, bytes.byteOffset, end >>> 2));
  }
  while (end > 0 && bytes[end - 1] === 0) {
    end--;
  }
  return Math.min(bytes.length, (end + 7) & ~7);
}

/**
 * Behind the last word that is not zero.
 *
 * PERF: most of a young segment is zeros; eight words at a time take a third of the time of one.
 */
function wordsEnd(words: Uint32Array): number {
  let end = words.length;
  while (end >= 8 && isZero(words, end - 8)) {
    end -= 8;
  }
  while (end > 0 && words[end - 1] === 0) {
    end--;
  }
  return end;
}

/** Whether eight words are zero; the caller has seen that they are there. */
function isZero(words: Uint32Array, at: number): boolean {
  const word = (i: number): number => words[at + i] as number;
  return (word(0) | word(1) | word(2) | word(3) | word(4) | word(5) | word(6) | word(7)) === 0;
}
