/**
 * One file of the {@link MemoryFileSystem}: durable bytes, and writes that a crash keeps, loses or tears sector by sector,
 * in any order.
 */
import { assert, type Prng } from "@quorate/base";

/** Bytes that a disk writes at once. */
export const sectorBytes = 512;

/** What a crash does to what was not synced. */
export type CrashMode =
  /** Each pending sector and directory entry by chance: kept, lost, or torn within. */
  | "random"
  /** Nothing that was not synced survives: power loss. */
  | "lose"
  /** The process was killed: the page cache stays, and what was not synced is still not durable. */
  | "keep";

/** A write that is not yet durable. */
export interface PendingWrite {
  readonly kind: "write";
  readonly offset: number;
  readonly bytes: Uint8Array;
}

type PendingChange = PendingWrite | { readonly kind: "truncate"; readonly lengthBytes: number };

/** Bytes that grow. PERF: copies are made only when one of two owners writes; tests clone disks by the ten thousand. */
class GrowingBytes {
  bytes: Uint8Array;
  length: number;
  #shared = true;

  constructor(content: Uint8Array) {
    this.bytes = content;
    this.length = content.length;
  }

  /** The same content for another owner. */
  share(): GrowingBytes {
    this.#shared = true;
    return new GrowingBytes(this.content);
  }

  get content(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  apply(change: PendingChange): void {
    if (change.kind === "write") {
      this.#reserve(change.offset + change.bytes.length);
      this.bytes.set(change.bytes, change.offset);
      this.length = Math.max(this.length, change.offset + change.bytes.length);
    } else {
      this.#reserve(change.lengthBytes);
      this.bytes.fill(0, Math.min(change.lengthBytes, this.length));
      this.length = change.lengthBytes;
    }
  }

  #reserve(needed: number): void {
    assert(needed >= 0, "memory file: negative length");
    if (needed > this.bytes.length || this.#shared) {
      const capacity =
        needed > this.bytes.length ? Math.max(needed, this.bytes.length * 2) : this.bytes.length;
      const own = new Uint8Array(capacity);
      own.set(this.content);
      this.bytes = own;
      this.#shared = false;
    }
  }
}

const noBytes: Uint8Array = new Uint8Array(0);

/** Content of a file, as readers see it and as it would be after a loss of power. */
export class MemoryFile {
  #seen: GrowingBytes;
  #durable: GrowingBytes;
  #pending: PendingChange[] = [];
  /** Whether what is seen may differ from what is durable with all that is pending. */
  #isOverlaid = false;

  constructor(content: Uint8Array) {
    this.#seen = new GrowingBytes(content.slice());
    this.#durable = this.#seen.share();
  }

  get length(): number {
    return this.#seen.length;
  }

  /** Whether anything is not yet durable. */
  get dirty(): boolean {
    return this.#pending.length > 0;
  }

  /** A copy, in `room` where that is given and large enough. */
  read(offset: number, length: number, room?: Uint8Array): Uint8Array {
    const found = this.#seen.content.subarray(offset, offset + length);
    if (room === undefined || room.length < found.length) {
      return found.slice();
    }
    room.set(found);
    return room.subarray(0, found.length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#change({ kind: "write", offset, bytes: bytes.slice() });
  }

  truncate(lengthBytes: number): void {
    this.#change({ kind: "truncate", lengthBytes });
  }

  /** Makes all that was written durable. */
  sync(): void {
    if (this.#durable.length === 0 && !this.#isOverlaid) {
      // PERF: most files are written and synced once, as a whole; another copy is made only if somebody writes again.
      this.#durable = this.#seen.share();
    } else {
      for (const change of this.#pending) {
        this.#durable.apply(change);
      }
    }
    this.#pending = [];
    this.#isOverlaid = false;
  }

  /** What a loss of power leaves. `inFlight` are writes that were under way. */
  crash(random: Prng, mode: CrashMode, inFlight: readonly PendingWrite[]): MemoryFile {
    const survivor = new MemoryFile(noBytes);
    survivor.#durable = this.#durable.share();
    survivor.#seen = this.#durable.share();
    if (mode === "random") {
      for (const change of [...this.#pending, ...inFlight]) {
        if (change.kind === "write") {
          survivor.#tear(random, change.offset, change.bytes);
        } else if (random.chance(0.5)) {
          survivor.truncate(change.lengthBytes);
        }
      }
      survivor.sync();
    }
    return survivor;
  }

  /** Changes stored bytes behind everybody's back, durably: rot. */
  damage(change: (bytes: Uint8Array) => Uint8Array): void {
    const damaged = change(this.#seen.content.slice());
    this.#seen = new GrowingBytes(damaged);
    this.#durable = this.#seen.share();
    this.#pending = [];
  }

  /** Puts bytes in place of stored ones behind everybody's back; what was not synced stays so. Nothing grows. */
  overlay(offset: number, bytes: Uint8Array): void {
    this.#isOverlaid = true;
    for (const content of [this.#seen, this.#durable]) {
      const part = bytes.subarray(0, Math.max(0, content.length - offset));
      if (part.length > 0) {
        content.apply({ kind: "write", offset, bytes: part });
      }
    }
  }

  clone(): MemoryFile {
    const copy = new MemoryFile(noBytes);
    copy.#durable = this.#durable.share();
    copy.#seen = this.#seen.share();
    copy.#pending = [...this.#pending];
    copy.#isOverlaid = this.#isOverlaid;
    return copy;
  }

  #change(change: PendingChange): void {
    this.#seen.apply(change);
    this.#pending.push(change);
  }

  /** Applies some sectors of a write, each by its own chance. */
  #tear(random: Prng, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const toBoundary = sectorBytes - ((offset + at) % sectorBytes);
      const part = bytes.subarray(at, Math.min(bytes.length, at + toBoundary));
      const fate = random.integer(0, 8);
      if (fate < 4) {
        this.write(offset + at, part);
      } else if (fate === 4) {
        this.write(offset + at, part.subarray(0, random.integer(0, part.length + 1)));
      }
      at += part.length;
    }
  }
}
