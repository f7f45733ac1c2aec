/**
 * Appends past the page cache: one system call writes a batch and makes it durable. Whole blocks go to the disk from memory that is
 * aligned as the disk wants it; the block that a batch ends in is written once more with the next one.
 *
 * PERF: through the page cache a batch takes two ways through the thread pool, each of which waits for a turn of the event loop, and each
 * page of a preallocated file is filled twice, the first time a fresh one. `npm run bench -- h2load`, `-- library`.
 */
import * as fs from "node:fs";
import { assert } from "@quorate/base";

/** What the disk writes at once: the block of usual file systems, and at least what any disk aligns to. */
const blockBytes = 4096;
/** Written by one call; longer appends take several. */
const roomBytes = 1024 * 1024;

/** Memory that begins at a page: fixed array buffers do not, those that could grow do. */
export class AlignedRooms {
  readonly #idle: Uint8Array<ArrayBuffer>[] = [];

  take(): Uint8Array<ArrayBuffer> {
    return this.#idle.pop() ?? new Uint8Array(new ArrayBuffer(roomBytes, { maxByteLength: roomBytes }));
  }

  /** A log has two files that are appended to at a time: the segment that is written, and the next one. */
  give(room: Uint8Array<ArrayBuffer>): void {
    if (this.#idle.length < 2) {
      this.#idle.push(room);
    }
  }
}

/** How an append ended: null when it is durable, or why it is not, or that this file cannot be written so. */
type AppendOutcome = NodeJS.ErrnoException | "unsuited" | null;

/** Appends to one file. One at a time. */
export class DirectAppends {
  readonly #rooms: AlignedRooms;
  /** Of the same file: one reads and writes through the page cache, the other past it. */
  readonly #plain: number;
  readonly #direct: number;
  #fileBytes: number;
  /** What stands in the block that the last append ended in. */
  readonly #tail: Uint8Array = new Uint8Array(blockBytes);
  /** Where that block begins; -1 when it is not known. */
  #tailStart = -1;

  private constructor(rooms: AlignedRooms, plain: number, direct: number, fileBytes: number) {
    this.#rooms = rooms;
    this.#plain = plain;
    this.#direct = direct;
    this.#fileBytes = fileBytes;
  }

  /** For the file that is open as `plain`; null where the platform or the file system has no such way. */
  static open(rooms: AlignedRooms, plain: number, completed: (appends: DirectAppends | null) => void): void {
    const { O_DIRECT, O_DSYNC, O_WRONLY } = fs.constants;
    // Not on every platform, whatever the types say.
    if (
      process.platform !== "linux" ||
      ((O_DIRECT ?? 0) as number) === 0 ||
      ((O_DSYNC ?? 0) as number) === 0
    ) {
      completed(null);
      return;
    }
    // By its descriptor: the file may have been renamed since it was opened.
    fs.open(`/proc/self/fd/${plain}`, O_WRONLY | O_DIRECT | O_DSYNC, (openError, direct) => {
      if (openError !== null) {
        completed(null);
        return;
      }
      fs.fstat(plain, (error, stats) => {
        if (error === null) {
          completed(new DirectAppends(rooms, plain, direct, stats.size));
        } else {
          fs.close(direct, () => completed(null));
        }
      });
    });
  }

  /** Something else has written to the file. */
  forget(): void {
    this.#tailStart = -1;
  }

  /** Something else has set the file's length. */
  truncated(lengthBytes: number): void {
    this.forget();
    this.#fileBytes = lengthBytes;
  }

  append(offset: number, bytes: Uint8Array, completed: (outcome: AppendOutcome) => void): void {
    const start = offset - (offset % blockBytes);
    if (start === offset || start === this.#tailStart) {
      this.#append(start, offset, bytes, completed);
      return;
    }
    this.#tailStart = -1;
    fs.read(this.#plain, this.#tail, 0, offset - start, start, (error, count) => {
      if (error !== null) {
        completed(error);
      } else if (count < offset - start) {
        completed("unsuited"); // The file ends before the append.
      } else {
        this.#tailStart = start;
        this.#append(start, offset, bytes, completed);
      }
    });
  }

  /** `start` is where the block begins that `offset` lies in; what is before `offset` in it stands in the tail. */
  #append(
    start: number,
    offset: number,
    bytes: Uint8Array,
    completed: (outcome: AppendOutcome) => void,
  ): void {
    const before = offset - start;
    assert(before === 0 || start === this.#tailStart, "appends: the block's beginning is not known");
    const taken = Math.min(bytes.length, roomBytes - before);
    const length = before + taken;
    const written = length + ((blockBytes - (length % blockBytes)) % blockBytes);
    if (written !== length && start + written > this.#fileBytes) {
      completed("unsuited"); // The last block would make the file longer.
      return;
    }
    const room = this.#rooms.take();
    room.set(before === 0 ? nothing : this.#tail.subarray(0, before));
    room.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), before);
    room.fill(0, length, written);
    fs.write(this.#direct, room, 0, written, start, (error, count) => {
      if (error !== null || count < written) {
        this.#rooms.give(room);
        // EINVAL: another alignment, or a file system that only let itself be opened so. What a short write left out is written as a whole again.
        completed(error === null || error.code === "EINVAL" ? "unsuited" : error);
        return;
      }
      this.#fileBytes = Math.max(this.#fileBytes, start + written);
      const last = length - (length % blockBytes);
      this.#tail.set(room.subarray(last, length));
      this.#tailStart = start + last;
      this.#rooms.give(room);
      if (taken === bytes.length) {
        completed(null);
      } else {
        this.append(offset + taken, bytes.subarray(taken), completed);
      }
    });
  }

  close(completed: (error: NodeJS.ErrnoException | null | undefined) => void): void {
    fs.close(this.#direct, completed);
  }
}

const nothing = new Uint8Array(0);
