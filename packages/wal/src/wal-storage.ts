/**
 * The storage of one member: segments for the log, slots for term and vote, files for snapshots. It shows what is durable,
 * and nothing else. Rules: RAFT §3.8 persistence, §5.1 snapshots, §10.2.2 batching.
 */
import { assert, runTask, type Task, wait } from "@quorate/base";
import {
  type Buggify,
  type Completed,
  type CompletedWith,
  type ConfState,
  type Entry,
  type HardState,
  type LogId,
  type LogIndex,
  noNode,
  type SnapshotMetadata,
  type SnapshotSink,
  type SnapshotSource,
  type Storage,
  type StorageBatch,
  StorageError,
  type Term,
  toLogIndex,
  toNodeId,
  toTerm,
  type VoteFloor,
} from "@quorate/raft";
import type { StoreCipher } from "./cipher.ts";
import { ioFailure } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import type { StoreMetadata } from "./format/identity.ts";
import type { SnapshotHeader } from "./format/snapshot.ts";
import type { HardStateSlots } from "./hard-state-slots.ts";
import { controlItem, type LogItem, writeItem } from "./log-item.ts";
import type { LogOutline } from "./log-outline.ts";
import { LogWindow } from "./log-window.ts";
import { LogWriter } from "./log-writer.ts";
import type { RecoveredStore } from "./recovery.ts";
import type { SegmentSet } from "./segment-set.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { TaskQueue } from "./task-queue.ts";
import { writeFloor } from "./vote-floor.ts";

/** Limits of a {@link WalStorage}, in bytes. */
export interface WalLimits {
  /** Entries kept in memory at most, and again as much for ranges loaded back. */
  readonly windowBytesMax: number;
  /** Records gathered into one batch; one host batch above it is written alone. */
  readonly batchBytesMax: number;
}

/** A member's durable state. Made by `openWal`; one process at a time may hold a directory. */
export class WalStorage implements Storage {
  readonly initial: { readonly hardState: HardState; readonly confState: ConfState };
  /** Whose data this is, and what the member was created with. */
  readonly metadata: StoreMetadata;
  /** Whether this opening made the store. */
  readonly created: boolean;
  /** What an operator should know about this opening, one sentence each: repairs, cuts. */
  readonly report: readonly string[];
  readonly #fs: FileSystem;
  readonly #slots: HardStateSlots;
  readonly #segments: SegmentSet;
  readonly #outline: LogOutline;
  readonly #window: LogWindow;
  readonly #snapshots: SnapshotStore;
  readonly #writer: LogWriter;
  readonly #cipher: StoreCipher | null;
  readonly #buggify: Buggify | null;
  /** Loads and removals of segments, one at a time: a segment that is being read is not removed. */
  readonly #maintenance: TaskQueue = new TaskQueue();
  #voteFloor: VoteFloor | null;
  #closed = false;
  /** Counts what drops entries, so that a load under way does not bring them back. */
  #rewriteCount = 0;

