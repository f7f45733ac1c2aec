/**
 * A member's disk: a file system whose calls take time and can fail, and at whose every boundary the power can go out. What
 * is volatile and what survives is decided by the file system beneath; this only decides when, and whether, a call happens.
 */
import { assert, type Prng } from "@quorate/base";
import {
  type DirectoryEntry,
  type FileCompleted,
  FileError,
  type FileHandle,
  type FileSystem,
} from "@quorate/wal";
import type { FaultCount } from "./fault-count.ts";
import type { Incarnation } from "./incarnation.ts";
import type { DiskPlan } from "./swarm.ts";
import type { World } from "./world.ts";

/** The calls of the port, by what they are called in errors and traces. */
type Syscall =
  | "open"
  | "mkdir"
  | "readdir"
  | "rename"
  | "unlink"
  | "fsync-directory"
  | "read"
  | "write"
  | "fdatasync"
  | "ftruncate"
  | "fstat"
  | "close";

const failing: ReadonlySet<Syscall> = new Set(["write", "fdatasync", "fsync-directory"]);

/** What a disk tells its member. */
export interface DiskEvents {
  /** The power goes out at the boundary of a disk operation. */
  readonly powerLost: () => void;
  /** A write or sync was failed. */
  readonly failed: () => void;
}

interface CallUnderWay {
  readonly perform: () => void;
  performed: boolean;
}

/** The state of a disk that outlives the process: its speed, and the faults that wait for it. */
export class FaultyDisk {
  readonly #world: World;
  readonly #random: Prng;
  readonly #plan: DiskPlan;
  readonly #faults: FaultCount;
  readonly #events: DiskEvents;
  readonly #underWay = new Set<CallUnderWay>();
  #slow = false;
  #callsToCrash = 0;
  #callsToFailure = 0;

  constructor(world: World, random: Prng, plan: DiskPlan, faults: FaultCount, events: DiskEvents) {
    this.#world = world;
    this.#random = random;
    this.#plan = plan;
    this.#faults = faults;
    this.#events = events;
  }

  /** Lets the power go out at the `calls`-th disk call from now; false when that already waits. */
  crashAt(calls: number): boolean {
    assert(calls > 0, "disk: crash at no call");
    if (this.#callsToCrash > 0) {
      return false;
    }
    this.#callsToCrash = calls;
    return true;
  }

  /** Fails the `calls`-th write or sync from now with EIO; false when that already waits. */
  failAt(calls: number): boolean {
    assert(calls > 0, "disk: failure at no call");
    if (this.#callsToFailure > 0) {
      return false;
    }
    this.#callsToFailure = calls;
    return true;
  }

  setSlow(slow: boolean): void {
    this.#slow = slow;
  }

  /** No fault waits any more. */
  disarm(): void {
    this.#callsToCrash = 0;
    this.#callsToFailure = 0;
  }

  /** The power goes out: of the calls under way some still reach the disk, in order, and nobody hears of any. */
  powerLost(): void {
    for (const call of this.#underWay) {
      if (!call.performed && this.#random.chance(0.5)) {
        call.performed = true;
        call.perform();
      }
    }
    this.#underWay.clear();
    this.disarm();
  }

  /** The disk as one process sees it. */
  mount(files: FileSystem, process: Incarnation): FileSystem {
    return new MountedFileSystem(
      files,
      <T>(call: Syscall, path: string, start: Start<T>, completed: FileCompleted<T>) =>
        this.#call(process, call, path, start, completed),
    );
  }

