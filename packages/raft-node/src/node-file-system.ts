/**
 * The log's file-system port on `node:fs`. Every failure becomes a {@link FileError} with the platform's code; a short write is
 * continued, because a batch is on the disk as a whole or not at all.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { assert } from "@quorate/base";
import {
  type DirectoryEntry,
  type FileCompleted,
  FileError,
  type FileHandle,
  type FileSystem,
} from "@quorate/wal";
import { AlignedRooms, DirectAppends } from "./direct-appends.ts";

/** Only the owner may read what is replicated: it may hold secrets of its users. */
const fileMode = 0o600;
const directoryMode = 0o700;

/**
 * Files below one directory.
 *
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { NodeFileSystem } from "@quorate/raft-node";
 * const files = new NodeFileSystem(mkdtempSync(join(tmpdir(), "example-")));
 * files.makeDirectory("wal", (error) => error);
 * ```
 */
export class NodeFileSystem implements FileSystem {
  readonly #root: string;
  readonly #rooms: AlignedRooms = new AlignedRooms();

  /** @param root The data directory; it must exist. */
  constructor(root: string) {
    this.#root = root;
  }

  open(path: string, mode: "read" | "write" | "create", completed: FileCompleted<FileHandle>): void {
    const flags = mode === "read" ? "r" : mode === "write" ? "r+" : "wx+";
    fs.open(this.#path(path), flags, fileMode, (error, descriptor) => {
      if (error !== null) {
        completed(toFileError(error, "open", path));
      } else {
        completed(null, new NodeFileHandle(descriptor, path, this.#rooms));
      }
    });
  }

  makeDirectory(path: string, completed: FileCompleted<void>): void {
    fs.mkdir(this.#path(path), directoryMode, (error) => completed(toFileError(error, "mkdir", path)));
  }

  list(path: string, completed: FileCompleted<readonly DirectoryEntry[]>): void {
    fs.readdir(this.#path(path), { withFileTypes: true }, (error, entries) => {
      if (error !== null) {
        completed(toFileError(error, "readdir", path));
        return;
      }
      const kindOf = (entry: fs.Dirent): DirectoryEntry["kind"] =>
        entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other";
      completed(
        null,
        entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })),
      );
    });
  }

  rename(from: string, to: string, completed: FileCompleted<void>): void {
    fs.rename(this.#path(from), this.#path(to), (error) => completed(toFileError(error, "rename", from)));
  }

  unlink(path: string, completed: FileCompleted<void>): void {
    fs.unlink(this.#path(path), (error) => completed(toFileError(error, "unlink", path)));
  }

  syncDirectory(path: string, completed: FileCompleted<void>): void {
    fs.open(this.#path(path), "r", (openError, descriptor) => {
      if (openError !== null) {
        completed(toFileError(openError, "open", path));
        return;
      }
      fs.fsync(descriptor, (syncError) => {
        fs.close(descriptor, (closeError) => {
          completed(toFileError(syncError, "fsync", path) ?? toFileError(closeError, "close", path));
        });
      });
    });
  }

  #path(path: string): string {
    return join(this.#root, path);
  }
}

class NodeFileHandle implements FileHandle {
  readonly #descriptor: number;
  readonly #path: string;
  readonly #rooms: AlignedRooms;
  /** Undefined until the first append, null where there is no way past the page cache. */
  #direct: DirectAppends | null | undefined;
  #appending = false;

  constructor(descriptor: number, path: string, rooms: AlignedRooms) {
    this.#descriptor = descriptor;
    this.#path = path;
    this.#rooms = rooms;
  }

  read(offset: number, length: number, completed: FileCompleted<Uint8Array>, room?: Uint8Array): void {
    // Not from the pool: old contents of a shared pool must never reach a log or a peer, and a view would pin all of it.
    const fits = room !== undefined && room.length >= length;
    this.#readInto(fits ? room.subarray(0, length) : new Uint8Array(length), 0, offset, completed);
  }

  #readInto(buffer: Uint8Array, filled: number, offset: number, completed: FileCompleted<Uint8Array>): void {
    if (filled === buffer.length) {
      completed(null, buffer);
      return;
    }
    fs.read(this.#descriptor, buffer, filled, buffer.length - filled, offset + filled, (error, count) => {
      if (error !== null) {
        completed(toFileError(error, "read", this.#path));
      } else if (count === 0) {
        completed(null, buffer.subarray(0, filled));
      } else {
        this.#readInto(buffer, filled + count, offset, completed);
      }
    });
  }

  write(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    assert(!this.#appending, "file: a write beside an append");
    this.#direct?.forget();
    this.#writeFrom(bytes, 0, offset, completed);
  }

  #writeFrom(bytes: Uint8Array, written: number, offset: number, completed: FileCompleted<void>): void {
    if (written === bytes.length) {
      completed(null);
      return;
    }
    fs.write(this.#descriptor, bytes, written, bytes.length - written, offset + written, (error, count) => {
      if (error !== null) {
        completed(toFileError(error, "write", this.#path));
      } else if (count === 0) {
        completed(new FileError("EIO", "write", this.#path));
      } else {
        this.#writeFrom(bytes, written + count, offset, completed);
      }
    });
  }

  append(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    assert(!this.#appending, "file: two appends at a time");
    this.#appending = true;
    const ended: FileCompleted<void> = (error) => {
      this.#appending = false;
      completed(error);
    };
    if (this.#direct === undefined) {
      DirectAppends.open(this.#rooms, this.#descriptor, (direct) => {
        this.#direct = direct;
        this.#append(offset, bytes, ended);
      });
    } else {
      this.#append(offset, bytes, ended);
    }
  }

  #append(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    const direct = this.#direct ?? null;
    if (direct === null) {
      this.#writeFrom(bytes, 0, offset, (error) =>
        error === null ? this.sync(completed) : completed(error),
      );
      return;
    }
    direct.append(offset, bytes, (outcome) => {
      if (outcome === "unsuited") {
        this.#direct = null;
        direct.close(() => this.#append(offset, bytes, completed));
      } else {
        completed(toFileError(outcome, "write", this.#path));
      }
    });
  }

  sync(completed: FileCompleted<void>): void {
    fs.fdatasync(this.#descriptor, (error) => completed(toFileError(error, "fdatasync", this.#path)));
  }

  truncate(lengthBytes: number, completed: FileCompleted<void>): void {
    assert(!this.#appending, "file: a truncation beside an append");
    this.#direct?.truncated(lengthBytes);
    fs.ftruncate(this.#descriptor, lengthBytes, (error) =>
      completed(toFileError(error, "ftruncate", this.#path)),
    );
  }

  size(completed: FileCompleted<number>): void {
    fs.fstat(this.#descriptor, (error, stats) => {
      if (error !== null) {
        completed(toFileError(error, "fstat", this.#path));
      } else {
        completed(null, stats.size);
      }
    });
  }

  close(completed: FileCompleted<void>): void {
    const closed = (): void =>
      fs.close(this.#descriptor, (error) => completed(toFileError(error ?? null, "close", this.#path)));
    if (this.#direct) {
      this.#direct.close(closed); // Whatever it says: each of its writes was durable when it completed.
    } else {
      closed();
    }
  }
}

function toFileError(
  error: NodeJS.ErrnoException | null | undefined,
  syscall: string,
  path: string,
): FileError | null {
  if (error === null || error === undefined) {
    return null;
  }
  return new FileError(error.code ?? "EUNKNOWN", error.syscall ?? syscall, path, { cause: error });
}
