/**
 * A storage without a disk. A batch is durable when its deferred completion runs; what is not complete by then is not shown. It
 * serves tests and members that may forget everything.
 */
import { assert, concatBytes, must } from "@quorate/base";
import { StorageError } from "../errors.ts";
import { EntryWindow } from "../host/entry-window.ts";
import type {
  Completed,
  CompletedWith,
  Scheduler,
  SnapshotSink,
  SnapshotSource,
  Storage,
  StorageBatch,
} from "../host/ports.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { Entry } from "../types/entry.ts";
import type { HardState } from "../types/hard-state.ts";
import {
  indexZero,
  type LogIndex,
  maxIndex,
  type NodeId,
  noNode,
  type Term,
  termZero,
} from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";

/** How a {@link MemoryStorage} begins. */
export interface MemoryStorageOptions {
  /** The first configuration. */
  readonly voters: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  /** Defers completions; without it they come before the call returns. */
  readonly scheduler?: Scheduler;
}

interface Image {
  readonly metadata: SnapshotMetadata;
  readonly bytes: Uint8Array;
}

/** The state that a {@link MemoryStorage} keeps; a restarted member opens a new storage over the same. */
interface Durable {
  hardState: HardState;
  readonly bootstrap: ConfState;
  log: EntryWindow;
  image: Image | null;
  /** What came of a received image that is not whole. */
  partial: { readonly name: string; readonly chunks: Uint8Array[] } | null;
}

/** A whole storage in memory. */
export class MemoryStorage implements Storage {
  readonly #scheduler: Scheduler | null;
  readonly #durable: Durable;
  readonly #staged: Map<string, Image> = new Map();
  #closed = false;
  #failure: Error | null = null;

