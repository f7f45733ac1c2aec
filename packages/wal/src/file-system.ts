/**
 * The file-system port: everything the log does to a disk. Asynchronous by callback, with fsync semantics: what is
 * written is volatile until `sync` of the file, what is created, renamed or unlinked until `syncDirectory`.
 */

/** Called once with what failed, or with null and the value. */
export type FileCompleted<T> = (error: FileError | null, value?: T) => void;

/** A failed call. `code` is the platform's (`ENOENT`, `ENOSPC`, `EIO`, …). */
export class FileError extends Error {
  override readonly name = "FileError";
  readonly code: string;
  readonly syscall: string;
  readonly path: string;

  constructor(code: string, syscall: string, path: string, options?: ErrorOptions) {
    super(`${syscall} ${path}: ${code}`, options);
    this.code = code;
    this.syscall = syscall;
    this.path = path;
  }
}

/** An open file. Calls on one file may overlap only where the caller says so; `close` comes last. */
export interface FileHandle {
  /**
   * Reads up to `length` bytes at `offset`; fewer only at the end of the file. The result may lie in `room`, where that is given and
   * large enough: so may that of the next call, by which time the caller needs this one no more.
   */
  read(offset: number, length: number, completed: FileCompleted<Uint8Array>, room?: Uint8Array): void;
  /** Writes all of `bytes` at `offset`. The caller leaves them unchanged until completion. */
  write(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void;
  /**
   * Writes `bytes` behind everything that the file holds but zeros, and makes them durable: `write`, then `sync`, as one call. What lies
   * behind them up to the next multiple of 4 KiB is zeros, or becomes zeros. One at a time; a failure is as final as that of `sync`.
   */
  append(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void;
  /** Makes written bytes durable (fdatasync). A failure is final: the kernel may have dropped the pages. */
  sync(completed: FileCompleted<void>): void;
  /** Sets the length; grown bytes read as zero. */
  truncate(lengthBytes: number, completed: FileCompleted<void>): void;
  size(completed: FileCompleted<number>): void;
  close(completed: FileCompleted<void>): void;
}

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

/** Paths are relative to the member's data directory, with `/` between parts. */
export interface FileSystem {
  /** `read` and `write` need an existing file, `create` a missing one (fails with EEXIST). */
  open(path: string, mode: "read" | "write" | "create", completed: FileCompleted<FileHandle>): void;
  makeDirectory(path: string, completed: FileCompleted<void>): void;
  list(path: string, completed: FileCompleted<readonly DirectoryEntry[]>): void;
  rename(from: string, to: string, completed: FileCompleted<void>): void;
  unlink(path: string, completed: FileCompleted<void>): void;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string, completed: FileCompleted<void>): void;
}
