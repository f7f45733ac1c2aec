/**
 * Group commit: one batch, which is one write and one sync, is in flight at a time; what arrives meanwhile is gathered into
 * the next. RAFT §10.2.2. A failed write or sync is final; nothing is ever retried.
 */
import { assert, must, RingBuffer, runTask, type Task, wait } from "@quorate/base";
import type { Buggify } from "@quorate/raft";
import { ioFailure } from "./failures.ts";
import { append } from "./files.ts";
import { batchOverheadBytes } from "./format/batch.ts";
import type { HardStateSlots } from "./hard-state-slots.ts";
import type { LogItem } from "./log-item.ts";
import { LogPacking, sealBytes } from "./log-packing.ts";
import type { RecoveredLog } from "./recovery-log.ts";
import type { SegmentSet } from "./segment-set.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { TaskQueue } from "./task-queue.ts";

/** The writing half of a store. */
export class LogWriter {
  readonly #slots: HardStateSlots;
  readonly #segments: SegmentSet;
  readonly #snapshots: SnapshotStore;
  readonly #packing: LogPacking;
  readonly #batchBytesMax: number;
  /** Shows an item, now durable, in the view. */
  readonly #apply: (item: LogItem) => void;
  readonly #buggify: Buggify | null;
  /** Work on the spare: rotation waits for it. */
  readonly #spareWork: TaskQueue = new TaskQueue();
  readonly #queue: RingBuffer<LogItem> = new RingBuffer();
  #inFlight: readonly LogItem[] = [];
  #flushing = false;
  #preparingSpare = false;
  #failure: Error | null = null;

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
    this.#packing = new LogPacking(parts.slots, parts.log);
    this.#batchBytesMax = batchBytesMax;
    this.#apply = apply;
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
    return this.#packing.unmarked;
  }

  get oldestSegment(): number {
    return this.#packing.oldestSegment;
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
    if (!items.some((item) => this.#packing.needsRecord(item))) {
      this.#complete(items, null, 0);
      return;
    }
    const bytes = this.#packing.bytesMax(items);
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

  #writePacked(items: readonly LogItem[]): void {
    if (this.#failure !== null) {
      return;
    }
    const segment = this.#segments.current;
    const file = must(segment.file, "writer: segment is not open");
    const { bytes, link } = this.#packing.pack(items, segment);
    assert(bytes.length >= batchOverheadBytes, "writer: a batch without its record");
    assert(
      segment.end + bytes.length + sealBytes <= segment.segmentBytes,
      "writer: no room is left for the seal",
    );
    file.append(segment.end, bytes, (error) => {
      if (error !== null) {
        this.fail(error); // Final: after a failed sync nobody knows what the disk holds.
        return;
      }
      this.#complete(items, link, bytes.length);
    });
  }

  #complete(items: readonly LogItem[], link: number | null, bytes: number): void {
    if (this.#failure !== null) {
      return; // Another call of this store failed meanwhile, and these items were told so.
    }
    if (link !== null) {
      this.#packing.written(items, link);
      assert(bytes >= batchOverheadBytes, "writer: a batch without its record");
      this.#segments.current.end += bytes;
      assert(this.#segments.current.end <= this.#segments.current.segmentBytes, "writer: beyond the segment");
      this.#prepareSpare();
    }
    for (const item of items) {
      if (link === null) {
        this.#packing.noteCommit(item);
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

  /** Makes the next segment, durably, then seals this one: recovery can tell a missing segment from the log's end. */
  *#rotate(roomBytes: number): Task<void> {
    yield* this.#idleSpare();
    const full = this.#segments.current;
    assert(full.end + sealBytes <= full.segmentBytes, "writer: no room was kept for the seal");
    yield* this.#segments.rotate(this.#packing.headerAfter(full), roomBytes + sealBytes);
    assert(this.#segments.current !== full, "writer: a new segment is current");
    const file = must(full.file, "writer: segment is not open");
    yield* append(file, full.end, this.#packing.packSeal(full).bytes);
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
