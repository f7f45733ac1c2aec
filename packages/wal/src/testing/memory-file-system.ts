/**
 * A disk in memory with the semantics of fsync, for tests and the simulator: what was not synced is kept, lost or torn by a
 * crash, sector by sector and name by name. Faults are injected by the caller; so is the order in which calls complete.
 */
import { assert, type Prng } from "@quorate/base";
import {
  type DirectoryEntry,
  type FileCompleted,
  FileError,
  type FileHandle,
  type FileSystem,
} from "../file-system.ts";
import { MemoryDirectory, type MemoryNode } from "./memory-directory.ts";
import { type CrashMode, MemoryFile, type PendingWrite } from "./memory-file.ts";

/** Kinds of calls, as faults and schedules see them. */
export type MemoryOperationKind =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "size"
  | "close"
  | "makeDirectory"
  | "list"
  | "rename"
  | "unlink"
  | "syncDirectory";

/** One call under way. `run` carries it out and completes it. */
export interface MemoryOperation {
  readonly kind: MemoryOperationKind;
  readonly path: string;
  /** Counts the calls of this file system from 1. */
  readonly number: number;
  /** Bytes that it reads or writes; 0 for other calls. */
  readonly bytes: number;
  run(): void;
}

/** How a {@link MemoryFileSystem} behaves beyond the ordinary. */
export interface MemoryFileSystemOptions {
  /** Decides when a call runs. Default: at once, before the call returns. */
  readonly schedule?: (operation: MemoryOperation) => void;
  /** The code to fail a call with (`EIO`, `ENOSPC`, …), or null. A failing write may have written its first half. */
  readonly fault?: (operation: MemoryOperation) => string | null;
}

/** A file system in memory. After {@link MemoryFileSystem.crash} no completion of this instance runs any more. */
export class MemoryFileSystem implements FileSystem {
  readonly #root: MemoryDirectory;
  readonly #options: MemoryFileSystemOptions;
  readonly #inFlight: Map<MemoryOperation, { readonly file: MemoryFile; readonly write: PendingWrite }> =
    new Map();
  #number = 0;
  #crashed = false;

  constructor(options: MemoryFileSystemOptions = {}, root: MemoryDirectory = new MemoryDirectory()) {
    this.#options = options;
    this.#root = root;
  }

  /** Calls so far. */
  get operationCount(): number {
    return this.#number;
  }

