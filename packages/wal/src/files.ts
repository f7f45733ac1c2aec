/** The file-system port as tasks, and the few compound steps that make files durable. */
import { assert, type Task, wait } from "@quorate/base";
import { corrupt, isMissing } from "./failures.ts";
import { type DirectoryEntry, FileError, type FileHandle, type FileSystem } from "./file-system.ts";

/** Where the parts of a store lie in its data directory. */
export const paths = {
  metadata: "meta",
  /** The identity file until the store is complete: without it a directory was never a store. */
  creating: "creating",
  wal: "wal",
  snapshots: "snap",
  /** Copies of what recovery cut. */
  cuts: "cut",
  /** What a damaged log once reached; there only while the log is being repaired. */
  floor: "vote-floor",
  spare: "wal/spare.tmp",
} as const;

/** Bytes written at once where a file is filled or copied. */
export const fillBytes: number = 1024 * 1024;

/** Opens a file. */
export function open(fs: FileSystem, path: string, mode: "read" | "write" | "create"): Task<FileHandle> {
  return wait<FileHandle>((completed) => fs.open(path, mode, completed));
}

/** Reads a file's range, whole or to its end; maybe into `room`. */
export function read(file: FileHandle, offset: number, length: number, room?: Uint8Array): Task<Uint8Array> {
  return wait<Uint8Array>((completed) => file.read(offset, length, completed, room));
}

/** Writes all of `bytes` at `offset`. */
export function write(file: FileHandle, offset: number, bytes: Uint8Array): Task<void> {
  return wait<void>((completed) => file.write(offset, bytes, completed));
}

/** Writes `bytes` at the end of what the file holds, durably. */
export function append(file: FileHandle, offset: number, bytes: Uint8Array): Task<void> {
  return wait<void>((completed) => file.append(offset, bytes, completed));
}

/** Makes what was written durable. */
export function sync(file: FileHandle): Task<void> {
  return wait<void>((completed) => file.sync(completed));
}

/** Sets the length of a file. */
export function truncate(file: FileHandle, lengthBytes: number): Task<void> {
  return wait<void>((completed) => file.truncate(lengthBytes, completed));
}

/** Closes a file. */
export function close(file: FileHandle): Task<void> {
  return wait<void>((completed) => file.close(completed));
}

/** Length of a file in bytes. */
export function size(file: FileHandle): Task<number> {
  return wait<number>((completed) => file.size(completed));
}

/** Names in a directory. */
export function list(fs: FileSystem, path: string): Task<readonly DirectoryEntry[]> {
  return wait<readonly DirectoryEntry[]>((completed) => fs.list(path, completed));
}

/** Renames a file. */
export function rename(fs: FileSystem, from: string, to: string): Task<void> {
  return wait<void>((completed) => fs.rename(from, to, completed));
}

/** Makes the directory's entries durable. */
export function syncDirectory(fs: FileSystem, path: string): Task<void> {
  return wait<void>((completed) => fs.syncDirectory(path, completed));
}

/** Removes a file; one that is already gone is as good. */
export function* unlink(fs: FileSystem, path: string): Task<void> {
  try {
    yield* wait<void>((completed) => fs.unlink(path, completed));
  } catch (error) {
    if (!(error instanceof FileError) || error.code !== "ENOENT") {
      throw error;
    }
  }
}

/** Makes a directory; one that exists is as good. */
export function* makeDirectory(fs: FileSystem, path: string): Task<void> {
  try {
    yield* wait<void>((completed) => fs.makeDirectory(path, completed));
  } catch (error) {
    if (!(error instanceof FileError) || error.code !== "EEXIST") {
      throw error;
    }
  }
}

/** The whole content of a file. @throws StorageError STORAGE_CORRUPT when there is no such file. */
export function* readFile(fs: FileSystem, path: string): Task<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = yield* open(fs, path, "read");
    const length = yield* size(file);
    const bytes = yield* read(file, 0, length);
    yield* close(file);
    assert(bytes.length === length, "read file: shorter than its size");
    return bytes;
  } catch (error) {
    if (isMissing(error)) {
      throw corrupt(path, 0, missingText(error), error);
    }
    throw error;
  }
}

/** Says what a failed open means for a file that must be there. */
export function missingText(error: FileError): string {
  return error.code === "ENOENT"
    ? "is missing; restore it, or remove this member and add it again with an empty directory"
    : `is not a file (${error.code}); move it away and restore the file`;
}

/** Creates `path` anew with this content, durable but for its directory entry. */
export function* createFile(fs: FileSystem, path: string, bytes: Uint8Array): Task<void> {
  assert(bytes.length > 0, "create file: nothing to write");
  yield* unlink(fs, path);
  const file = yield* open(fs, path, "create");
  yield* write(file, 0, bytes);
  yield* sync(file);
  yield* close(file);
}

/** Makes a file of `length` zeros of one that is empty, durable but for its directory entry. */
export function* preallocate(file: FileHandle, length: number): Task<void> {
  assert(length > 0, "preallocate: no bytes");
  const zeros = new Uint8Array(Math.min(fillBytes, length));
  for (let offset = 0; offset < length; offset += zeros.length) {
    yield* append(file, offset, zeros.subarray(0, Math.min(zeros.length, length - offset)));
  }
}

/** Overwrites `[start, end)` with zeros. Not synced. */
export function* fillZero(file: FileHandle, start: number, end: number): Task<void> {
  assert(start <= end, "fill: negative range");
  const zeros = new Uint8Array(Math.min(fillBytes, end - start));
  for (let offset = start; offset < end; offset += zeros.length) {
    yield* write(file, offset, zeros.subarray(0, Math.min(zeros.length, end - offset)));
  }
}
