/**
 * Batches: the unit of writing. A batch record opens it and names what an earlier, completed fsync covered (the durable
 * mark); its records follow. A batch counts as a whole or not at all.
 */
import { assert, crc32c, emptyBytes } from "@quorate/base";
import type { Entry } from "@quorate/raft";
import {
  entryTypeCode,
  getU64,
  linkOf,
  placeSeed,
  type RecordHeader,
  recordBytes,
  recordHeaderBytes,
  recordPayloadBytesMax,
  recordType,
  sealedFlag,
  setU64,
} from "./record.ts";

/** Payload bytes of a batch record: fixed fields and one group's last log id. */
const batchPayloadBytes = 72;

/** Bytes of a batch without records: an idle mark. */
export const batchOverheadBytes: number = recordBytes(batchPayloadBytes);

/** What an earlier, completed fsync covered: everything before `end` in `segment`, up to this last log id. */
export interface Mark {
  readonly segment: number;
  readonly end: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** The payload of a batch record. */
export interface BatchHeader {
  /** Bytes of the whole batch, this record included. */
  readonly batchBytes: number;
  /** Records after this one. */
  readonly recordCount: number;
  /** Numbers the batches of the store from 1. */
  readonly sequence: number;
  readonly mark: Mark;
  /** The oldest segment that recovery needs; older ones are leftovers. */
  readonly oldestSegment: number;
}

/** Decodes a batch record's payload, whose checksum has been verified; null where its fields contradict each other. */
export function readBatchHeader(view: DataView, header: RecordHeader): BatchHeader | null {
  assert(header.type === recordType.batch, "batch: not a batch record");
  if (header.payloadBytes !== batchPayloadBytes) {
    return null;
  }
  const at = header.offset + recordHeaderBytes;
  const decoded = {
    batchBytes: view.getUint32(at, true),
    recordCount: view.getUint32(at + 4, true),
    sequence: getU64(view, at + 8),
    mark: {
      segment: getU64(view, at + 16),
      end: getU64(view, at + 24),
      lastIndex: getU64(view, at + 56),
      lastTerm: getU64(view, at + 64),
    },
    oldestSegment: getU64(view, at + 32),
  };
  // One group so far; the format has room for more, each with its last log id.
  const groupCount = view.getUint32(at + 40, true);
  if (groupCount !== 1 || decoded.batchBytes < batchOverheadBytes || decoded.batchBytes % 8 !== 0) {
    return null;
  }
  return decoded;
}

/**
 * Packs one batch into one buffer that is kept from batch to batch.
 *
 * PERF: an entry costs two CRCs over its header, one over its payload and one copy; no object is made per record.
 */
export class BatchPacker {
  #bytes: Uint8Array = new Uint8Array(64 * 1024);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;
  #recordCount = 0;
  #segmentSeed = 0;
  #segmentOffset = 0;
  #group = 0;

  /** Begins a batch that will lie at `segmentOffset` of the segment with this seed. */
  begin(segmentSeed: number, segmentOffset: number, group: number): void {
    assert(segmentOffset % 8 === 0, "packer: offset not aligned");
    assert(group >= 0, "packer: group below 0");
    this.#segmentSeed = segmentSeed;
    this.#segmentOffset = segmentOffset;
    this.#group = group;
    this.#recordCount = 0;
    this.#length = batchOverheadBytes;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Records so far, the batch record not counted. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** Appends an entry, with `sealed` in place of its data where a cipher made it; returns where in the segment it will lie. */
  entry(entry: Entry, sealed: Uint8Array | null): number {
    const payload = sealed ?? entry.data;
    assert(payload.length <= recordPayloadBytesMax, "packer: entry too large for a record");
    const type = entryTypeCode(entry.type) | (sealed === null ? 0 : sealedFlag);
    return this.#append(recordType.entry, type, entry.index, entry.term, payload);
  }

  /** Appends a record without payload. */
  note(type: number, index: number, term: number): void {
    assert(type >= recordType.commit && type <= recordType.seal, "packer: not a note");
    this.#append(type, 0, index, term, emptyBytes);
  }

  /** Ends the batch: fills in its header and the chain of links. The view is valid until the next `begin`. */
  finish(
    sequence: number,
    mark: Mark,
    oldestSegment: number,
    previousLink: number,
  ): { readonly bytes: Uint8Array; readonly link: number } {
    assert(this.#length >= batchOverheadBytes, "packer: nothing begun");
    assert(mark.end % 8 === 0, "packer: mark not aligned");
    const view = this.#view;
    const at = recordHeaderBytes;
    view.setUint32(at, this.#length, true);
    view.setUint32(at + 4, this.#recordCount, true);
    setU64(view, at + 8, sequence);
    setU64(view, at + 16, mark.segment);
    setU64(view, at + 24, mark.end);
    setU64(view, at + 32, oldestSegment);
    view.setUint32(at + 40, 1, true);
    view.setUint32(at + 44, 0, true);
    view.setUint32(at + 48, this.#group, true);
    view.setUint32(at + 52, 0, true);
    setU64(view, at + 56, mark.lastIndex);
    setU64(view, at + 64, mark.lastTerm);
    this.#header(0, recordType.batch, 0, mark.lastIndex, mark.lastTerm, batchPayloadBytes);
    return { bytes: this.#bytes.subarray(0, this.#length), link: this.#chain(previousLink) };
  }

  #append(type: number, entryType: number, index: number, term: number, payload: Uint8Array): number {
    const at = this.#length;
    const size = recordBytes(payload.length);
    this.#reserve(at + size);
    const end = at + recordHeaderBytes + payload.length;
    this.#bytes.set(payload, at + recordHeaderBytes);
    this.#bytes.fill(0, end, at + size);
    this.#header(at, type, entryType, index, term, payload.length);
    this.#length = at + size;
    this.#recordCount++;
    return this.#segmentOffset + at;
  }

  /** Everything of a header but the link and the CRC, which need the record before. */
  #header(
    at: number,
    type: number,
    entryType: number,
    index: number,
    term: number,
    payloadBytes: number,
  ): void {
    const view = this.#view;
    const start = at + recordHeaderBytes;
    view.setUint32(at, payloadBytes, true);
    view.setUint32(at + 4, type | (entryType << 8), true);
    view.setUint32(at + 8, this.#group, true);
    view.setUint32(at + 12, crc32c(this.#bytes, 0, start, start + payloadBytes), true);
    setU64(view, at + 16, index);
    setU64(view, at + 24, term);
  }

  #chain(previousLink: number): number {
    const view = this.#view;
    let link = previousLink;
    for (let at = 0; at < this.#length; ) {
      link = linkOf(this.#bytes, at, link);
      view.setUint32(at + 32, link, true);
      const seed = placeSeed(this.#segmentSeed, this.#segmentOffset + at);
      view.setUint32(at + 36, crc32c(this.#bytes, seed, at, at + 36), true);
      at += recordBytes(view.getUint32(at, true));
    }
    return link;
  }

  #reserve(needed: number): void {
    if (needed <= this.#bytes.length) {
      return;
    }
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
