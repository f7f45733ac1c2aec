/**
 * Readable facts of any data directory: also of a damaged one, also of a running member's. It only reads; what does not
 * decode is a fact with file and offset, never an error.
 */
import { assert, emptyBytes, runTask, type Task } from "@quorate/base";
import { type LogId, StorageError, toLogIndex, toTerm, type VoteFloor } from "@quorate/raft";
import { keyIdOfEntry, keyIdOfImage, type StoreCipher } from "./cipher.ts";
import { ioFailure, isMissing } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import { close, list, open, paths, read, size } from "./files.ts";
import type { BatchHeader } from "./format/batch.ts";
import { damaged, type Fault } from "./format/fault.ts";
import { decodeMetadata, type StoreMetadata } from "./format/identity.ts";
import {
  entryTypeOf,
  type RecordHeader,
  recordHeaderBytes,
  recordType,
  sealedFlag,
} from "./format/record.ts";
import {
  type DecodedSegmentHeader,
  decodeSegmentHeader,
  parseSegmentName,
  type SegmentHeader,
} from "./format/segment.ts";
import { type Slot, slotNames } from "./format/slot.ts";
import { chunkOverheadBytes, parseSnapshotName, type SnapshotHeader } from "./format/snapshot.ts";
import { readSlot } from "./hard-state-slots.ts";
import { contentEnd, type SegmentScan, scanSegment } from "./segment-scan.ts";
import { verifySnapshot } from "./snapshot-files.ts";
import { describeFloor, readFloor } from "./vote-floor.ts";

/** One fact, in the order in which the files are read. Offsets and ends are in bytes from the start of `file`. */
export type WalFact =
  | { readonly kind: "metadata"; readonly file: string; readonly metadata: StoreMetadata }
  | { readonly kind: "hard-state"; readonly file: string; readonly slot: Slot }
  | {
      readonly kind: "snapshot";
      readonly file: string;
      readonly header: SnapshotHeader;
      readonly keyId: number | null;
    }
  | { readonly kind: "segment"; readonly file: string; readonly header: SegmentHeader }
  /** `chained` is false behind a bad range: whole, but what leads to it is not. */
  | {
      readonly kind: "batch";
      readonly file: string;
      readonly start: number;
      readonly end: number;
      readonly header: BatchHeader;
      readonly chained: boolean;
    }
  /** `keyId` is the key that its data is encrypted with; null in clear. */
  | {
      readonly kind: "record";
      readonly file: string;
      readonly record: RecordHeader;
      readonly keyId: number | null;
    }
  /** An entry that the given keys do not open. */
  | { readonly kind: "unopened"; readonly file: string; readonly offset: number; readonly why: string }
  /** `markedEnd`: everything before it was durable once. */
  | {
      readonly kind: "segment-end";
      readonly file: string;
      readonly end: number;
      readonly markedEnd: number;
      readonly sealed: boolean;
    }
  | { readonly kind: "copy"; readonly file: string; readonly bytes: number }
  /** The log is being repaired, and once reached this. */
  | { readonly kind: "vote-floor"; readonly file: string; readonly floor: VoteFloor }
  | DamagedRange;

/**
 * What does not verify. `damaged`: it was durable once, and a member with it refuses to start. `torn`: no mark covers it, and
 * the next start cuts it; on a running member it may be the batch that is being written.
 */
export interface DamagedRange {
  readonly kind: "bad";
  readonly judgement: "damaged" | "torn";
  readonly file: string;
  readonly start: number;
  readonly end: number;
  /** The record in it that does not verify. */
  readonly offset: number;
  readonly why: string;
}

/** What the facts come to. */
export interface WalSummary {
  readonly damaged: readonly DamagedRange[];
  readonly torn: readonly DamagedRange[];
  /**
   * The highest log id that any readable header or mark names. A member with damage must grant no vote below it and not
   * campaign; null when no header is readable, and then it must not vote at all.
   */
  readonly floor: LogId | null;
  /** Encryption keys that entries and snapshots need, ascending. */
  readonly keyIds: readonly number[];
  /** Entries that the given keys do not open; 0 where none were given. */
  readonly unopenedCount: number;
}

