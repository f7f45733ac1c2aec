/**
 * The snapshots of one store: which are durable, which are being made, which were received and wait for the batch that puts
 * them in force. The newest and one older are kept, so that damage to one file costs nothing.
 */
import { assert, must, type Task } from "@quorate/base";
import type { Completed, CompletedWith, SnapshotMetadata, SnapshotSink, SnapshotSource } from "@quorate/raft";
import { isMissing } from "./failures.ts";
import { FileError, type FileHandle, type FileSystem } from "./file-system.ts";
import { close, list, open, paths, rename, syncDirectory, unlink } from "./files.ts";
import type { StoreIdentity } from "./format/identity.ts";
import {
  decodeSnapshotHeader,
  encodeSnapshotHeader,
  partialSuffix,
  receivingSuffix,
  type SnapshotHeader,
  type SnapshotOrigin,
  snapshotName,
} from "./format/snapshot.ts";
import { ImageReader, ImageWriter } from "./snapshot-files.ts";

/** How many snapshots are kept. */
const keptCount = 2;

/** Runs a task; its failure is final for the store when it wrote, and is the caller's alone when it only read. */
interface TaskRunner {
  writing<T>(task: Task<T>, completed: CompletedWith<T>): void;
  reading<T>(task: Task<T>, completed: CompletedWith<T>): void;
}

/** The snapshots of one store. */
export class SnapshotStore {
  readonly #fs: FileSystem;
  readonly #identity: StoreIdentity;
  readonly #runner: TaskRunner;
  /** Durable snapshots, oldest first. */
  readonly #durable: SnapshotHeader[];
  /** Received and sealed images by their final name, waiting for their batch. */
  readonly #staged: Map<string, { readonly path: string; readonly header: SnapshotHeader }> = new Map();
  #openSinks = 0;
  #temporaries = 0;

  constructor(fs: FileSystem, identity: StoreIdentity, durable: SnapshotHeader[], runner: TaskRunner) {
    assert(durable.length <= keptCount, "snapshots: more than are kept");
    this.#fs = fs;
    this.#identity = identity;
    this.#durable = durable;
    this.#runner = runner;
  }

  /** The newest durable snapshot. */
  get newest(): SnapshotMetadata | null {
    return this.#durable.at(-1)?.metadata ?? null;
  }

  /** The newest durable snapshot that is in force: one whose installation is under way lies beyond the log as it is shown. */
  inForce(lastIndex: number): SnapshotHeader | null {
    return this.#durable.findLast((header) => header.metadata.index <= lastIndex) ?? null;
  }

  get beingMade(): boolean {
    return this.#openSinks > 0;
  }

