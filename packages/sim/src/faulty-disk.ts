/**
 * A member's disk: a file system whose calls take time and can fail, and at whose every boundary the power can go out. What
 * is volatile and what survives is the memory file system's; this decides when, and whether, a call happens at all.
 */
import { assert, type Prng } from "@quorate/base";
import type { DirectoryEntry, FileCompleted, FileHandle, FileSystem } from "@quorate/wal";
import { type CrashMode, MemoryFileSystem, type MemoryOperationKind } from "@quorate/wal/testing";
import type { LogPlace } from "./checkers/log-places.ts";
import type { DamagedDisk, Scar } from "./disk-damage.ts";
import { DiskWrites, type FileWrites } from "./disk-writes.ts";
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

/** What a read gives besides what is stored. */
type ReadFault = "read-failed" | "read-bit-flipped";

/** The disk outlives its member's processes, with its speed and the faults that wait for it. */
export class FaultyDisk {
  readonly #world: World;
  readonly #random: Prng;
  readonly #plan: DiskPlan;
  readonly #faults: FaultCount;
  readonly #events: DiskEvents;
  /** Calls that wait for their time, in the order they were made: what each does to the disk, told to nobody. */
  readonly #underWay = new Set<Start<unknown>>();
  readonly #hooks = {
    fault: (operation: { readonly kind: MemoryOperationKind; readonly bytes: number }) =>
      this.#fault(operation.kind, operation.bytes),
  };
  #files: MemoryFileSystem = new MemoryFileSystem(this.#hooks);
  readonly #writes = new DiskWrites();
  #number = 1;
  #flipCount = 0;
  #flips: { readonly path: string; readonly offset: number }[] = [];
  #readFault: { readonly kind: ReadFault; left: number } | null = null;
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
    this.#readFault = null;
  }

  /** The disk as whoever damages it sees it. */
  damaged(random: Prng): DamagedDisk {
    return { files: this.#files, writes: this.#writes, random };
  }

  /** Whether what was done to a file is there still. */
  bears({ bytes, offset, path }: Scar): boolean {
    if (!this.#files.files().includes(path)) {
      return false;
    }
    const found = this.#files.content(path).subarray(offset, offset + bytes.length);
    return found.length === bytes.length && found.every((byte, i) => byte === bytes[i]);
  }

  /** Spoils the `reads`-th read from now. */
  spoilRead(kind: ReadFault, reads: number): void {
    assert(reads > 0, "disk: spoils no read");
    this.#readFault = { kind, left: reads };
  }

  /** The files that are there. */
  paths(): readonly string[] {
    return this.#files.files();
  }

  /** Where the log ends, as far as it is synced; null where nothing was written to it since the disk was mounted. */
  get logEnd(): LogPlace | null {
    return this.#writes.logEnd;
  }

  /** Where bits flipped in reads since this was last asked. */
  takeFlips(): readonly { readonly path: string; readonly offset: number }[] {
    const flips = this.#flips;
    this.#flips = [];
    return flips;
  }

  /** Whether there is something for {@link takeFlips} to take. */
  get hasFlipped(): boolean {
    return this.#flips.length > 0;
  }

  /** Reads that gave other bits than are stored. */
  get flipCount(): number {
    return this.#flipCount;
  }

  /** Whether bits flip in some read to come. */
  get willFlip(): boolean {
    return this.#readFault?.kind === "read-bit-flipped";
  }

  /** A copy of everything that is on the disk, as a snapshot of a virtual machine has it. */
  image(): MemoryFileSystem {
    return this.#files.clone();
  }

  /** Another disk is in its place: an empty one, or one with an older image. Nothing may run on the old one. */
  replace(image: MemoryFileSystem | null): void {
    assert(this.#underWay.size === 0, "disk: replaced under a process");
    this.#files = image === null ? new MemoryFileSystem(this.#hooks) : image.clone(this.#hooks);
    this.#number += image === null ? 1 : 0;
    this.#writes.clear();
  }

  /** Counts the disks that stood here, the first one being 1; an older image is still the same disk. */
  get number(): number {
    return this.#number;
  }

  /** The process is gone: of its calls under way some still reach the disk, and of what was not synced some survives. */
  crash(mode: CrashMode): void {
    this.disarm();
    const underWay = [...this.#underWay];
    this.#underWay.clear();
    for (const start of underWay) {
      if (this.#random.chance(0.5)) {
        start(nobody);
      }
    }
    this.#files = this.#files.crash(this.#random, mode, this.#hooks);
    this.#writes.crash();
  }

  /** The disk as one process sees it. */
  mount(process: Incarnation): FileSystem {
    return new MountedFileSystem(
      this.#files,
      (kind, start, completed) => this.#call(process, kind, start, completed),
      { writes: this.#writes, read: (...given) => this.#read(...given) },
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
    this.#underWay.add(start);
    const crashes = this.#countDown();
    this.#world.schedule(this.#latencyMs(kind), () => {
      if (!this.#underWay.delete(start)) {
        return; // The power went out meanwhile.
      }
      if (crashes) {
        this.#crashAround(start);
        return;
      }
      start((error, value) =>
        process.enter(() => {
          if (kind !== "read" && error !== null && (error.code === "EIO" || error.code === "ENOSPC")) {
            this.#events.failed();
          }
          completed(error, value);
        }),
      );
    });
  }

  #crashAround(start: Start<unknown>): void {
    const moment = this.#crashMoment;
    if (moment === "after") {
      start(nobody);
    }
    this.#faults.add(`crash-${moment}-disk-call`);
    this.#events.powerLost();
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
    if (kind === "read" && this.#readFault?.kind === "read-failed" && this.#isReadDue(this.#readFault)) {
      this.#faults.add("read-failed");
      return "EIO";
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

  #isReadDue(fault: { left: number }): boolean {
    fault.left--;
    if (fault.left > 0) {
      return false;
    }
    this.#readFault = null;
    return true;
  }

  /** What a read gives: what is stored, but for one bit now and then. Only where that must be told from a torn write. */
  #read(path: string, offset: number, bytes: Uint8Array, proven: number): Uint8Array {
    const fault = this.#readFault;
    const isLog = path.startsWith("wal/");
    const length = isLog ? Math.min(bytes.length, proven - offset) : bytes.length;
    const isFlippable = isLog || path.startsWith("hard-state") || path.startsWith("snap/");
    if (fault?.kind !== "read-bit-flipped" || !isFlippable || length <= 0 || !this.#isReadDue(fault)) {
      return bytes;
    }
    this.#faults.add("read-bit-flipped");
    this.#flipCount++;
    const flipped = bytes.slice();
    const at = this.#random.integer(0, length);
    this.#flips.push({ path, offset: offset + at });
    flipped[at] = (flipped[at] ?? 0) ^ (1 << this.#random.integer(0, 8));
    return flipped;
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

/** Whom a call tells that nobody waits for any more. */
const nobody: FileCompleted<unknown> = () => {};

type Call = <T>(kind: MemoryOperationKind, start: Start<T>, completed: FileCompleted<T>) => void;

/** What looks at bytes on their way. */
interface Traffic {
  readonly writes: DiskWrites;
  readonly read: (path: string, offset: number, bytes: Uint8Array, proven: number) => Uint8Array;
}

class MountedFileSystem implements FileSystem {
  readonly #files: FileSystem;
  readonly #call: Call;
  readonly #traffic: Traffic;

  constructor(files: FileSystem, call: Call, traffic: Traffic) {
    this.#files = files;
    this.#call = call;
    this.#traffic = traffic;
  }

  open(path: string, mode: "read" | "write" | "create", completed: FileCompleted<FileHandle>): void {
    const traffic = this.#traffic;
    this.#call<FileHandle>(
      "open",
      (done) =>
        this.#files.open(path, mode, (error, file) => {
          if (error === null && mode === "create") {
            traffic.writes.created(path);
          }
          done(error, file);
        }),
      (error, file) => {
        completed(error, file === undefined ? undefined : new MountedFile(file, path, this.#call, traffic));
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
    const { writes } = this.#traffic;
    const rename: Start<void> = (done) =>
      this.#files.rename(from, to, (error) => {
        if (error === null) {
          writes.renamed(from, to);
        }
        done(error);
      });
    this.#call("rename", rename, completed);
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
  readonly #path: string;
  readonly #call: Call;
  readonly #traffic: Traffic;
  readonly #writes: FileWrites;

  constructor(file: FileHandle, path: string, call: Call, traffic: Traffic) {
    this.#file = file;
    this.#path = path;
    this.#call = call;
    this.#traffic = traffic;
    this.#writes = traffic.writes.of(path);
  }

  read(offset: number, length: number, completed: FileCompleted<Uint8Array>, room?: Uint8Array): void {
    const given =
      (done: FileCompleted<Uint8Array>): FileCompleted<Uint8Array> =>
      (error, bytes) => {
        const { proven } = this.#writes;
        done(error, bytes === undefined ? bytes : this.#traffic.read(this.#path, offset, bytes, proven));
      };
    const read: Start<Uint8Array> = (done) => this.#file.read(offset, length, given(done), room);
    this.#call("read", read, completed);
  }

  write(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    const write: Start<void> = (done) =>
      this.#file.write(offset, bytes, (error) => {
        if (error === null) {
          this.#writes.write(offset, bytes);
        }
        done(error);
      });
    this.#call("write", write, completed);
  }

  append(offset: number, bytes: Uint8Array, completed: FileCompleted<void>): void {
    this.write(offset, bytes, (error) => (error === null ? this.sync(completed) : completed(error)));
  }

  sync(completed: FileCompleted<void>): void {
    const sync: Start<void> = (done) =>
      this.#file.sync((error) => {
        if (error === null) {
          this.#traffic.writes.synced(this.#writes);
        }
        done(error);
      });
    this.#call("sync", sync, completed);
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