/**
 * Reads every file of the store in `fileSystem` and calls `emit` for each fact.
 *
 * Fails only where the file system does (STORAGE_IO).
 *
 * @example
 * ```ts
 * import { describeWalFact, readWal } from "@quorate/wal";
 * import { MemoryFileSystem } from "@quorate/wal/testing";
 * const lines: string[] = [];
 * readWal(new MemoryFileSystem(), (fact) => lines.push(describeWalFact(fact)), (error, summary) => {
 *   if (error === null) summary?.damaged.length; // every part that a store must have is missing
 * });
 * ```
 */
export function readWal(
  fileSystem: FileSystem,
  emit: (fact: WalFact) => void,
  completed: (error: Error | null, summary?: WalSummary) => void,
  cipher: StoreCipher | null = null,
): void {
  runTask(new WalReader(fileSystem, emit, cipher).read(), (error, summary) => {
    if (error === null && summary !== undefined) {
      completed(null, summary);
    } else {
      completed(ioFailure(error ?? new Error("wal dump: no summary")));
    }
  });
}

/** One line of text for a fact; stable, so that scripts may read it. */
export function describeWalFact(fact: WalFact): string {
  switch (fact.kind) {
    case "metadata": {
      const { clusterId, nodeId, confState } = fact.metadata;
      return `${fact.file}: cluster ${clusterId} node ${nodeId} voters ${confState.voters.join(",")} learners ${confState.learners.join(",")}`;
    }
    case "hard-state":
      return `${fact.file}: write ${fact.slot.sequence} term ${fact.slot.term} vote ${fact.slot.vote}`;
    case "snapshot": {
      const { metadata, origin, imageBytes } = fact.header;
      return `${fact.file}: ${origin} index ${metadata.index} term ${metadata.term} ${imageBytes} bytes voters ${metadata.confState.voters.join(",")}${keyText(fact.keyId)}`;
    }
    case "segment": {
      const { sequence, lastIndex, lastTerm, oldestSegment, segmentBytes } = fact.header;
      return `${fact.file}: segment ${sequence} after ${lastIndex}/${lastTerm} oldest ${oldestSegment} ${segmentBytes} bytes`;
    }
    case "batch": {
      const { sequence, recordCount, mark } = fact.header;
      const loose = fact.chained ? "" : " behind a bad range";
      return `${fact.file}:${fact.start}: batch ${sequence} to ${fact.end} records ${recordCount} mark ${mark.segment}:${mark.end} ${mark.lastIndex}/${mark.lastTerm}${loose}`;
    }
    case "record":
      return `${fact.file}:${fact.record.offset}: ${recordText(fact.record)}${keyText(fact.keyId)}`;
    case "unopened":
      return `${fact.file}:${fact.offset}: does not open: ${fact.why}`;
    case "segment-end":
      return `${fact.file}: ends at ${fact.end} marked to ${fact.markedEnd}${fact.sealed ? " sealed" : ""}`;
    case "copy":
      return `${fact.file}: ${fact.bytes} bytes that recovery cut or set aside`;
    case "vote-floor":
      return `${fact.file}: ${describeFloor(fact.floor)}`;
    case "bad":
      return `${fact.file}:${fact.offset}: ${fact.judgement} ${fact.start} to ${fact.end}: ${fact.why}`;
  }
}

const recordNames: readonly string[] = ["?", "batch", "entry", "commit", "reset", "compact", "seal"];

function recordText(record: RecordHeader): string {
  const name = recordNames[record.type] ?? "?";
  const payload = record.payloadBytes > 0 ? ` ${record.payloadBytes} bytes` : "";
  const entryType = record.entryType & ~sealedFlag;
  return `${name} ${record.index}/${record.term}${entryType === 0 ? "" : ` type ${entryType}`}${payload}`;
}

function keyText(keyId: number | null): string {
  return keyId === null ? "" : ` key ${keyId}`;
}

class WalReader {
  readonly #fs: FileSystem;
  readonly #emit: (fact: WalFact) => void;
  readonly #bad: DamagedRange[] = [];
  readonly #cipher: StoreCipher | null;
  readonly #keyIds: Set<number> = new Set();
  #unopenedCount = 0;
  #floor: LogId | null = null;

