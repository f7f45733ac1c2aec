/**
 * A member's disk: a file system whose calls take time and can fail, and at whose every boundary the power can go out. What
 * is volatile and what survives is the memory file system's; this decides when, and whether, a call happens at all.
 */
import { assert, type Prng } from "@quorate/base";
import type { DirectoryEntry, FileCompleted, FileHandle, FileSystem } from "@quorate/wal";
import { type CrashMode, MemoryFileSystem, type MemoryOperationKind } from "@quorate/wal/testing";
import type { FaultCount } from "./fault-count.ts";
import type { Incarnation } from "./incarnation.ts";
import type { DiskPlan } from "./swarm.ts";
import type { World } from "./world.ts";

/** On which side of an effect a process ends: it never happened, or it did and nobody was told. */
export type Moment = "before" | "after";

/** Calls that an injected EIO can hit. */
const failing: ReadonlySet<MemoryOperationKind> = new Set(["write", "sync", "syncDirectory"]);

/** What a disk tells its member. */
interface DiskEvents {
  /** The power goes out at the boundary of a disk call. */
  readonly powerLost: () => void;
  /** A process is told that its write or sync failed. */
  readonly failed: () => void;
}

/** The disk outlives its member's processes, with its speed and the faults that wait for it. */
export class FaultyDisk {
  readonly #world: World;
  readonly #random: Prng;
  readonly #plan: DiskPlan;
  readonly #faults: FaultCount;
  readonly #events: DiskEvents;
  /** Calls that wait for their time, in the order they were made: what each does to the disk, told to nobody. */
  readonly #underWay = new Set<() => void>();
  readonly #hooks = {
    fault: (operation: { readonly kind: MemoryOperationKind; readonly bytes: number }) =>
      this.#fault(operation.kind, operation.bytes),
  };
  #files: MemoryFileSystem = new MemoryFileSystem(this.#hooks);
  #slow = false;
  #callsToCrash = 0;
  #crashMoment: Moment = "before";
  #callsToFailure = 0;
  /** Null: as much as anybody writes. */
  #roomBytes: number | null = null;

  constructor(world: World, random: Prng, plan: DiskPlan, faults: FaultCount, events: DiskEvents) {
    this.#world = world;
    this.#random = random;
    this.#plan = plan;
    this.#faults = faults;
    this.#events = events;
  }

  /** Lets the power go out at the `calls`-th disk call from now; false when that already waits. */
  crashAt(calls: number, moment: Moment): boolean {
    assert(calls > 0, "disk: crash at no call");
    if (this.#callsToCrash > 0) {
      return false;
    }
    this.#callsToCrash = calls;
    this.#crashMoment = moment;
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

  /** So many more bytes fit; null for any number. */
  setRoom(bytes: number | null): void {
    this.#roomBytes = bytes;
  }

  /** No fault waits any more. */
  disarm(): void {
    this.#callsToCrash = 0;
    this.#callsToFailure = 0;
  }

  /** The process is gone: of its calls under way some still reach the disk, and of what was not synced some survives. */
  crash(mode: CrashMode): void {
    this.disarm();
    const underWay = [...this.#underWay];
    this.#underWay.clear();
    for (const untold of underWay) {
      if (this.#random.chance(0.5)) {
        untold();
      }
    }
    this.#files = this.#files.crash(this.#random, mode, this.#hooks);
  }

  /** The disk as one process sees it. */
  mount(process: Incarnation): FileSystem {
    return new MountedFileSystem(this.#files, (kind, start, completed) =>
      this.#call(process, kind, start, completed),
    );
  }

  #call<T>(
    process: Incarnation,
    kind: MemoryOperationKind,
    start: Start<T>,
    completed: FileCompleted<T>,
  ): void {
    if (!process.isAlive) {
      return;
    }
    const perform = (): void =>
      start((error, value) =>
        process.enter(() => {
          if (error !== null && (error.code === "EIO" || error.code === "ENOSPC")) {
            this.#events.failed();
          }
          completed(error, value);
        }),
      );
    const untold = (): void => start(() => {});
    this.#underWay.add(untold);
    const crashes = this.#countDown();
    this.#world.schedule(this.#latencyMs(kind), () => {
      if (!this.#underWay.delete(untold)) {
        return; // The power went out meanwhile.
      }
      if (!crashes) {
        perform();
        return;
      }
      const moment = this.#crashMoment;
      if (moment === "after") {
        untold();
      }
      this.#faults.add(`crash-${moment}-disk-call`);
      this.#events.powerLost();
    });
  }

  #countDown(): boolean {
    if (this.#callsToCrash === 0) {
      return false;
    }
    this.#callsToCrash--;
    return this.#callsToCrash === 0;
  }

  /** Asked by the memory file system before each call takes effect. */
  #fault(kind: MemoryOperationKind, bytes: number): string | null {
    if (kind === "write" && this.#roomBytes !== null) {
      this.#roomBytes = Math.max(0, this.#roomBytes - bytes);
      if (this.#roomBytes === 0) {
        this.#faults.add("disk-full");
        return "ENOSPC";
      }
    }
    if (this.#callsToFailure === 0 || !failing.has(kind)) {
      return null;
    }
    this.#callsToFailure--;
    if (this.#callsToFailure > 0) {
      return null;
    }
    this.#faults.add("disk-error");
    return "EIO";
  }

  #latencyMs(kind: MemoryOperationKind): number {
    if (this.#slow) {
      return this.#random.integer(0, this.#plan.slowMsMax + 1);
    }
    if (kind === "sync" || kind === "syncDirectory") {
      return this.#random.integer(this.#plan.syncMsMin, this.#plan.syncMsMax + 1);
    }
    return kind === "write" ? this.#random.integer(0, this.#plan.writeMsMax + 1) : 0;
  }
}