  /** Starts an image; `publish` runs once it is sealed and must make it count. */
  sink(
    metadata: SnapshotMetadata,
    origin: SnapshotOrigin,
    publish: (path: string, header: SnapshotHeader) => Task<void>,
  ): SnapshotSink {
    assert(this.#openSinks >= 0, "snapshots: more sinks ended than begun");
    this.#temporaries++;
    this.#openSinks++;
    const suffix = origin === "local" ? ".tmp" : receivingSuffix;
    const path = `${paths.snapshots}/${snapshotName(metadata)}.${this.#temporaries}${suffix}`;
    const ended = (): void => {
      assert(this.#openSinks > 0, "snapshots: a sink ended twice");
      this.#openSinks--;
    };
    return new ImageSink(this.#fs, path, this.#identity, metadata, origin, this.#runner, publish, ended);
  }

  /** Makes a sealed image of the local state the newest snapshot. */
  *publishLocal(path: string, header: SnapshotHeader): Task<void> {
    const { index } = header.metadata;
    const newest = this.newest;
    if (newest !== null && newest.index >= index) {
      // A newer one was received meanwhile: this image is of no use any more.
      yield* unlink(this.#fs, path);
      return;
    }
    assert(index > (newest?.index ?? 0), "snapshots: a local one goes forward");
    yield* this.#publish(path, header);
  }

  /** Keeps a sealed, received image until {@link promote}. */
  *stage(path: string, header: SnapshotHeader): Task<void> {
    const name = snapshotName(header.metadata);
    const earlier = this.#staged.get(name);
    this.#staged.set(name, { path, header });
    if (earlier !== undefined) {
      yield* unlink(this.#fs, earlier.path);
    }
  }

  /** Whether an image with this metadata was received. */
  isStaged(metadata: SnapshotMetadata): boolean {
    return this.#staged.has(snapshotName(metadata));
  }

  /** Gives the received image its final name: from here on recovery puts it in force, with or without the log's record. */
  *promote(metadata: SnapshotMetadata): Task<void> {
    assert(metadata.index >= (this.newest?.index ?? 0), "snapshots: installed below the newest");
    const name = snapshotName(metadata);
    const staged = must(this.#staged.get(name) ?? null, "snapshots: promoted without having been received");
    this.#staged.delete(name);
    yield* this.#publish(staged.path, staged.header);
  }

  /** Opens the newest durable snapshot that is in force; `lastIndex` gives the end of the log as it is shown. */
  *open(lastIndex: () => number): Task<SnapshotSource> {
    for (;;) {
      const header = must(this.inForce(lastIndex()), "snapshots: none to open");
      const path = `${paths.snapshots}/${snapshotName(header.metadata)}`;
      try {
        const file = yield* open(this.#fs, path, "read");
        return new ImageReader(file, path, header, (task, completed) =>
          this.#runner.reading(task, completed),
        );
      } catch (error) {
        // A disk may take so long to open it that newer ones have come and it has gone. They only go forward, so this ends.
        if (!isMissing(error) || this.#durable.includes(header)) {
          throw error;
        }
      }
    }
  }

  *#publish(path: string, header: SnapshotHeader): Task<void> {
    yield* rename(this.#fs, path, `${paths.snapshots}/${snapshotName(header.metadata)}`);
    yield* syncDirectory(this.#fs, paths.snapshots);
    const same = this.#durable.findIndex((kept) => kept.metadata.index === header.metadata.index);
    if (same >= 0) {
      this.#durable.splice(same, 1);
    }
    this.#durable.push(header);
    this.#durable.sort((left, right) => left.metadata.index - right.metadata.index);
    assert(this.#durable.length >= 1 && this.#durable.length <= keptCount + 1, "snapshots: kept count");
    let removed = false;
    while (this.#durable.length > keptCount) {
      const oldest = must(this.#durable.shift(), "snapshots: none");
      yield* unlink(this.#fs, `${paths.snapshots}/${snapshotName(oldest.metadata)}`);
      removed = true;
    }
    if (removed) {
      yield* syncDirectory(this.#fs, paths.snapshots);
    }
  }
}

/** One image being written. */
class ImageSink implements SnapshotSink {
  readonly #fs: FileSystem;
  readonly #path: string;
  readonly #identity: StoreIdentity;
  readonly #metadata: SnapshotMetadata;
  readonly #origin: SnapshotOrigin;
  readonly #runner: TaskRunner;
  readonly #publish: (path: string, header: SnapshotHeader) => Task<void>;
  readonly #ended: () => void;
  #file: FileHandle | null = null;
  #writer: ImageWriter | null = null;
  #state: "idle" | "busy" | "failed" | "ended" = "idle";
  /** What becomes of an image that is not whole, once nothing is under way. */
  #giveUp: "drop" | "keep" | null = null;

  constructor(
    fs: FileSystem,
    path: string,
    identity: StoreIdentity,
    metadata: SnapshotMetadata,
    origin: SnapshotOrigin,
    runner: TaskRunner,
    publish: (path: string, header: SnapshotHeader) => Task<void>,
    ended: () => void,
  ) {
    this.#fs = fs;
    this.#path = path;
    this.#identity = identity;
    this.#metadata = metadata;
    this.#origin = origin;
    this.#runner = runner;
    this.#publish = publish;
    this.#ended = ended;
  }

  write(chunk: Uint8Array, completed: Completed): void {
    this.#begin(this.#append(chunk), "idle", completed);
  }

  finish(completed: Completed): void {
    this.#begin(this.#finish(), "ended", completed);
  }

  resume(visit: (bytes: Uint8Array) => boolean, completed: CompletedWith<number>): void {
    assert(this.#origin === "received" && this.#file === null, "sink: resumed too late");
    this.#begin(this.#resume(visit), "idle", (error) => completed(error, this.#writer?.flushedBytes ?? 0));
  }

  abort(): void {
    this.#end("drop");
  }

  suspend(): void {
    assert(this.#origin === "received", "sink: suspends what is not received");
    this.#end("keep");
  }

  #end(how: "drop" | "keep"): void {
    if (this.#state === "ended" || this.#giveUp !== null) {
      return;
    }
    this.#giveUp = how;
    if (this.#state !== "busy") {
      this.#letGo(how);
    }
  }

  #begin(task: Task<void>, next: "idle" | "ended", completed: Completed): void {
    assert(this.#state === "idle", "sink: call before the one before completed");
    assert(this.#giveUp === null, "sink: call after abort");
    this.#state = "busy";
    this.#runner.writing(task, (error) => {
      this.#state = error === null ? next : "failed";
      if (this.#state !== "idle") {
        this.#ended();
      }
      if (this.#giveUp !== null && this.#state !== "ended") {
        this.#letGo(this.#giveUp);
      }
      completed(error);
    });
  }

  /** Removes what was written, or puts it aside. What a failure leaves here is seen to when the store is next opened. */
  #letGo(how: "drop" | "keep"): void {
    const hasFailed = this.#state === "failed";
    this.#state = "ended";
    if (!hasFailed) {
      this.#ended();
    } else if (how === "keep") {
      return; // Nobody knows what of it is on the disk.
    }
    this.#runner.reading(this.#leave(how), () => {});
  }

  *#leave(how: "drop" | "keep"): Task<void> {
    if (this.#writer === null) {
      return;
    }
    if (this.#file !== null) {
      yield* close(this.#file);
    }
    if (how === "drop" || this.#writer.flushedBytes === 0) {
      yield* unlink(this.#fs, this.#path);
    } else {
      yield* rename(this.#fs, this.#path, this.#partialPath);
    }
  }

  get #partialPath(): string {
    return `${paths.snapshots}/${snapshotName(this.#metadata)}${partialSuffix}`;
  }

  /** Takes over the file of an interrupted reception; those of other images are of no more use. */
  *#resume(visit: (bytes: Uint8Array) => boolean): Task<void> {
    for (const { name } of yield* list(this.#fs, paths.snapshots)) {
      const path = `${paths.snapshots}/${name}`;
      if (name.endsWith(partialSuffix) && path !== this.#partialPath) {
        yield* unlink(this.#fs, path);
      }
    }
    try {
      yield* rename(this.#fs, this.#partialPath, this.#path);
    } catch (error) {
      if (error instanceof FileError && error.code === "ENOENT") {
        return;
      }
      throw error;
    }
    this.#file = yield* open(this.#fs, this.#path, "write");
    this.#writer = new ImageWriter(this.#file, this.#identity, this.#metadata, this.#origin);
    yield* this.#writer.resume(visit);
  }

  *#append(chunk: Uint8Array): Task<void> {
    const writer = yield* this.#open();
    yield* writer.append(chunk);
  }

  *#finish(): Task<void> {
    const writer = yield* this.#open();
    this.#file = null; // Closed by whoever seals it, and not again if that fails.
    const imageBytes = yield* writer.seal();
    const bytes = encodeSnapshotHeader(this.#identity, this.#metadata, this.#origin, imageBytes);
    const header = decodeSnapshotHeader(bytes, this.#identity);
    assert(!("fault" in header), "sink: own header does not decode");
    yield* this.#publish(this.#path, header);
  }

  *#open(): Task<ImageWriter> {
    if (this.#writer === null) {
      this.#file = yield* open(this.#fs, this.#path, "create");
      this.#writer = new ImageWriter(this.#file, this.#identity, this.#metadata, this.#origin);
    }
    return this.#writer;
  }
}