  constructor(fs: FileSystem, emit: (fact: WalFact) => void, cipher: StoreCipher | null) {
    this.#fs = fs;
    this.#cipher = cipher;
    this.#emit = emit;
  }

  *read(): Task<WalSummary> {
    yield* this.#metadata();
    for (const file of slotNames) {
      const slot = yield* readSlot(this.#fs, file, null);
      if ("fault" in slot) {
        this.#fault(file, slot);
      } else {
        this.#emit({ kind: "hard-state", file, slot });
      }
    }
    const floor = yield* readFloor(this.#fs, null);
    if (floor !== null) {
      this.#emit({ kind: "vote-floor", file: paths.floor, floor });
    }
    yield* this.#snapshots();
    yield* this.#segments();
    yield* this.#copies();
    const damagedRanges = this.#bad.filter((range) => range.judgement === "damaged");
    const torn = this.#bad.filter((range) => range.judgement === "torn");
    const keyIds = [...this.#keyIds].sort((left, right) => left - right);
    return {
      damaged: damagedRanges,
      torn,
      floor: this.#floor,
      keyIds,
      unopenedCount: this.#unopenedCount,
    };
  }

  *#metadata(): Task<void> {
    const file = paths.metadata;
    const bytes = yield* this.#rangeOf(file, Number.MAX_SAFE_INTEGER);
    if (bytes === null) {
      return;
    }
    const decoded = decodeMetadata(bytes);
    if ("fault" in decoded) {
      this.#fault(file, decoded);
    } else {
      this.#emit({ kind: "metadata", file, metadata: decoded.metadata });
    }
  }

  *#snapshots(): Task<void> {
    for (const name of yield* this.#names(paths.snapshots)) {
      if (parseSnapshotName(name) === null) {
        continue; // Being written, or not the store's.
      }
      const file = `${paths.snapshots}/${name}`;
      const header = yield* verifySnapshot(this.#fs, file, null);
      if ("fault" in header) {
        this.#fault(file, header);
      } else {
        const start = yield* this.#rangeOf(file, header.headerBytes + chunkOverheadBytes + 8);
        const keyId = keyIdOfImage(start?.subarray(header.headerBytes + chunkOverheadBytes) ?? emptyBytes);
        this.#emit({ kind: "snapshot", file, header, keyId: this.#needed(keyId) });
      }
    }
  }

  *#segments(): Task<void> {
    const names = (yield* this.#names(paths.wal)).filter((name) => parseSegmentName(name) !== null);
    if (names.length === 0) {
      this.#fault(paths.wal, damaged("no segment", 0));
    }
    const headers: (DecodedSegmentHeader | null)[] = [];
    for (const name of names) {
      headers.push(yield* this.#segmentHeader(`${paths.wal}/${name}`));
    }
    for (const [place, name] of names.entries()) {
      const header = headers[place] ?? null;
      if (header !== null) {
        const next = headers[place + 1] ?? null;
        const adjoining = next !== null && next.header.sequence === header.header.sequence + 1;
        yield* this.#segment(`${paths.wal}/${name}`, header, adjoining ? next.header.previousEnd : 0);
      }
    }
  }

  *#segmentHeader(file: string): Task<DecodedSegmentHeader | null> {
    const bytes = yield* this.#rangeOf(file, 512);
    if (bytes === null) {
      return null;
    }
    const found = decodeSegmentHeader(bytes, null);
    if ("fault" in found) {
      this.#fault(file, found);
      return null;
    }
    return found;
  }

  /** `provenEnd`: where the next segment says that this one ends; 0 when there is none. */
  *#segment(file: string, decoded: DecodedSegmentHeader, provenEnd: number): Task<void> {
    const { header } = decoded;
    this.#emit({ kind: "segment", file, header });
    const bytes = yield* this.#rangeOf(file, header.segmentBytes);
    if (bytes === null) {
      return;
    }
    if (bytes.length !== header.segmentBytes) {
      this.#fault(file, damaged(`ends before its ${header.segmentBytes} bytes`, bytes.length));
    }
    const scan = scanSegment(
      { bytes, contentEnd: contentEnd(bytes) },
      decoded,
      ({ start, end, header: batch, records, chained }) => {
        this.#emit({ kind: "batch", file, start, end, header: batch, chained });
        for (const record of records) {
          this.#record(file, bytes, record);
        }
      },
    );
    const markedEnd = Math.max(scan.markedEnd, provenEnd);
    this.#emit({ kind: "segment-end", file, end: scan.end, markedEnd, sealed: scan.sealed });
    this.#judge(file, scan, markedEnd);
    this.#raiseFloor(scan.floor);
  }

  #record(file: string, bytes: Uint8Array, record: RecordHeader): void {
    const isSealed = record.type === recordType.entry && (record.entryType & sealedFlag) !== 0;
    const start = record.offset + recordHeaderBytes;
    const data = bytes.subarray(start, start + record.payloadBytes);
    const keyId = isSealed ? this.#needed(keyIdOfEntry(data)) : null;
    this.#emit({ kind: "record", file, record, keyId });
    const type = entryTypeOf(record.entryType);
    if (!isSealed || this.#cipher === null || type === null) {
      return;
    }
    try {
      this.#cipher.openEntry({ index: toLogIndex(record.index), term: toTerm(record.term), type, data });
    } catch (error) {
      if (!(error instanceof StorageError)) {
        throw error;
      }
      this.#unopenedCount++;
      this.#emit({ kind: "unopened", file, offset: record.offset, why: error.message });
    }
  }

