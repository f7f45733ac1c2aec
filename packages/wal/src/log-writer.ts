/**
 * Group commit: one batch, which is one write and one sync, is in flight at a time; what arrives meanwhile is gathered into
 * the next. RAFT §10.2.2. A failed write or sync is final; nothing is ever retried.
 */
import { assert, must, RingBuffer, runTask, type Task, wait } from "@quorate/base";
import type { Buggify, Completed, LogId, StorageBatch } from "@quorate/raft";
import type { StoreCipher } from "./cipher.ts";
import { ioFailure } from "./failures.ts";
import { sync, write } from "./files.ts";
import { BatchPacker, batchOverheadBytes, type Mark } from "./format/batch.ts";
import { recordBytes, recordType } from "./format/record.ts";
import type { HardStateSlots } from "./hard-state-slots.ts";
import type { LogOutline } from "./log-outline.ts";
import { placeSpacingBytes, type RecoveredLog } from "./recovery-log.ts";
import type { Segment, SegmentSet } from "./segment-set.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { TaskQueue } from "./task-queue.ts";

/** The one group of this store. Records carry its number, so that many groups can share segments later. */
const group = 0;

/** Room kept at a segment's end for the seal. */
const sealBytes: number = batchOverheadBytes + recordBytes(0);

/** Room for the notes that a batch may carry beside its entries: commit, reset or compaction. */
const noteBytes: number = 2 * recordBytes(0);

/** What waits to be written. */
export interface LogItem {
  /**
   * `write`: a batch of the host. `mark`: nothing but a durable mark over the last batch. `compact`: the log drops
   * everything up to `boundary`. `install`: recovery carries the installation of the snapshot at `boundary` through.
   */
  readonly kind: "write" | "mark" | "compact" | "install";
  readonly batch: StorageBatch;
  readonly boundary: LogId | null;
  /** What stands in the log in place of its entries' data; null without a cipher. */
  readonly sealed: readonly Uint8Array[] | null;
  /** Bytes of its entries as records. */
  readonly entryBytes: number;
  readonly completed: Completed;
  /** Filled in when it is packed: index, segment and offset of some of its entries, in turn. */
  places: readonly number[];
}

const noPlaces: readonly number[] = [];
const emptyBatch: StorageBatch = { hardState: null, entries: [], snapshot: null, mustSync: false };

/** A batch of the host, to be queued. */
export function writeItem(batch: StorageBatch, cipher: StoreCipher | null, completed: Completed): LogItem {
  const sealed = cipher === null ? null : batch.entries.map((entry) => cipher.sealEntry(entry));
  let entryBytes = 0;
  for (const { data } of batch.entries) {
    entryBytes += recordBytes(data.length);
  }
  if (sealed !== null) {
    entryBytes = sealed.reduce((sum, { length }) => sum + recordBytes(length), 0);
  }
  return { kind: "write", batch, sealed, boundary: null, entryBytes, completed, places: noPlaces };
}

/** Anything but a batch, to be queued. */
export function controlItem(
  kind: "mark" | "compact" | "install",
  boundary: LogId | null,
  completed: Completed,
): LogItem {
  return { kind, batch: emptyBatch, sealed: null, boundary, entryBytes: 0, completed, places: noPlaces };
}

/** The writing half of a store. */
export class LogWriter {
  readonly #slots: HardStateSlots;
  readonly #segments: SegmentSet;
  readonly #snapshots: SnapshotStore;
  readonly #outline: LogOutline;
  readonly #batchBytesMax: number;
  /** Shows an item, now durable, in the view. */
  readonly #apply: (item: LogItem) => void;
  readonly #buggify: Buggify | null;
  readonly #packer: BatchPacker = new BatchPacker();
  /** Work on the spare: rotation waits for it. */
  readonly #spareWork: TaskQueue = new TaskQueue();
  readonly #queue: RingBuffer<LogItem> = new RingBuffer();
  #inFlight: readonly LogItem[] = [];
  #flushing = false;
  #preparingSpare = false;
  #failure: Error | null = null;

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

  constructor(
    parts: {
      readonly slots: HardStateSlots;
      readonly segments: SegmentSet;
      readonly snapshots: SnapshotStore;
      readonly log: RecoveredLog;
    },
    batchBytesMax: number,
    apply: (item: LogItem) => void,
    buggify: Buggify | null = null,
  ) {
    this.#buggify = buggify;
    this.#slots = parts.slots;
    this.#segments = parts.segments;
    this.#snapshots = parts.snapshots;
    this.#outline = parts.log.outline;
    this.#batchBytesMax = batchBytesMax;
    this.#apply = apply;
    this.#commit = parts.log.commit;
    this.#termWritten = parts.log.durableTerm;
    this.#link = parts.log.link;
    this.#sequence = parts.log.sequence;
    this.#oldestSegment = parts.log.oldestSegment;
    this.#packedLast = this.#outline.lastIndex;
    // After a restart the newest batch may be one that no mark covers: the first idle moment writes one.
    this.#unmarked = parts.log.outline.lastIndex > 0;
  }

