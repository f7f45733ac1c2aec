/**
 * What the log says next: items become the records of one batch, with the commit index, the term and the mark that belong to it. Here
 * stands what the newest record said; what becomes of the bytes is the writer's business.
 */
import { assert, must } from "@quorate/base";
import { BatchPacker, batchOverheadBytes, type Mark } from "./format/batch.ts";
import { recordBytes, recordType } from "./format/record.ts";
import type { HardStateSlots } from "./hard-state-slots.ts";
import { type LogItem, noPlaces } from "./log-item.ts";
import type { LogOutline } from "./log-outline.ts";
import { placeSpacingBytes, type RecoveredLog } from "./recovery-log.ts";
import type { Segment, SegmentSet } from "./segment-set.ts";

/** The one group of this store. Records carry its number, so that many groups can share segments later. */
const group = 0;

/** Room kept at a segment's end for the seal. */
export const sealBytes: number = batchOverheadBytes + recordBytes(0);

/** Room for the notes that a batch may carry beside its entries: commit, reset or compaction. */
const noteBytes: number = 2 * recordBytes(0);

/** A batch, and by what the next one proves that it follows. */
interface PackedBatch {
  /** A view that lasts until the next batch is packed. */
  readonly bytes: Uint8Array;
  readonly link: number;
}

/** See the head of this file. */
export class LogPacking {
  readonly #slots: HardStateSlots;
  readonly #outline: LogOutline;
  readonly #packer: BatchPacker = new BatchPacker();
  #commit: number;
  /** Whether the segments that stay already say {@link #commit}. */
  #commitWritten = true;
  /** The term of the slots as the newest record says it. */
  #termWritten: number;
  #link: number;
  #sequence: number;
  #oldestSegment: number;
  /** Whether no mark covers the last batch that holds something. */
  #unmarked: boolean;
  #packedLast: number;
  #placeSegment = 0;
  #placeOffset = 0;

  constructor(slots: HardStateSlots, log: RecoveredLog) {
    this.#slots = slots;
    this.#outline = log.outline;
    this.#commit = log.commit;
    this.#termWritten = log.durableTerm;
    this.#link = log.link;
    this.#sequence = log.sequence;
    this.#oldestSegment = log.oldestSegment;
    this.#packedLast = log.outline.lastIndex;
    // After a restart the newest batch may be one that no mark covers: the first idle moment writes one.
    this.#unmarked = log.outline.lastIndex > 0;
  }

  /** Whether a mark would say something new. */
  get unmarked(): boolean {
    return this.#unmarked || !this.#commitWritten;
  }

  get oldestSegment(): number {
    return this.#oldestSegment;
  }