  /** Freezes this instance and returns what the crash left, as a new one. */
  crash(random: Prng, mode: CrashMode, options: MemoryFileSystemOptions = {}): MemoryFileSystem {
    assert(!this.#crashed, "memory fs: crashed twice");
    this.#crashed = true;
    if (mode === "keep") {
      return this.clone(options); // Still pending: a loss of power after the restart may yet take it.
    }
    const survivors = new Map<MemoryNode, MemoryNode>();
    const survivor = (node: MemoryNode): MemoryNode => {
      let left = survivors.get(node);
      if (left === undefined) {
        left =
          node instanceof MemoryFile
            ? node.crash(random, mode, this.#writesInFlight(node))
            : node.crash(random, mode, survivor);
        survivors.set(node, left);
      }
      return left;
    };
    return new MemoryFileSystem(options, this.#root.crash(random, mode, survivor));
  }

  /** A copy of the disk, pending changes included; calls under way are not part of it. */
  clone(options: MemoryFileSystemOptions = {}): MemoryFileSystem {
    const copies = new Map<MemoryNode, MemoryNode>();
    const copyOf = (node: MemoryNode): MemoryNode => {
      let copy = copies.get(node);
      if (copy === undefined) {
        copy = node instanceof MemoryFile ? node.clone() : node.clone(copyOf);
        copies.set(node, copy);
      }
      return copy;
    };
    return new MemoryFileSystem(options, this.#root.clone(copyOf));
  }

  /** Paths of all files, in order. */
  files(): string[] {
    const found: string[] = [];
    const walk = (directory: MemoryDirectory, prefix: string): void => {
      for (const [name, node] of directory.entries()) {
        if (node instanceof MemoryFile) {
          found.push(prefix + name);
        } else {
          walk(node, `${prefix}${name}/`);
        }
      }
    };
    walk(this.#root, "");
    return found;
  }

  /** Content of a file, as readers see it. */
  content(path: string): Uint8Array {
    const file = this.#file(path, "read");
    return file.read(0, file.length);
  }

  /** Puts a file there, durably, with every directory it needs. */
  put(path: string, content: Uint8Array): void {
    const parts = path.split("/");
    let directory = this.#root;
    for (const part of parts.slice(0, -1)) {
      let next = directory.get(part);
      if (!(next instanceof MemoryDirectory)) {
        next = new MemoryDirectory();
        directory.add(part, next);
        directory.sync();
      }
      directory = next;
    }
    directory.add(parts.at(-1) ?? "", new MemoryFile(content));
    directory.sync();
  }

  /** Changes a file's bytes durably, behind everybody's back. */
  damage(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    this.#file(path, "write").damage(change);
  }

  /** Puts bytes in place of stored ones, behind everybody's back, and leaves what was not synced as it is. */
  overlay(path: string, offset: number, bytes: Uint8Array): void {
    this.#file(path, "write").overlay(offset, bytes);
  }

  /** Flips one bit. */
  flipBit(path: string, bit: number): void {
    this.damage(path, (bytes) => {
      assert(bit < bytes.length * 8, "memory fs: bit beyond the end");
      bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7));
      return bytes;
    });
  }

  /** Removes a file or a directory durably, with everything in it. */
  remove(path: string): void {
    const { directory, name } = this.#parent(path, "unlink");
    assert(directory.get(name) !== undefined, "memory fs: nothing to remove");
    directory.remove(name);
    directory.sync();
  }

  open(path: string, mode: "read" | "write" | "create", completed: FileCompleted<FileHandle>): void {
    this.#submit("open", path, 0, completed, () => {
      if (mode !== "create") {
        return new MemoryFileHandle(this, path, this.#file(path, "open"));
      }
      const { directory, name } = this.#parent(path, "open");
      if (directory.get(name) !== undefined) {
        throw new FileError("EEXIST", "open", path);
      }
      const file = new MemoryFile(new Uint8Array(0));
      directory.add(name, file);
      return new MemoryFileHandle(this, path, file);
    });
  }

  makeDirectory(path: string, completed: FileCompleted<void>): void {
    this.#submit("makeDirectory", path, 0, completed, () => {
      const { directory, name } = this.#parent(path, "mkdir");
      if (directory.get(name) !== undefined) {
        throw new FileError("EEXIST", "mkdir", path);
      }
      directory.add(name, new MemoryDirectory());
    });
  }