  #call<T>(
    process: Incarnation,
    call: Syscall,
    path: string,
    start: Start<T>,
    completed: FileCompleted<T>,
  ): void {
    if (!process.isAlive) {
      return;
    }
    if (this.#fails(call)) {
      this.#faults.add("disk-error");
      this.#world.log(`disk ${call} ${path} EIO`);
      this.#events.failed();
      process.schedule(this.#latencyMs(call), () => completed(new FileError("EIO", call, path)));
      return;
    }
    const underWay: CallUnderWay = {
      performed: false,
      perform: () => start((error, value) => process.enter(() => completed(error, value))),
    };
    this.#underWay.add(underWay);
    const crashes = this.#countDown();
    this.#world.schedule(this.#latencyMs(call), () => {
      if (!this.#underWay.delete(underWay)) {
        return; // The power went out meanwhile.
      }
      if (crashes) {
        this.#crashAround(underWay);
        return;
      }
      underWay.performed = true;
      underWay.perform();
    });
  }

  /** Just before the call takes effect, or just after, with nobody told. */
  #crashAround(call: CallUnderWay): void {
    this.#faults.add("crash-at-disk-operation");
    this.#underWay.add(call);
    this.#events.powerLost();
  }

  #countDown(): boolean {
    if (this.#callsToCrash === 0) {
      return false;
    }
    this.#callsToCrash--;
    return this.#callsToCrash === 0;
  }

  #fails(call: Syscall): boolean {
    if (this.#callsToFailure === 0 || !failing.has(call)) {
      return false;
    }
    this.#callsToFailure--;
    return this.#callsToFailure === 0;
  }

  #latencyMs(call: Syscall): number {
    if (this.#slow) {
      return this.#random.integer(0, this.#plan.slowMsMax + 1);
    }
    if (call === "fdatasync" || call === "fsync-directory") {
      return this.#random.integer(this.#plan.syncMsMin, this.#plan.syncMsMax + 1);
    }
    return call === "write" ? this.#random.integer(0, this.#plan.writeMsMax + 1) : 0;
  }
}

type Start<T> = (completed: FileCompleted<T>) => void;

type Call = <T>(call: Syscall, path: string, start: Start<T>, completed: FileCompleted<T>) => void;

class MountedFileSystem implements FileSystem {
  readonly #files: FileSystem;
  readonly #call: Call;

  constructor(files: FileSystem, call: Call) {
    this.#files = files;
    this.#call = call;
  }

  open(path: string, mode: "read" | "write" | "create", completed: FileCompleted<FileHandle>): void {
    this.#call<FileHandle>(
      "open",
      path,
      (done) => this.#files.open(path, mode, done),
      (error, file) => {
        completed(error, file === undefined ? undefined : new MountedFile(file, path, this.#call));
      },
    );
  }

  makeDirectory(path: string, completed: FileCompleted<void>): void {
    this.#call("mkdir", path, (done) => this.#files.makeDirectory(path, done), completed);
  }

  list(path: string, completed: FileCompleted<readonly DirectoryEntry[]>): void {
    this.#call("readdir", path, (done) => this.#files.list(path, done), completed);
  }

  rename(from: string, to: string, completed: FileCompleted<void>): void {
    this.#call("rename", from, (done) => this.#files.rename(from, to, done), completed);
  }

  unlink(path: string, completed: FileCompleted<void>): void {
    this.#call("unlink", path, (done) => this.#files.unlink(path, done), completed);
  }

  syncDirectory(path: string, completed: FileCompleted<void>): void {
    this.#call("fsync-directory", path, (done) => this.#files.syncDirectory(path, done), completed);
  }
}

class MountedFile implements FileHandle {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #call: Call;

  constructor(file: FileHandle, path: string, call: Call) {
    this.#file = file;
    this.#path = path;
    this.#call = call;
  }

  read(offset: number, length: number, completed: FileCompleted<Uint8Array>): void {
    this.#call("read", this.#path, (done) => this.#file.read(offset, length, done), completed);
  }

  write(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    this.#call("write", this.#path, (done) => this.#file.write(offset, bytes, done), completed);
  }

  sync(completed: FileCompleted<void>): void {
    this.#call("fdatasync", this.#path, (done) => this.#file.sync(done), completed);
  }

  truncate(lengthBytes: number, completed: FileCompleted<void>): void {
    this.#call("ftruncate", this.#path, (done) => this.#file.truncate(lengthBytes, done), completed);
  }

  size(completed: FileCompleted<number>): void {
    this.#call("fstat", this.#path, (done) => this.#file.size(done), completed);
  }

  close(completed: FileCompleted<void>): void {
    this.#call("close", this.#path, (done) => this.#file.close(done), completed);
  }
}
