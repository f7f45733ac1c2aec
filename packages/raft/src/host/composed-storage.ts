/**
 * A whole {@link Storage} out of two small stores: one for entries, one for values by name. It is the short way to a log on a
 * database of your own. It keeps a copy of the log in memory and each snapshot's image as one value, and its stores block while they
 * write; where that does not do, implement `Storage`. RAFT §3.8: what must be durable is, when a write completes.
 */
import { assert, ByteReader, ByteWriter, concatBytes } from "@quorate/base";
import { StorageError } from "../errors.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { Entry, LogId } from "../types/entry.ts";
import type { HardState } from "../types/hard-state.ts";
import { indexZero, type LogIndex, maxIndex, minIndex, type NodeId, noNode, termZero } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import {
  readConfState,
  readIndex,
  readLogId,
  readNodeIdOrNone,
  readSnapshotMetadata,
  readTerm,
  writeConfState,
  writeLogId,
  writeSnapshotMetadata,
} from "../wire/parts.ts";
import { EntryWindow } from "./entry-window.ts";
import type {
  Completed,
  CompletedWith,
  SnapshotSink,
  SnapshotSource,
  Storage,
  StorageBatch,
} from "./ports.ts";

/** Keeps the entries of a log. What a call has written is durable when it returns; what it throws stops the member. */
export interface LogStore {
  /** Everything that is kept, oldest first. Called once, before the others. */
  read(): Iterable<Entry>;
  /**
   * Appends, after everything from `entries[0].index` on was dropped. A crash in the middle may leave a prefix of `entries`, never
   * a gap or half an entry.
   */
  append(entries: readonly Entry[]): void;
  /** Drops entries up to and including `index`: a snapshot covers them. */
  compact(index: LogIndex): void;
  /** Releases what is open; nothing is called after it. */
  close?(): void;
}

/** Keeps values by name. What `set` has written is durable when it returns, whole or not at all; what it throws stops the member. */
export interface StableStore {
  get(name: string): Uint8Array | null;
  set(name: string, value: Uint8Array): void;
  /** Releases what is open; nothing is called after it. */
  close?(): void;
}

/** What {@link composeStorage} makes a storage of. */
export interface ComposedStorageOptions {
  readonly log: LogStore;
  readonly stable: StableStore;
  /** The first configuration, for a store that is empty; one that is not has its own. */
  readonly voters: readonly NodeId[];
  readonly learners?: readonly NodeId[];
}

/** The version of the values below; it is their first byte. */
const valueVersion = 1;

interface Image {
  readonly metadata: SnapshotMetadata;
  readonly bytes: Uint8Array;
}

/**
 * Opens the storage that `log` and `stable` hold.
 *
 * @throws StorageError `STORAGE_CORRUPT` when they do not fit together, `STORAGE_VERSION` when a later version wrote them; DecodeError
 *   when a value is damaged.
 *
 * @example
 * ```ts
 * import { composeStorage, type Entry, toNodeId } from "@quorate/raft";
 * const values = new Map<string, Uint8Array>();
 * let kept: Entry[] = [];
 * const storage = composeStorage({
 *   voters: [toNodeId(1)],
 *   stable: { get: (name) => values.get(name) ?? null, set: (name, value) => void values.set(name, value) },
 *   log: {
 *     read: () => kept,
 *     append: (entries) => void (kept = [...kept.filter(({ index }) => index < (entries[0]?.index ?? 0)), ...entries]),
 *     compact: (upTo) => void (kept = kept.filter(({ index }) => index > upTo)),
 *   },
 * });
 * storage.lastIndex; // 0
 * ```
 */
export function composeStorage(options: ComposedStorageOptions): Storage {
  return new ComposedStorage(options);
}

class ComposedStorage implements Storage {
  readonly initial: { readonly hardState: HardState; readonly confState: ConfState };
  readonly #store: LogStore;
  readonly #values: Values;
  #log: EntryWindow;
  #image: Image | null;
  /** Received, and not yet written by a batch. */
  readonly #received: Map<string, Image> = new Map();
  #hardState: HardState;
  #commitBehind = false;
  #failure: Error | null = null;