  constructor(
    fs: FileSystem,
    recovered: RecoveredStore,
    limits: WalLimits,
    cipher: StoreCipher | null,
    buggify: Buggify | null = null,
  ) {
    this.#cipher = cipher;
    this.#buggify = buggify;
    const { log, metadata, slots } = recovered;
    this.#fs = fs;
    this.#voteFloor = recovered.voteFloor;
    this.metadata = metadata;
    this.created = recovered.created;
    this.report = recovered.report;
    this.#slots = slots;
    this.#segments = recovered.segments;
    this.#segments.buggify = buggify;
    this.#outline = log.outline;
    this.#window = new LogWindow(limits.windowBytesMax);
    this.#window.reset(log.outline.lastIndex + 1);
    this.#snapshots = new SnapshotStore(fs, metadata, recovered.snapshots.durable, {
      writing: (task, completed) => this.#runWriting(task, completed),
      reading: (task, completed) => this.#runReading(task, completed),
    });
    const parts = { slots, segments: this.#segments, snapshots: this.#snapshots, log };
    this.#writer = new LogWriter(parts, limits.batchBytesMax, (item) => this.#apply(item), buggify);
    const newest = this.#snapshots.newest;
    const commit = Math.max(log.commit, newest?.index ?? 0);
    this.initial = {
      hardState: {
        term: toTerm(slots.term),
        vote: slots.vote === 0 ? noNode : toNodeId(slots.vote),
        commit: toLogIndex(commit),
      },
      confState: newest?.confState ?? metadata.confState,
    };
  }

  get firstIndex(): LogIndex {
    return toLogIndex(this.#outline.firstIndex);
  }

  get lastIndex(): LogIndex {
    return toLogIndex(this.#outline.lastIndex);
  }

  term(index: LogIndex): Term | "compacted" | "unavailable" {
    if (index < this.#outline.baseIndex) {
      return "compacted";
    }
    return index > this.#outline.lastIndex ? "unavailable" : toTerm(this.#outline.term(index));
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted" | "pending" {
    if (low < this.#outline.firstIndex) {
      return "compacted";
    }
    assert(low < high, "wal: empty range");
    assert(high <= this.#outline.lastIndex + 1, "wal: range beyond the last entry");
    const pageBytesMax = this.#buggify?.("page-one-entry") ? 0 : bytesMax;
    return this.#window.entries(low, high, pageBytesMax) ?? "pending";
  }

  snapshot(): SnapshotMetadata | "pending" | null {
    const inForce = this.#snapshots.inForce(this.#outline.lastIndex);
    return inForce?.metadata ?? (this.#snapshots.beingMade ? "pending" : null);
  }

  get voteFloor(): VoteFloor | null {
    return this.#voteFloor;
  }

  setVoteFloor(floor: LogId | null, completed: Completed): void {
    assert(this.#voteFloor !== null, "wal: a floor without damage");
    assert(floor !== null || this.#voteFloor !== "unknown", "wal: an unknown floor is never reached");
    const refusal = this.#refusal();
    if (refusal !== null) {
      completed(refusal);
      return;
    }
    this.#runWriting(writeFloor(this.#fs, this.metadata, floor), (error) => {
      this.#voteFloor = error === null ? floor : this.#voteFloor;
      completed(error);
    });
  }

  /** The error that ended this store, or null while it works. */
  get failure(): Error | null {
    return this.#writer.failure;
  }

  /** May call back before it returns: when nothing must be written, or when the file system completes at once. */
  write(batch: StorageBatch, completed: Completed): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      completed(refusal);
      return;
    }
    const { snapshot } = batch;
    assert(snapshot === null || this.#snapshots.isStaged(snapshot), "wal: snapshot was not received");
    this.#writer.enqueue(writeItem(batch, this.#cipher, completed));
  }

  /**
   * Writes a durable mark over the last batch, if none covers it: recovery can then tell damage to it from tearing. Call it
   * after at most 50 ms without a write.
   */
  idle(completed: Completed): void {
    const refusal = this.#refusal();
    if (refusal !== null || this.#writer.busy || !this.#writer.unmarked) {
      completed(refusal);
      return;
    }
    this.#writer.enqueue(controlItem("mark", null, completed));
  }

  load(low: LogIndex, high: LogIndex, bytesMax: number, completed: Completed): void {
    const refusal = this.#refusal() ?? this.#outside(low);
    if (refusal !== null) {
      completed(refusal);
      return;
    }
    assert(low < high, "wal: empty range");
    this.#maintenance.run(this.#load(low, high, bytesMax), (error) => {
      completed(error === null ? null : ioFailure(error));
    });
  }

  compact(index: LogIndex, completed: Completed): void {
    const refusal = this.#refusal();
    if (refusal !== null || index <= this.#outline.baseIndex) {
      completed(refusal);
      return;
    }
    const snapshot = this.#snapshots.inForce(this.#outline.lastIndex);
    assert(
      snapshot !== null && index <= snapshot.metadata.index,
      "wal: compaction beyond the newest durable snapshot",
    );
    const boundary = { index, term: toTerm(this.#outline.term(index)) };
    this.#writer.enqueue(
      controlItem("compact", boundary, (error) => {
        if (error !== null) {
          completed(error);
        } else {
          this.#removeSegments(completed);
        }
      }),
    );
  }

  createSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    assert(metadata.index >= 1, "wal: snapshot of nothing");
    const sink = this.#snapshots.sink(metadata, "local", (path, header) => this.#publishLocal(path, header));
    return this.#cipher === null ? sink : this.#cipher.sealImage(metadata, sink);
  }

  receiveSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    assert(metadata.index >= 1, "wal: snapshot of nothing");
    const sink = this.#snapshots.sink(metadata, "received", (path, header) =>
      this.#snapshots.stage(path, header),
    );
    return this.#cipher === null ? sink : this.#cipher.sealImage(metadata, sink);
  }

  openSnapshot(completed: CompletedWith<SnapshotSource>): void {
    const refusal = this.#refusal() ?? (this.#hasSnapshot() ? null : this.#unavailable());
    if (refusal !== null) {
      completed(refusal);
      return;
    }
    this.#runReading(
      this.#snapshots.open(() => this.#outline.lastIndex),
      (error, source) => {
        if (error !== null || source === undefined || this.#cipher === null) {
          completed(error, source);
        } else {
          this.#cipher.openImage(source, completed);
        }
      },
    );
  }

  /** Completes what was called before, marks the last batch, closes every file. Later calls get STORAGE_CLOSED. */
  close(completed: Completed): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      completed(refusal);
      return;
    }
    this.#closed = true;
    this.#writer.enqueue(
      controlItem("mark", null, (error) => {
        if (error !== null) {
          completed(error);
        } else {
          this.#maintenance.run(this.#close(), (failure) =>
            completed(failure === null ? null : ioFailure(failure)),
          );
        }
      }),
    );
  }

  /** Recovery only: begins the log after a received snapshot whose installation a crash interrupted. */
  install(metadata: SnapshotMetadata, completed: Completed): void {
    assert(
      this.#snapshots.newest?.index === metadata.index,
      "wal: installs another snapshot than the newest",
    );
    this.#writer.enqueue(controlItem("install", metadata, completed));
  }

  #refusal(): Error | null {
    return this.#writer.failure ?? (this.#closed ? new StorageError({ code: "STORAGE_CLOSED" }) : null);
  }

  #outside(low: LogIndex): StorageError | null {
    if (low < this.#outline.firstIndex) {
      return new StorageError({ code: "STORAGE_COMPACTED", firstIndex: this.firstIndex });
    }
    return low > this.#outline.lastIndex ? this.#unavailable() : null;
  }

  #unavailable(): StorageError {
    return new StorageError({ code: "STORAGE_UNAVAILABLE", lastIndex: this.lastIndex });
  }

  #hasSnapshot(): boolean {
    return this.#snapshots.inForce(this.#outline.lastIndex) !== null;
  }

  /** Shows what became durable. */
  #apply(item: LogItem): void {
    const { batch, boundary, kind } = item;
    const reset = kind === "install" ? boundary : batch.snapshot;
    if (reset !== null) {
      this.#outline.reset(reset.index, reset.term);
      this.#window.reset(reset.index + 1);
      this.#rewriteCount++;
      this.#removeSegments(() => {}); // A failure ends the store: every later call tells.
    }
    if (kind === "compact" && boundary !== null && boundary.index > this.#outline.baseIndex) {
      this.#outline.compact(boundary.index, boundary.term);
    }
    if (batch.entries.length > 0) {
      this.#applyEntries(batch.entries, item.places);
    }
    // INV log-order: what is shown has a beginning before its end, and the snapshot in force within.
    assert(this.#outline.firstIndex <= this.#outline.lastIndex + 1, "wal: the log ends before it begins");
    const isForgotten = this.#buggify?.("window-forget") ?? false;
    this.#window.trim(isForgotten ? this.#outline.lastIndex + 1 : this.#outline.firstIndex);
  }

  #applyEntries(entries: readonly Entry[], places: readonly number[]): void {
    const first = entries[0]?.index ?? 0;
    assert(first > this.#outline.baseIndex, "wal: entry below what is compacted");
    assert(first <= this.#outline.lastIndex + 1, "wal: gap before the first entry");
    if (first <= this.#outline.lastIndex) {
      this.#outline.truncate(first);
      this.#window.truncate(first);
      this.#rewriteCount++;
    }
    let next = 0;
    for (const entry of entries) {
      let place = null;
      if (places[next] === entry.index) {
        place = {
          index: entry.index,
          segment: places[next + 1] as number,
          offset: places[next + 2] as number,
        };
        next += 3;
      }
      this.#outline.append(entry.index, entry.term, place);
      this.#window.append(entry);
    }
    assert(next === places.length, "wal: place of an entry that is not in the batch");
  }

  *#load(low: number, high: number, bytesMax: number): Task<void> {
    const rewriteCount = this.#rewriteCount;
    const found: Entry[] = [];
    let bytes = 0;
    let at = low;
    while (at < Math.min(high, this.#outline.lastIndex + 1) && (found.length === 0 || bytes < bytesMax)) {
      if (at < this.#outline.firstIndex || rewriteCount !== this.#rewriteCount) {
        return; // Compacted or rewritten meanwhile: whoever asked asks again.
      }
      const { place, next } = this.#outline.locate(at);
      // The end of what was asked for may have been cut off while this waited for its turn.
      const end = Math.min(high, this.#outline.lastIndex + 1);
      const entries = yield* this.#segments.readEntries(place, next, end);
      for (const entry of entries) {
        if (entry.index >= at) {
          found.push(entry);
          bytes += entry.data.length;
        }
      }
      at = (found.at(-1)?.index ?? at - 1) + 1;
    }
    if (this.#buggify?.("load-in-vain")) {
      return;
    }
    if (found.length > 0 && rewriteCount === this.#rewriteCount && low >= this.#outline.firstIndex) {
      this.#window.keep(low, found);
    }
  }

  #removeSegments(completed: Completed): void {
    const oldest = this.#writer.oldestSegment;
    assert(oldest >= 1, "wal: segments are numbered from 1");
    this.#maintenance.run(this.#segments.removeBelow(oldest), (error) => {
      completed(error === null ? null : this.#writer.fail(error));
    });
  }

  /** A local snapshot counts only when the log up to its index is durable: otherwise a restart could not continue it. */
  *#publishLocal(path: string, header: SnapshotHeader): Task<void> {
    if (header.metadata.index > this.#outline.lastIndex) {
      yield* wait<void>((completed) => {
        this.#writer.enqueue(
          writeItem({ hardState: null, entries: [], snapshot: null, mustSync: false }, null, completed),
        );
      });
    }
    assert(header.metadata.index <= this.#outline.lastIndex, "wal: snapshot beyond the last entry");
    yield* this.#snapshots.publishLocal(path, header);
  }

  *#close(): Task<void> {
    yield* this.#writer.close();
    yield* this.#segments.close();
    yield* this.#slots.close();
  }

  #runWriting<T>(task: Task<T>, completed: CompletedWith<T>): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      completed(refusal);
      return;
    }
    runTask(task, (error, value) => {
      if (error === null) {
        completed(null, value as T);
      } else {
        completed(this.#writer.fail(error));
      }
    });
  }

  #runReading<T>(task: Task<T>, completed: CompletedWith<T>): void {
    runTask(task, (error, value) => {
      if (error === null) {
        completed(null, value as T);
      } else {
        completed(ioFailure(error));
      }
    });
  }
}