  /** Whether the item must stand in the log at all: a commit index may wait for the next batch or mark. */
  needsRecord(item: LogItem): boolean {
    const { batch, boundary, kind } = item;
    if (kind === "compact") {
      // A snapshot or another compaction may have gone further while this one waited.
      return boundary !== null && boundary.index > this.#outline.baseIndex;
    }
    if (kind !== "write") {
      return kind === "install" || this.unmarked;
    }
    const { hardState } = batch;
    const commitMoved = hardState !== null && (hardState.commit !== this.#commit || !this.#commitWritten);
    return batch.entries.length > 0 || batch.snapshot !== null || (batch.mustSync && commitMoved);
  }

  /** The most that the items take up in one batch. */
  bytesMax(items: readonly LogItem[]): number {
    let bytes = batchOverheadBytes + noteBytes;
    for (const { entryBytes } of items) {
      bytes += entryBytes;
    }
    return bytes;
  }

  /** The batch of the items, for the end of `segment`. */
  pack(items: readonly LogItem[], segment: Segment): PackedBatch {
    const packer = this.#packer;
    packer.begin(segment.seed, segment.end, group);
    let commit = this.#commit;
    for (const item of items) {
      this.#packItem(item, segment);
      commit = Math.max(commit, item.batch.hardState?.commit ?? 0, item.batch.snapshot?.index ?? 0);
    }
    if (items[0]?.kind === "install") {
      commit = Math.max(commit, items[0].boundary?.index ?? 0);
    }
    assert(commit <= this.#packedLast, "writer: commit index beyond the last entry");
    if (commit !== this.#commit || !this.#commitWritten || this.#termWritten !== this.#slots.term) {
      packer.note(recordType.commit, commit, this.#slots.term);
    }
    assert(commit >= this.#commit, "writer: commit index regresses");
    assert(this.#slots.term >= this.#termWritten, "writer: term regresses"); // RAFT §3.8: the slots are ahead of the log.
    this.#termWritten = this.#slots.term;
    this.#commit = commit;
    this.#commitWritten = true;
    return this.#finish(segment);
  }

  /** What a segment ends with that another one follows. */
  packSeal(full: Segment): PackedBatch {
    this.#packer.begin(full.seed, full.end, group);
    this.#packer.note(recordType.seal, 0, 0);
    return this.#finish(full);
  }

  /** What the next segment says of those before it; `full` is the last of them. */
  headerAfter(full: Segment): Parameters<SegmentSet["rotate"]>[0] {
    return {
      lastIndex: this.#outline.lastIndex,
      lastTerm: this.#outline.lastTerm,
      previousEnd: full.end,
      previousLink: this.#link,
      oldestSegment: this.#oldestSegment,
    };
  }

  /** The batch that was packed last is durable. */
  written(items: readonly LogItem[], link: number): void {
    assert(items.length > 0, "writer: a batch of nothing");
    this.#link = link;
    this.#unmarked = items[0]?.kind !== "mark";
  }

  /** A commit index that was not worth a batch of its own goes along with the next. */
  noteCommit(item: LogItem): void {
    const commit = item.batch.hardState?.commit;
    if (commit !== undefined && commit !== this.#commit) {
      assert(commit > this.#commit, "writer: commit index regresses");
      this.#commit = commit;
      this.#commitWritten = false;
    }
  }

  #finish(segment: Segment): PackedBatch {
    this.#sequence++;
    return this.#packer.finish(this.#sequence, this.#mark(segment), this.#oldestSegment, this.#link);
  }

  #packItem(item: LogItem, segment: Segment): void {
    const { batch, boundary, kind } = item;
    const reset = kind === "install" ? boundary : batch.snapshot;
    if (reset !== null) {
      this.#packer.note(recordType.reset, reset.index, reset.term);
      this.#packedLast = reset.index;
      this.#placeSegment = 0;
      this.#oldestSegment = segment.sequence;
    }
    if (kind === "compact") {
      const { index, term } = must(boundary, "writer: compaction without a boundary");
      this.#packer.note(recordType.compact, index, term);
      // The outline may drop the place that the next entry would be found by.
      this.#placeSegment = 0;
      this.#oldestSegment = this.#outline.oldestSegmentAfter(index) ?? segment.sequence;
      this.#commitWritten = false; // The record that said it may go with an old segment.
    }
    if (batch.entries.length > 0) {
      item.places = this.#packEntries(item, segment);
    }
  }

  #packEntries({ batch, sealed }: LogItem, segment: Segment): readonly number[] {
    let places: number[] | null = null;
    let at = 0;
    for (const entry of batch.entries) {
      const offset = this.#packer.entry(entry, sealed?.[at] ?? null);
      at++;
      const due =
        entry.index !== this.#packedLast + 1 ||
        this.#placeSegment !== segment.sequence ||
        offset - this.#placeOffset >= placeSpacingBytes;
      if (due) {
        places ??= [];
        places.push(entry.index, segment.sequence, offset);
        this.#placeSegment = segment.sequence;
        this.#placeOffset = offset;
      }
      this.#packedLast = entry.index;
    }
    assert(sealed === null || at === sealed.length, "writer: an entry was not sealed");
    assert(at === batch.entries.length, "writer: each entry once");
    return places ?? noPlaces;
  }

  /** Everything before the batch being packed: its sync completed, or it would not be packed yet. */
  #mark(segment: Segment): Mark {
    return {
      segment: segment.sequence,
      end: segment.end,
      lastIndex: this.#outline.lastIndex,
      lastTerm: this.#outline.lastTerm,
    };
  }
}