  constructor({ learners = [], log, stable, voters }: ComposedStorageOptions) {
    this.#store = log;
    this.#values = new Values(stable);
    const bootstrap =
      this.#values.confState() ?? this.#values.setConfState(firstConfiguration(voters, learners));
    this.#image = this.#values.image();
    this.#log = this.#recoverLog();
    const stored = this.#values.hardState();
    // The hard state is written before the entries that it speaks of, so after a crash it may be ahead of them.
    const commit = minIndex(stored.commit, this.#log.lastIndex);
    const snapshot = this.#image?.metadata.index ?? indexZero;
    this.#hardState = { ...stored, commit: maxIndex(commit, snapshot) };
    this.initial = {
      hardState: this.#hardState,
      confState: this.#image?.metadata.confState ?? bootstrap,
    };
  }

  #recoverLog(): EntryWindow {
    const base = this.#values.base();
    const window = new EntryWindow(base);
    for (const entry of this.#store.read()) {
      // What was compacted may still be there: the base is written first.
      if (entry.index > base.index) {
        if (entry.index !== window.lastIndex + 1) {
          throw corrupt("log", entry.index, "entries are missing");
        }
        window.append([entry]);
      }
    }
    const snapshot = this.#image?.metadata;
    if (snapshot === undefined || window.term(snapshot.index) === snapshot.term) {
      return window;
    }
    if (snapshot.index <= base.index) {
      throw corrupt("base", base.index, "the log begins behind the end of the snapshot, or in another term");
    }
    // A crash came between a received snapshot and the end of the log that it replaces. RAFT §5.3.
    this.#values.setBase(snapshot);
    this.#store.compact(window.lastIndex);
    return new EntryWindow(snapshot);
  }

  get firstIndex(): LogIndex {
    return this.#log.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#log.lastIndex;
  }

  term(index: LogIndex): ReturnType<Storage["term"]> {
    return this.#log.term(index);
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): ReturnType<Storage["entries"]> {
    return this.#log.entries(low, high, bytesMax);
  }

  snapshot(): SnapshotMetadata | null {
    return this.#image?.metadata ?? null;
  }

  write(batch: StorageBatch, completed: Completed): void {
    this.#do(completed, () => {
      this.#writeHardState(batch);
      if (batch.snapshot !== null) {
        this.#install(batch.snapshot);
      }
      if (batch.entries.length > 0) {
        this.#store.append(batch.entries);
        this.#log.append(batch.entries);
      }
    });
  }

  /** The commit index alone is found again after a crash: it waits for the next write that must be durable. */
  #writeHardState({ hardState, mustSync }: StorageBatch): void {
    if (hardState !== null) {
      assert(hardState.term >= this.#hardState.term, "storage: the term goes back");
      this.#hardState = hardState;
      this.#commitBehind = true;
    }
    if (mustSync && this.#commitBehind) {
      this.#saveHardState();
    }
  }

  #saveHardState(): void {
    this.#values.setHardState(this.#hardState);
    this.#commitBehind = false;
  }

  #install(snapshot: SnapshotMetadata): void {
    const image = this.#received.get(nameOf(snapshot));
    assert(image !== undefined, "storage: the snapshot was not received");
    this.#received.clear();
    this.#values.setImage(image);
    this.#values.setBase(snapshot);
    if (this.#log.lastIndex >= this.#log.firstIndex) {
      this.#store.compact(this.#log.lastIndex);
    }
    this.#image = image;
    this.#log = new EntryWindow(snapshot);
  }

  load(_low: LogIndex, _high: LogIndex, _bytesMax: number, completed: Completed): void {
    this.#do(completed, () => {});
  }

  compact(index: LogIndex, completed: Completed): void {
    this.#do(completed, () => {
      if (index >= this.#log.firstIndex) {
        assert(index <= (this.#image?.metadata.index ?? 0), "storage: compaction beyond the snapshot");
        const base = this.#log.compact(index);
        assert(base !== null, "storage: compaction of nothing");
        this.#values.setBase(base);
        this.#store.compact(index);
      }
    });
  }

  createSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    return this.#sink(metadata, (image) => {
      if (metadata.index > (this.#image?.metadata.index ?? 0)) {
        this.#values.setImage(image);
        this.#image = image;
      }
    });
  }

  receiveSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    return this.#sink(metadata, (image) => void this.#received.set(nameOf(metadata), image));
  }

  #sink(metadata: SnapshotMetadata, finished: (image: Image) => void): SnapshotSink {
    const chunks: Uint8Array[] = [];
    return {
      write: (chunk, completed) => this.#do(completed, () => void chunks.push(chunk.slice())),
      finish: (completed) => this.#do(completed, () => finished({ metadata, bytes: concatBytes(chunks) })),
      abort: () => {
        chunks.length = 0;
      },
    };
  }

  openSnapshot(completed: CompletedWith<SnapshotSource>): void {
    const image = this.#image;
    if (image === null || this.#failure !== null) {
      completed(
        this.#failure ?? new StorageError({ code: "STORAGE_UNAVAILABLE", lastIndex: this.lastIndex }),
      );
      return;
    }
    completed(null, {
      metadata: image.metadata,
      bytes: image.bytes.length,
      read: (offset, length, done) => done(null, image.bytes.slice(offset, offset + length)),
      close: () => {},
    });
  }

  close(completed: Completed): void {
    this.#do(completed, () => {
      if (this.#commitBehind) {
        this.#saveHardState();
      }
      this.#store.close?.();
      this.#values.close();
    });
    this.#failure ??= new StorageError({ code: "STORAGE_CLOSED" });
  }

  /** After a failed write nobody knows what is stored: nothing is written any more. */
  #do(completed: Completed, work: () => void): void {
    if (this.#failure === null) {
      try {
        work();
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
      }
    }
    completed(this.#failure);
  }
}

