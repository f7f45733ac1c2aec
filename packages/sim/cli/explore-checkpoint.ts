/** Where an exploration ended, in a file: the bounds it belongs to in one line, and then what the explorer says. */
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import type { CheckpointSink, CheckpointSource } from "@quorate/sim";

/** Changes with the format. */
const version = 2;

/** A file to go on from, and to be replaced where the walk is ended again. */
export class ExploreCheckpoint {
  readonly #path: string;
  readonly #head: Buffer;
  #writing: number | null = null;

  /** @param bounds What must be the same when the walk goes on, as JSON. */
  constructor(path: string, bounds: object) {
    this.#path = path;
    this.#head = Buffer.from(`${JSON.stringify({ version, ...bounds })}\n`);
  }

  /** Where the walk ended before; null when it begins. @throws Error when the file belongs to another walk. */
  open(): CheckpointSource | null {
    if (!existsSync(this.#path)) {
      return null;
    }
    const file = openSync(this.#path, "r");
    const source: CheckpointSource = { read: (into) => readWhole(file, into, this.#path) };
    const head = Buffer.alloc(this.#head.length);
    source.read(head);
    if (!head.equals(this.#head)) {
      closeSync(file);
      throw new Error(`${this.#path} is of other bounds than ${this.#head.toString().trim()}`);
    }
    return source;
  }

  /** Begins the file of where it ends now, beside the one of before. */
  create(): CheckpointSink {
    const file = openSync(`${this.#path}.tmp`, "w");
    this.#writing = file;
    const sink: CheckpointSink = { write: (bytes) => writeWhole(file, bytes) };
    sink.write(this.#head);
    return sink;
  }

  /** What {@link create} began takes the place of what was there; without it the walk is at its end, and nothing is left. */
  finish(): void {
    if (this.#writing === null) {
      rmSync(this.#path, { force: true });
      return;
    }
    fsyncSync(this.#writing);
    closeSync(this.#writing);
    renameSync(`${this.#path}.tmp`, this.#path);
  }
}

function readWhole(file: number, into: Uint8Array, path: string): void {
  for (let at = 0; at < into.length; ) {
    const count = readSync(file, into, at, into.length - at, null);
    if (count === 0) {
      throw new Error(`${path} is cut off`);
    }
    at += count;
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(file, bytes, at);
  }
}
