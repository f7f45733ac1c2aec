/**
 * What a disk was told to keep, file by file: where its last writes went, and how much of a log is proven by what was written behind
 * it. Only what is proven may be damaged where damage must be told from a torn write: each batch carries a mark over all before it.
 */
import { assert } from "@quorate/base";
import type { LogPlace } from "./checkers/log-places.ts";

/** A range of a file. */
export interface WrittenRange {
  readonly offset: number;
  readonly length: number;
}

/** The writes to one file; it keeps its record when it is renamed. */
export class FileWrites {
  /** The number of the segment of the log that it is; null where it is another file. */
  segment: number | null;
  /** Synced, oldest first; few. */
  #synced: WrittenRange[] = [];
  #pending: WrittenRange[] = [];
  /** A range was filled with zeros and nothing was written since: what lies before it may have lost its mark. */
  #isCut = false;
  /** Content before and after the last whole rewrite, for files that are rewritten as a whole. */
  #contents: readonly [Uint8Array, Uint8Array] | null = null;
  #last: Uint8Array = new Uint8Array(0);

  constructor(path: string) {
    this.segment = segmentOf(path);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (isBlank(bytes)) {
      this.#isCut = true;
      this.#synced = [];
      return;
    }
    this.#pending.push({ offset, length: bytes.length });
    if (offset === 0) {
      this.#last = bytes.slice();
    }
  }

  sync(): void {
    if (this.#pending.length === 0) {
      return;
    }
    this.#isCut = false;
    this.#synced = [...this.#synced, ...this.#pending].slice(-writesKept);
    this.#pending = [];
    const before = this.#contents?.[1] ?? this.#last;
    this.#contents = [before, this.#last];
  }

  /** The power went out: what was not synced may be gone. */
  crash(): void {
    this.#pending = [];
    this.#last = this.#contents?.[1] ?? this.#last;
  }

  /** Up to here everything is under a mark that stands behind it. */
  get proven(): number {
    return this.#isCut ? 0 : (this.#synced.at(-1)?.offset ?? 0);
  }

  /** Writes that a later one proves. */
  get provenWrites(): readonly WrittenRange[] {
    const { proven } = this;
    return this.#synced.filter(({ length, offset }) => offset > 0 && offset + length <= proven);
  }

  /** Behind the last write that is synced; 0 where none is. */
  get syncedEnd(): number {
    const last = this.#synced.at(-1);
    return last === undefined ? 0 : last.offset + last.length;
  }

  /** Whether all that was written is synced. */
  get isQuiet(): boolean {
    return this.#pending.length === 0;
  }

  /** What stood here before the last write of the whole file; null when it was written once. */
  get contentBefore(): Uint8Array | null {
    const before = this.#contents?.[0] ?? null;
    return before === null || before.length === 0 ? null : before;
  }
}

const writesKept = 8;

/** The writes to all files of one disk. */
export class DiskWrites {
  readonly #files = new Map<string, FileWrites>();
  /** The newest segment that was written to since the disk was mounted. */
  #segment: { readonly sequence: number; readonly file: FileWrites } | null = null;

  /** Of an open file. */
  of(path: string): FileWrites {
    const found = this.#files.get(path) ?? new FileWrites(path);
    this.#files.set(path, found);
    return found;
  }

  find(path: string): FileWrites | null {
    return this.#files.get(path) ?? null;
  }

  created(path: string): void {
    this.#files.set(path, new FileWrites(path));
  }

  renamed(from: string, to: string): void {
    assert(from !== to, "disk writes: renamed to itself");
    const file = this.#files.get(from);
    if (file !== undefined) {
      this.#files.set(to, file);
      this.#files.delete(from);
      file.segment = segmentOf(to);
    }
  }

  /** What was written to `file` is synced. */
  synced(file: FileWrites): void {
    const sequence = file.segment;
    const wasWritten = !file.isQuiet;
    file.sync();
    if (wasWritten && sequence !== null && sequence >= (this.#segment?.sequence ?? 0)) {
      this.#segment = { sequence, file };
    }
  }

  /** Where the log ends, as far as it is synced; null where nothing was written to it yet. */
  get logEnd(): LogPlace | null {
    const segment = this.#segment;
    return segment === null ? null : { sequence: segment.sequence, offset: segment.file.syncedEnd };
  }

  crash(): void {
    this.#segment = null;
    for (const file of this.#files.values()) {
      file.crash();
    }
  }

  /** Another disk is in its place. */
  clear(): void {
    this.#segment = null;
    this.#files.clear();
  }
}

/** The number of the segment of the log that a path names; null where it names another file. */
export function segmentOf(path: string): number | null {
  const match = /^wal\/(\d{16})-\d{16}\.log$/.exec(path);
  return match === null ? null : Number(match[1]);
}

// PERF: a loop over eight bytes at a time; this looks at all that is ever written, and segments are filled with zeros.
function isBlank(bytes: Uint8Array): boolean {
  if (bytes.length > 0 && bytes[0] !== 0) {
    return false;
  }
  let at = 0;
  if (bytes.byteOffset % 8 === 0) {
    const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 3);
    for (; at < words.length; at++) {
      // What is no number is not zero either, and -0 has a bit.
      if (!Object.is(words[at], 0)) {
        return false;
      }
    }
    at *= 8;
  }
  for (; at < bytes.length; at++) {
    if (bytes[at] !== 0) {
      return false;
    }
  }
  return true;
}
