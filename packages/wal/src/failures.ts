/** From what the file system or a decoder says to the errors that the host understands. */
import { assert } from "@quorate/base";
import { StorageError } from "@quorate/raft";
import { FileError } from "./file-system.ts";
import type { Fault } from "./format/fault.ts";

/** The error for a file that is not what was written. */
export function corrupt(file: string, offset: number, why: string, cause?: unknown): StorageError {
  assert(file.length > 0, "failure: no file named");
  assert(offset >= 0, "failure: offset below 0");
  return new StorageError({ code: "STORAGE_CORRUPT", file, offset, why }, cause);
}

/** The error for what a decoder found wrong with `file`. */
export function faulty(file: string, fault: Fault): StorageError {
  if (fault.version !== null) {
    return new StorageError({ code: "STORAGE_VERSION", file, version: fault.version });
  }
  return corrupt(file, fault.offset, fault.fault);
}

/** The storage error of a failed call; final for the store that met it. */
export function ioFailure(error: Error): Error {
  if (!(error instanceof FileError)) {
    return error;
  }
  const { syscall, path } = error;
  return error.code === "ENOSPC" || error.code === "EDQUOT"
    ? new StorageError({ code: "STORAGE_FULL", syscall, file: path }, error)
    : new StorageError({ code: "STORAGE_IO", syscall, file: path }, error);
}

/** Whether the file is absent, or something other than a file stands in its place. */
export function isMissing(error: unknown): error is FileError {
  return error instanceof FileError && ["ENOENT", "EISDIR", "ENOTDIR"].includes(error.code);
}