/** What stands in the stable store, by name: a version, then the value. */
class Values {
  readonly #store: StableStore;

  constructor(store: StableStore) {
    this.#store = store;
  }

  hardState(): HardState {
    const empty = { term: termZero, vote: noNode, commit: indexZero };
    return (
      this.#read("hard-state", (reader) => ({
        term: readTerm(reader),
        vote: readNodeIdOrNone(reader),
        commit: readIndex(reader),
      })) ?? empty
    );
  }

  setHardState({ commit, term, vote }: HardState): void {
    this.#write("hard-state", (writer) => {
      writer.varint(term);
      writer.varint(vote);
      writer.varint(commit);
    });
  }

  /** The entry before the first. */
  base(): LogId {
    return this.#read("base", readLogId) ?? { index: indexZero, term: termZero };
  }

  setBase(base: LogId): void {
    this.#write("base", (writer) => writeLogId(writer, base));
  }

  /** The configuration that the group began with. */
  confState(): ConfState | null {
    return this.#read("bootstrap", readConfState);
  }

  setConfState(confState: ConfState): ConfState {
    this.#write("bootstrap", (writer) => writeConfState(writer, confState));
    return confState;
  }

  image(): Image | null {
    return this.#read("snapshot", (reader) => ({
      metadata: readSnapshotMetadata(reader),
      bytes: reader.lengthPrefixed().slice(),
    }));
  }

  setImage({ bytes, metadata }: Image): void {
    this.#write("snapshot", (writer) => {
      writeSnapshotMetadata(writer, metadata);
      writer.lengthPrefixed(bytes);
    });
  }

  close(): void {
    this.#store.close?.();
  }

  #read<T>(name: string, decode: (reader: ByteReader) => T): T | null {
    const value = this.#store.get(name);
    if (value === null) {
      return null;
    }
    const reader = new ByteReader(value);
    const version = reader.u8();
    if (version !== valueVersion) {
      throw new StorageError({ code: "STORAGE_VERSION", file: name, version });
    }
    const decoded = decode(reader);
    reader.end();
    return decoded;
  }

  #write(name: string, encode: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    writer.u8(valueVersion);
    encode(writer);
    this.#store.set(name, writer.finish());
  }
}

function firstConfiguration(voters: readonly NodeId[], learners: readonly NodeId[]): ConfState {
  return {
    voters: [...voters],
    learners: [...learners],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}

function corrupt(file: string, offset: number, why: string): StorageError {
  return new StorageError({ code: "STORAGE_CORRUPT", file, offset, why });
}

function nameOf({ index, term }: SnapshotMetadata): string {
  return `${term}-${index}`;
}