  constructor(options: MemoryStorageOptions, durable?: Durable) {
    this.#scheduler = options.scheduler ?? null;
    this.#durable = durable ?? {
      hardState: { term: termZero, vote: noNode, commit: indexZero },
      bootstrap: {
        voters: [...options.voters],
        learners: [...(options.learners ?? [])],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: false,
      },
      log: new EntryWindow(),
      image: null,
      partial: null,
    };
  }

  /** What a restarted process finds: everything that was complete. This storage must not be used any more. */
  reopen(scheduler: Scheduler | null = this.#scheduler): MemoryStorage {
    this.#closed = true;
    const options = { voters: [], ...(scheduler === null ? {} : { scheduler }) };
    return new MemoryStorage(options, this.#durable);
  }

  /** From now on every call fails with `error`, as after a failed fsync. */
  failWith(error: Error): void {
    this.#failure = error;
  }

  get initial(): { readonly hardState: HardState; readonly confState: ConfState } {
    const { bootstrap, hardState, image } = this.#durable;
    const commit = maxIndex(hardState.commit, image?.metadata.index ?? indexZero);
    return { hardState: { ...hardState, commit }, confState: image?.metadata.confState ?? bootstrap };
  }

  get firstIndex(): LogIndex {
    return this.#durable.log.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#durable.log.lastIndex;
  }

  term(index: LogIndex): Term | "compacted" | "unavailable" {
    return this.#durable.log.term(index);
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted" | "pending" {
    return this.#durable.log.entries(low, high, bytesMax);
  }

  snapshot(): SnapshotMetadata | "pending" | null {
    return this.#durable.image?.metadata ?? null;
  }

  write(batch: StorageBatch, completed: Completed): void {
    this.#complete(completed, () => this.#apply(batch));
  }

  #apply(batch: StorageBatch): void {
    const durable = this.#durable;
    if (batch.hardState !== null) {
      assert(batch.hardState.term >= durable.hardState.term, "memory storage: the term goes back");
      durable.hardState = batch.hardState;
    }
    if (batch.snapshot !== null) {
      const name = nameOf(batch.snapshot);
      const image = must(this.#staged.get(name), "memory storage: snapshot was not received");
      this.#staged.delete(name);
      durable.image = image;
      durable.log = new EntryWindow(batch.snapshot);
    }
    durable.log.append(batch.entries);
  }

  load(_low: LogIndex, _high: LogIndex, _bytesMax: number, completed: Completed): void {
    this.#complete(completed, () => {});
  }

  compact(index: LogIndex, completed: Completed): void {
    this.#complete(completed, () => {
      const { image, log } = this.#durable;
      // Below the first entry there is nothing left to drop.
      if (index >= log.firstIndex) {
        assert(index <= (image?.metadata.index ?? 0), "memory storage: compaction beyond the snapshot");
        log.compact(index);
      }
    });
  }

  createSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    return this.#sink(metadata, (image) => {
      if (metadata.index > (this.#durable.image?.metadata.index ?? 0)) {
        this.#durable.image = image;
      }
    });
  }

  receiveSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    const name = nameOf(metadata);
    const sink = this.#sink(metadata, (image) => {
      this.#durable.partial = null;
      this.#staged.set(name, image);
    });
    let isFirst = true;
    const begin = (): void => {
      if (isFirst) {
        isFirst = false;
        this.#durable.partial = { name, chunks: [] };
      }
    };
    return {
      ...sink,
      write: (chunk, completed) => {
        begin();
        sink.write(chunk, (error) => {
          if (error === null && this.#durable.partial?.name === name) {
            this.#durable.partial.chunks.push(chunk.slice());
          }
          completed(error);
        });
      },
      abort: () => {
        if (this.#durable.partial?.name === name) {
          this.#durable.partial = null;
        }
        sink.abort();
      },
      suspend: () => {},
      resume: (visit, completed) => {
        const kept = this.#durable.partial?.name === name ? concatBytes(this.#durable.partial.chunks) : null;
        if (kept === null || kept.length === 0) {
          completed(null, 0);
          return;
        }
        isFirst = false;
        if (!visit(kept)) {
          this.#durable.partial = { name, chunks: [] };
          completed(null, 0);
          return;
        }
        sink.write(kept, (error) => completed(error, kept.length));
      },
    };
  }

  #sink(metadata: SnapshotMetadata, finished: (image: Image) => void): SnapshotSink {
    const chunks: Uint8Array[] = [];
    return {
      write: (chunk, completed) => this.#complete(completed, () => void chunks.push(chunk.slice())),
      finish: (completed) =>
        this.#complete(completed, () => finished({ metadata, bytes: concatBytes(chunks) })),
      abort: () => {
        chunks.length = 0;
      },
    };
  }

  openSnapshot(completed: CompletedWith<SnapshotSource>): void {
    const image = this.#durable.image;
    if (image === null) {
      completed(new StorageError({ code: "STORAGE_UNAVAILABLE", lastIndex: this.lastIndex }));
      return;
    }
    this.#complete(
      (error) => (error === null ? completed(null, this.#source(image)) : completed(error)),
      () => {},
    );
  }

  #source(image: Image): SnapshotSource {
    return {
      metadata: image.metadata,
      bytes: image.bytes.length,
      read: (offset, length, completed, room) => {
        const bytes = image.bytes.subarray(offset, offset + length);
        // As a disk would: what a caller keeps of an earlier chunk is overwritten.
        room?.set(bytes);
        const chunk = room === undefined ? bytes.slice() : room.subarray(0, bytes.length);
        this.#complete(
          (error) => (error === null ? completed(null, chunk) : completed(error)),
          () => {},
        );
      },
      close: () => {},
    };
  }

  close(completed: Completed): void {
    this.#complete(completed, () => {
      this.#closed = true;
    });
  }

  #complete(completed: Completed, work: () => void): void {
    const run = (): void => {
      const error = this.#failure ?? (this.#closed ? new StorageError({ code: "STORAGE_CLOSED" }) : null);
      if (error === null) {
        work();
      }
      completed(error);
    };
    if (this.#scheduler === null) {
      run();
    } else {
      this.#scheduler.defer(run);
    }
  }
}

function nameOf({ index, term }: SnapshotMetadata): string {
  return `${term}-${index}`;
}