  list(path: string, completed: FileCompleted<readonly DirectoryEntry[]>): void {
    this.#submit("list", path, 0, completed, () => {
      return this.#directory(path, "scandir")
        .entries()
        .map(([name, node]) => {
          return { name, kind: node instanceof MemoryFile ? ("file" as const) : ("directory" as const) };
        });
    });
  }

  rename(from: string, to: string, completed: FileCompleted<void>): void {
    this.#submit("rename", from, 0, completed, () => {
      const source = this.#parent(from, "rename");
      const target = this.#parent(to, "rename");
      const node = source.directory.get(source.name);
      if (node === undefined) {
        throw new FileError("ENOENT", "rename", from);
      }
      if (source.directory === target.directory) {
        source.directory.rename(source.name, target.name, node);
      } else {
        target.directory.add(target.name, node);
        source.directory.remove(source.name);
      }
    });
  }

  unlink(path: string, completed: FileCompleted<void>): void {
    this.#submit("unlink", path, 0, completed, () => {
      this.#file(path, "unlink");
      const { directory, name } = this.#parent(path, "unlink");
      directory.remove(name);
    });
  }

  syncDirectory(path: string, completed: FileCompleted<void>): void {
    this.#submit("syncDirectory", path, 0, completed, () => this.#directory(path, "fsync").sync());
  }

  /** Whether calls run before they return. @internal */
  get runsAtOnce(): boolean {
    return this.#options.schedule === undefined;
  }

  /** A call on an open file. @internal */
  submitFile<T>(
    kind: MemoryOperationKind,
    path: string,
    file: MemoryFile,
    write: PendingWrite | null,
    bytes: number,
    completed: FileCompleted<T>,
    effect: () => T,
  ): void {
    this.#submit(kind, path, bytes, completed, effect, write === null ? null : { file, write });
  }

  #submit<T>(
    kind: MemoryOperationKind,
    path: string,
    bytes: number,
    completed: FileCompleted<T>,
    effect: () => T,
    inFlight: { readonly file: MemoryFile; readonly write: PendingWrite } | null = null,
  ): void {
    if (this.#crashed) {
      return; // The process is dead: its calls go nowhere.
    }
    this.#number++;
    const { schedule } = this.#options;
    if (schedule === undefined) {
      this.#run({ kind, path, number: this.#number, bytes, run: nothing }, completed, effect, inFlight);
      return;
    }
    const operation = {
      kind,
      path,
      number: this.#number,
      bytes,
      run: () => this.#run(operation, completed, effect, inFlight),
    };
    if (inFlight !== null) {
      this.#inFlight.set(operation, inFlight);
    }
    schedule(operation);
  }

  #run<T>(
    operation: MemoryOperation,
    completed: FileCompleted<T>,
    effect: () => T,
    inFlight: { readonly file: MemoryFile; readonly write: PendingWrite } | null,
  ): void {
    if (this.#crashed) {
      return;
    }
    const code = this.#options.fault?.(operation) ?? null;
    if (this.#crashed) {
      return; // The fault hook may crash the disk at this very call.
    }
    this.#inFlight.delete(operation);
    let value: T;
    try {
      if (code !== null) {
        if (inFlight !== null) {
          const { offset, bytes } = inFlight.write;
          inFlight.file.write(offset, bytes.subarray(0, bytes.length >>> 1));
        }
        throw new FileError(code, operation.kind, operation.path);
      }
      value = effect();
    } catch (error) {
      if (error instanceof FileError) {
        completed(error);
        return;
      }
      throw error;
    }
    completed(null, value);
  }

  #writesInFlight(file: MemoryFile): PendingWrite[] {
    return [...this.#inFlight.values()].filter((pending) => pending.file === file).map(({ write }) => write);
  }

  #directory(path: string, syscall: string): MemoryDirectory {
    let directory = this.#root;
    for (const part of path.split("/").filter((name) => name !== "" && name !== ".")) {
      const next = directory.get(part);
      if (!(next instanceof MemoryDirectory)) {
        throw new FileError(next === undefined ? "ENOENT" : "ENOTDIR", syscall, path);
      }
      directory = next;
    }
    return directory;
  }

  #parent(path: string, syscall: string): { readonly directory: MemoryDirectory; readonly name: string } {
    const slash = path.lastIndexOf("/");
    const directory = this.#directory(slash < 0 ? "" : path.slice(0, slash), syscall);
    return { directory, name: path.slice(slash + 1) };
  }

  #file(path: string, syscall: string): MemoryFile {
    const { directory, name } = this.#parent(path, syscall);
    const node = directory.get(name);
    if (!(node instanceof MemoryFile)) {
      throw new FileError(node === undefined ? "ENOENT" : "EISDIR", syscall, path);
    }
    return node;
  }
}

/** What is left to do of a call that runs before it returns. */
const nothing = (): void => {};

class MemoryFileHandle implements FileHandle {
  readonly #fs: MemoryFileSystem;
  readonly #path: string;
  readonly #file: MemoryFile;
  #closed = false;

  constructor(fs: MemoryFileSystem, path: string, file: MemoryFile) {
    this.#fs = fs;
    this.#path = path;
    this.#file = file;
  }

  read(offset: number, length: number, completed: FileCompleted<Uint8Array>, room?: Uint8Array): void {
    this.#submit("read", null, length, completed, () => this.#file.read(offset, length, room));
  }

  write(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    // A copy, as the kernel makes one: that the caller leaves the buffer alone is checked when the write runs. PERF: none where it runs at once.
    const write = { kind: "write" as const, offset, bytes: this.#fs.runsAtOnce ? bytes : bytes.slice() };
    this.#submit("write", write, bytes.length, completed, () => this.#file.write(offset, bytes));
  }

  append(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    this.write(offset, bytes, (error) => (error === null ? this.sync(completed) : completed(error)));
  }

  sync(completed: FileCompleted<void>): void {
    this.#submit("sync", null, 0, completed, () => this.#file.sync());
  }

  truncate(lengthBytes: number, completed: FileCompleted<void>): void {
    this.#submit("truncate", null, 0, completed, () => this.#file.truncate(lengthBytes));
  }

  size(completed: FileCompleted<number>): void {
    this.#submit("size", null, 0, completed, () => this.#file.length);
  }

  close(completed: FileCompleted<void>): void {
    this.#submit("close", null, 0, completed, () => undefined);
    this.#closed = true;
  }

  #submit<T>(
    kind: MemoryOperationKind,
    write: PendingWrite | null,
    bytes: number,
    completed: FileCompleted<T>,
    effect: () => T,
  ): void {
    assert(!this.#closed, () => `memory fs: ${kind} after close of ${this.#path}`);
    this.#fs.submitFile(kind, this.#path, this.#file, write, bytes, completed, effect);
  }
}
