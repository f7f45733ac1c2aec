/** A file system that ends as a process does: from one moment on nothing more reaches the disk, not even a close. */
import { type FileCompleted, FileError, type FileHandle, type FileSystem } from "@quorate/wal";

type Call<T> = (completed: FileCompleted<T>) => void;

/** Passes everything on, until it crashes. */
export class CrashableFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #handles: Set<FileHandle> = new Set();
  #crashed = false;
  #underWay = 0;
  #settled: (() => void) | null = null;

  constructor(inner: FileSystem) {
    this.#inner = inner;
  }

  /** Resolves once what had already been handed to the disk is done; everything else fails from now on. */
  async crash(): Promise<void> {
    this.#crashed = true;
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve;
      });
    }
    // The system closes the files of a process that ended.
    await Promise.all(
      [...this.#handles].map((handle) => new Promise<void>((resolve) => handle.close(() => resolve()))),
    );
  }

  open(path: string, mode: "read" | "write" | "create", completed: FileCompleted<FileHandle>): void {
    this.#run<FileHandle>("open", path, completed, (done) =>
      this.#inner.open(path, mode, (error, handle) => {
        if (handle !== undefined) {
          this.#handles.add(handle);
        }
        done(error, handle === undefined ? undefined : this.#wrap(path, handle));
      }),
    );
  }

  makeDirectory(path: string, completed: FileCompleted<void>): void {
    this.#run("mkdir", path, completed, (done) => this.#inner.makeDirectory(path, done));
  }

  list(path: string, completed: Parameters<FileSystem["list"]>[1]): void {
    this.#run("readdir", path, completed, (done) => this.#inner.list(path, done));
  }

  rename(from: string, to: string, completed: FileCompleted<void>): void {
    this.#run("rename", from, completed, (done) => this.#inner.rename(from, to, done));
  }

  unlink(path: string, completed: FileCompleted<void>): void {
    this.#run("unlink", path, completed, (done) => this.#inner.unlink(path, done));
  }

  syncDirectory(path: string, completed: FileCompleted<void>): void {
    this.#run("fsync", path, completed, (done) => this.#inner.syncDirectory(path, done));
  }

  #wrap(path: string, handle: FileHandle): FileHandle {
    return {
      read: (offset, length, completed) =>
        this.#run("read", path, completed, (done) => handle.read(offset, length, done)),
      write: (offset, bytes, completed) =>
        this.#run("write", path, completed, (done) => handle.write(offset, bytes, done)),
      append: (offset, bytes, completed) =>
        this.#run("append", path, completed, (done) => handle.append(offset, bytes, done)),
      sync: (completed) => this.#run("fdatasync", path, completed, (done) => handle.sync(done)),
      truncate: (lengthBytes, completed) =>
        this.#run("ftruncate", path, completed, (done) => handle.truncate(lengthBytes, done)),
      size: (completed) => this.#run("fstat", path, completed, (done) => handle.size(done)),
      close: (completed) =>
        this.#run("close", path, completed, (done) => {
          this.#handles.delete(handle);
          handle.close(done);
        }),
    };
  }

  #run<T>(syscall: string, path: string, completed: FileCompleted<T>, call: Call<T>): void {
    if (this.#crashed) {
      setImmediate(() => completed(new FileError("ECRASHED", syscall, path)));
      return;
    }
    this.#underWay++;
    call((error, value) => {
      this.#underWay--;
      if (this.#crashed) {
        // The disk has done it; the process is not there any more to learn of it.
        completed(new FileError("ECRASHED", syscall, path));
      } else {
        completed(error, value);
      }
      if (this.#underWay === 0) {
        this.#settled?.();
      }
    });
  }
}