  /** What a write or a sync failed with. Final. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Whether something is being written or waits to be. */
  get busy(): boolean {
    return this.#inFlight.length > 0 || this.#queue.length > 0;
  }

  /** Whether a mark would say something new. */
  get unmarked(): boolean {
    return this.#unmarked || !this.#commitWritten;
  }

  get oldestSegment(): number {
    return this.#oldestSegment;
  }

  /** Queues an item; items complete in order. */
  enqueue(item: LogItem): void {
    assert(item.kind === "write" || item.entryBytes === 0, "writer: a control item with entries");
    assert(item.boundary === null || item.kind !== "write", "writer: a batch with a boundary");
    if (this.#failure !== null) {
      item.completed(this.#failure);
      return;
    }
    this.#queue.push(item);
    this.#flush();
  }

  /** Ends everything with this error: nothing that is queued or comes later succeeds. */
  fail(cause: Error): Error {
    if (this.#failure !== null) {
      return this.#failure;
    }
    const failure = ioFailure(cause);
    this.#failure = failure;
    const waiting = [...this.#inFlight, ...this.#queue];
    this.#inFlight = [];
    this.#queue.clear();
    for (const item of waiting) {
      item.completed(failure);
    }
    return failure;
  }

  /** Waits for work on the spare; nothing else is under way when a store is closed. */
  *close(): Task<void> {
    assert(this.#queue.length === 0, "writer: closed while something waits");
    yield* this.#idleSpare();
  }

  #flush(): void {
    if (this.#flushing) {
      return; // A completion called back while the loop below runs: it goes on with what was queued.
    }
    this.#flushing = true;
    while (this.#inFlight.length === 0 && this.#queue.length > 0 && this.#failure === null) {
      this.#start(this.#take());
    }
    this.#flushing = false;
  }

  /** The items of the next batch, in order. A snapshot is written alone: it changes files beside the log. */
  #take(): LogItem[] {
    const items: LogItem[] = [];
    let bytes = 0;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      const alone = next.batch.snapshot !== null || next.kind !== "write";
      if (items.length > 0 && (alone || bytes + next.entryBytes > this.#batchBytesMax)) {
        break;
      }
      items.push(next);
      bytes += next.entryBytes;
      this.#queue.shift();
      if (alone || this.#buggify?.("batch-single")) {
        break;
      }
    }
    assert(items.length > 0, "writer: nothing was taken");
    assert(items.length === 1 || bytes <= this.#batchBytesMax, "writer: more than a batch");
    return items;
  }

  #start(items: readonly LogItem[]): void {
    assert(items.length > 0, "writer: empty batch");
    assert(this.#inFlight.length === 0, "writer: two batches in flight");
    this.#inFlight = items;
    assert(
      items.every(({ kind }) => kind === "write") || items.length === 1,
      "writer: a control item is written alone",
    );
    if (this.#prepared(items)) {
      this.#writeBatch(items);
      return;
    }
    runTask(this.#prepare(items), (error) => {
      if (error !== null) {
        this.fail(error);
      } else {
        this.#writeBatch(items);
      }
    });
  }

  /** Whether nothing beside the batch must be durable first. PERF: the answer on the steady path. */
  #prepared(items: readonly LogItem[]): boolean {
    for (const { batch } of items) {
      const { hardState, snapshot } = batch;
      if (snapshot !== null) {
        return false;
      }
      if (
        hardState !== null &&
        (hardState.term !== this.#slots.term || hardState.vote !== this.#slots.vote)
      ) {
        return false;
      }
    }
    return true;
  }

  /** Term and vote before the entries that depend on them; the snapshot's file before the record that begins after it. */
  *#prepare(items: readonly LogItem[]): Task<void> {
    assert(this.#inFlight === items, "writer: prepares what is not in flight");
    for (const { batch } of items) {
      const { hardState } = batch;
      if (
        hardState !== null &&
        (hardState.term !== this.#slots.term || hardState.vote !== this.#slots.vote)
      ) {
        // RAFT §3.8: durable before anything that depends on it.
        yield* this.#slots.store(hardState.term, hardState.vote);
      }
    }
    for (const { batch } of items) {
      if (batch.snapshot !== null) {
        yield* this.#snapshots.promote(batch.snapshot);
      }
    }
  }

  #writeBatch(items: readonly LogItem[]): void {
    if (this.#failure !== null) {
      return;
    }
    let bytes = batchOverheadBytes + noteBytes;
    let needed = false;
    for (const item of items) {
      bytes += item.entryBytes;
      needed ||= this.#needsRecord(item);
    }
    if (!needed) {
      this.#complete(items, null, 0);
      return;
    }
    const { current } = this.#segments;
    const isShort = this.#buggify?.("segment-short") ?? false;
    if (current.end + bytes + sealBytes <= current.segmentBytes && !isShort) {
      this.#writePacked(items);
      return;
    }
    runTask(this.#rotate(bytes), (error) => {
      if (error !== null) {
        this.fail(error);
      } else {
        this.#writePacked(items);
      }
    });
  }