type Start<T> = (completed: FileCompleted<T>) => void;

type Call = <T>(kind: MemoryOperationKind, start: Start<T>, completed: FileCompleted<T>) => void;

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
      (done) => this.#files.open(path, mode, done),
      (error, file) => {
        completed(error, file === undefined ? undefined : new MountedFile(file, this.#call));
      },
    );
  }

  makeDirectory(path: string, completed: FileCompleted<void>): void {
    this.#call("makeDirectory", (done) => this.#files.makeDirectory(path, done), completed);
  }

  list(path: string, completed: FileCompleted<readonly DirectoryEntry[]>): void {
    this.#call("list", (done) => this.#files.list(path, done), completed);
  }

  rename(from: string, to: string, completed: FileCompleted<void>): void {
    this.#call("rename", (done) => this.#files.rename(from, to, done), completed);
  }

  unlink(path: string, completed: FileCompleted<void>): void {
    this.#call("unlink", (done) => this.#files.unlink(path, done), completed);
  }

  syncDirectory(path: string, completed: FileCompleted<void>): void {
    this.#call("syncDirectory", (done) => this.#files.syncDirectory(path, done), completed);
  }
}

class MountedFile implements FileHandle {
  readonly #file: FileHandle;
  readonly #call: Call;

  constructor(file: FileHandle, call: Call) {
    this.#file = file;
    this.#call = call;
  }

  read(offset: number, length: number, completed: FileCompleted<Uint8Array>): void {
    this.#call("read", (done) => this.#file.read(offset, length, done), completed);
  }

  write(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    this.#call("write", (done) => this.#file.write(offset, bytes, done), completed);
  }

  sync(completed: FileCompleted<void>): void {
    this.#call("sync", (done) => this.#file.sync(done), completed);
  }

  truncate(lengthBytes: number, completed: FileCompleted<void>): void {
    this.#call("truncate", (done) => this.#file.truncate(lengthBytes, done), completed);
  }

  size(completed: FileCompleted<number>): void {
    this.#call("size", (done) => this.#file.size(done), completed);
  }

  close(completed: FileCompleted<void>): void {
    this.#call("close", (done) => this.#file.close(done), completed);
  }
}