  #needed(keyId: number | null): number | null {
    if (keyId !== null) {
      this.#keyIds.add(keyId);
    }
    return keyId;
  }

  #judge(file: string, scan: SegmentScan, markedEnd: number): void {
    for (const range of scan.bad) {
      const judgement = range.start < markedEnd ? "damaged" : "torn";
      this.#report({ kind: "bad", judgement, file, ...range });
    }
    if (scan.bad.length === 0 && scan.end < markedEnd) {
      this.#report({
        kind: "bad",
        judgement: "damaged",
        file,
        start: scan.end,
        end: markedEnd,
        offset: scan.end,
        why: "zeros below the durable mark",
      });
    }
  }

  *#copies(): Task<void> {
    for (const name of yield* this.#names(paths.cuts)) {
      const file = `${paths.cuts}/${name}`;
      const bytes = yield* this.#rangeOf(file, Number.MAX_SAFE_INTEGER);
      if (bytes !== null) {
        this.#emit({ kind: "copy", file, bytes: bytes.length });
      }
    }
  }

  *#names(directory: string): Task<string[]> {
    try {
      const entries = yield* list(this.#fs, directory);
      return entries.map((entry) => entry.name).sort();
    } catch (error) {
      if (isMissing(error)) {
        if (directory !== paths.cuts) {
          this.#fault(directory, damaged(`cannot be listed (${error.code})`, 0));
        }
        return [];
      }
      throw error;
    }
  }

  /** At most `length` bytes from the start of a file; null, and a fact, when there is no such file. */
  *#rangeOf(file: string, length: number): Task<Uint8Array | null> {
    try {
      const handle = yield* open(this.#fs, file, "read");
      const total = yield* size(handle);
      const bytes = yield* read(handle, 0, Math.min(length, total));
      yield* close(handle);
      return bytes;
    } catch (error) {
      if (isMissing(error)) {
        this.#fault(file, damaged(`cannot be read (${error.code})`, 0));
        return null;
      }
      throw error;
    }
  }

  #raiseFloor(candidate: { readonly term: number; readonly index: number }): void {
    const floor = this.#floor;
    const higher =
      floor === null ||
      candidate.term > floor.term ||
      (candidate.term === floor.term && candidate.index > floor.index);
    if (higher) {
      this.#floor = { term: toTerm(candidate.term), index: toLogIndex(candidate.index) };
    }
  }

  #fault(file: string, fault: Fault): void {
    assert(fault.fault.length > 0, "dump: fault without a reason");
    const { fault: why, offset } = fault;
    this.#report({ kind: "bad", judgement: "damaged", file, start: offset, end: offset, offset, why });
  }

  #report(range: DamagedRange): void {
    this.#bad.push(range);
    this.#emit(range);
  }
}