  /** Whether the item must stand in the log at all: a commit index may wait for the next batch or mark. */
  #needsRecord(item: LogItem): boolean {
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

  #writePacked(items: readonly LogItem[]): void {
    if (this.#failure !== null) {
      return;
    }
    const segment = this.#segments.current;
    const file = must(segment.file, "writer: segment is not open");
    const { bytes, link } = this.#pack(items, segment);
    assert(bytes.length >= batchOverheadBytes, "writer: a batch without its record");
    assert(
      segment.end + bytes.length + sealBytes <= segment.segmentBytes,
      "writer: no room is left for the seal",
    );
    file.write(segment.end, bytes, (writeError) => {
      if (writeError !== null) {
        this.fail(writeError);
        return;
      }
      file.sync((syncError) => {
        if (syncError !== null) {
          this.fail(syncError); // Final: after a failed sync nobody knows what the disk holds.
          return;
        }
        this.#complete(items, link, bytes.length);
      });
    });
  }

  #pack(items: readonly LogItem[], segment: Segment): { readonly bytes: Uint8Array; readonly link: number } {
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
    this.#sequence++;
    return packer.finish(this.#sequence, this.#mark(segment), this.#oldestSegment, this.#link);
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

  #complete(items: readonly LogItem[], link: number | null, bytes: number): void {
    if (this.#failure !== null) {
      return; // Another call of this store failed meanwhile, and these items were told so.
    }
    if (link !== null) {
      this.#link = link;
      assert(bytes >= batchOverheadBytes, "writer: a batch without its record");
      this.#segments.current.end += bytes;
      assert(this.#segments.current.end <= this.#segments.current.segmentBytes, "writer: beyond the segment");
      this.#unmarked = items[0]?.kind !== "mark";
      this.#prepareSpare();
    }
    for (const item of items) {
      if (link === null) {
        this.#noteCommit(item);
      }
      this.#apply(item);
    }
    assert(this.#inFlight === items, "writer: completes what is not in flight");
    // Completions may queue more: it is gathered until all of them have run.
    for (const item of items) {
      item.completed(null);
    }
    this.#inFlight = [];
    this.#flush();
  }

  /** A commit index that was not worth a batch of its own goes along with the next. */
  #noteCommit(item: LogItem): void {
    const commit = item.batch.hardState?.commit;
    if (commit !== undefined && commit !== this.#commit) {
      assert(commit > this.#commit, "writer: commit index regresses");
      this.#commit = commit;
      this.#commitWritten = false;
    }
  }

  /** Makes the next segment, durably, then seals this one: recovery can tell a missing segment from the log's end. */
  *#rotate(roomBytes: number): Task<void> {
    yield* this.#idleSpare();
    const full = this.#segments.current;
    assert(full.end + sealBytes <= full.segmentBytes, "writer: no room was kept for the seal");
    const header = {
      lastIndex: this.#outline.lastIndex,
      lastTerm: this.#outline.lastTerm,
      previousEnd: full.end,
      previousLink: this.#link,
      oldestSegment: this.#oldestSegment,
    };
    yield* this.#segments.rotate(header, roomBytes + sealBytes);
    assert(this.#segments.current !== full, "writer: a new segment is current");
    const file = must(full.file, "writer: segment is not open");
    this.#packer.begin(full.seed, full.end, group);
    this.#packer.note(recordType.seal, 0, 0);
    this.#sequence++;
    const { bytes } = this.#packer.finish(this.#sequence, this.#mark(full), this.#oldestSegment, this.#link);
    yield* write(file, full.end, bytes);
    yield* sync(file);
  }

  /** Fills the next segment ahead, once this one is half full. */
  #prepareSpare(): void {
    const { current, hasSpare } = this.#segments;
    assert(!hasSpare || !this.#preparingSpare, "writer: two spares");
    if (hasSpare || this.#preparingSpare || current.end * 2 < current.segmentBytes) {
      return;
    }
    if (this.#buggify?.("spare-none")) {
      return;
    }
    this.#preparingSpare = true;
    this.#spareWork.run(this.#segments.prepareSpare(), (error) => {
      this.#preparingSpare = false;
      if (error !== null) {
        this.fail(error);
      }
    });
  }

  /** Waits until nobody works on the spare. */
  *#idleSpare(): Task<void> {
    yield* wait<void>((completed) => this.#spareWork.run(nothing(), completed));
  }
}

function* nothing(): Task<void> {}
