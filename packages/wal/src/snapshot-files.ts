/**
 * Writing and reading snapshot files. RAFT §5.1. An image is written beside under a temporary name, synced, renamed, and the
 * directory synced: under its final name a snapshot is always whole.
 */
import { assert, type Task } from "@quorate/base";
import type { CompletedWith, SnapshotMetadata, SnapshotSource } from "@quorate/raft";
import { corrupt, isMissing } from "./failures.ts";
import type { FileHandle, FileSystem } from "./file-system.ts";
import { close, missingText, open, read, size, sync, truncate, write } from "./files.ts";
import { damaged, type Fault } from "./format/fault.ts";
import type { StoreIdentity } from "./format/identity.ts";
import {
  chunkBytes,
  chunkCountOf,
  chunkCrc,
  chunkOverheadBytes,
  decodeSnapshotHeader,
  encodeFooter,
  encodeSnapshotHeader,
  footerBytes,
  isFooterOf,
  joinChunkCrc,
  type SnapshotHeader,
  type SnapshotOrigin,
  snapshotFileBytes,
  snapshotHeaderBytesMax,
} from "./format/snapshot.ts";

/** A chunk in the file. */
const framedBytes = chunkOverheadBytes + chunkBytes;

/** PERF: a read, or a write, costs some 50 µs besides its bytes, and there are thousands of chunks. */
const chunksAtOnce = 16;

/** Room that an image is given before anything of it is there. */
const roomBytesMin = 4096;

/** Writes one image into one file, in order. */
export class ImageWriter {
  readonly #file: FileHandle;
  readonly #identity: StoreIdentity;
  readonly #metadata: SnapshotMetadata;
  readonly #origin: SnapshotOrigin;
  /**
   * Chunks that are not in the file yet, each behind its head. PERF: one for all of the image, or it is garbage of its size; several in
   * one write, because waking a thread costs more than the bytes. What is received is written chunk by chunk, so that all of it is
   * there when a transfer is cut. It grows up to what one write takes: most images of small stores need little of that.
   */
  #framed: Uint8Array = new Uint8Array(roomBytesMin);
  #framedView: DataView = new DataView(this.#framed.buffer);
  readonly #framedBytesMax: number;
  /** Bytes of whole chunks in it, with their heads. */
  #framedBytes = 0;
  /** Bytes of the chunk that is being gathered behind them, without its head. */
  #pendingBytes = 0;
  /** Bytes of the image in whole chunks. */
  #imageBytes = 0;
  #flushedBytes = 0;
  #offset: number;

  constructor(file: FileHandle, identity: StoreIdentity, metadata: SnapshotMetadata, origin: SnapshotOrigin) {
    this.#file = file;
    this.#identity = identity;
    this.#metadata = metadata;
    this.#origin = origin;
    this.#framedBytesMax = (origin === "local" ? chunksAtOnce : 1) * framedBytes;
    this.#offset = encodeSnapshotHeader(identity, metadata, origin, 0).length;
  }

  /**
   * Goes on with a file that an interrupted writer of the same image left: its whole chunks, up to the first that is torn, are given
   * to `visit` and stay until it says false; what is behind them goes. What a crash left of unsynced writes shows in the chunks' checksums.
   */
  *resume(visit: (bytes: Uint8Array) => boolean): Task<void> {
    assert(this.#imageBytes === 0 && this.#pendingBytes === 0, "image: resumed after it began");
    for (;;) {
      const framed = yield* read(this.#file, this.#offset, chunkOverheadBytes + chunkBytes);
      const chunk = framed.subarray(chunkOverheadBytes);
      if (chunk.length !== chunkBytes || !isChunk(framed, this.#imageBytes / chunkBytes) || !visit(chunk)) {
        break;
      }
      this.#offset += framed.length;
      this.#imageBytes += chunkBytes;
    }
    this.#flushedBytes = this.#imageBytes;
    yield* truncate(this.#file, this.#offset);
  }

  /** Bytes of the image that are in the file. */
  get flushedBytes(): number {
    return this.#flushedBytes;
  }

  /** Takes the next bytes of the image. */
  *append(bytes: Uint8Array): Task<void> {
    let taken = 0;
    while (taken < bytes.length) {
      const room = Math.min(chunkBytes - this.#pendingBytes, bytes.length - taken);
      const at = this.#framedBytes + chunkOverheadBytes + this.#pendingBytes;
      this.#reserve(at + room);
      this.#framed.set(bytes.subarray(taken, taken + room), at);
      this.#pendingBytes += room;
      taken += room;
      if (this.#pendingBytes === chunkBytes) {
        this.#frame();
      }
      if (this.#framedBytes === this.#framedBytesMax) {
        yield* this.#flush();
      }
    }
  }

  /** Ends the image: header and footer written, everything synced, the file closed. Returns the image's bytes. */
  *seal(): Task<number> {
    if (this.#pendingBytes > 0) {
      this.#frame();
    }
    if (this.#framedBytes > 0) {
      yield* this.#flush();
    }
    assert(this.#flushedBytes === this.#imageBytes, "image: sealed before it is written");
    const header = encodeSnapshotHeader(this.#identity, this.#metadata, this.#origin, this.#imageBytes);
    yield* write(this.#file, 0, header);
    const decoded = decodeSnapshotHeader(header, this.#identity);
    assert(!("fault" in decoded), "image: own header does not decode");
    // The checksum of the whole image is made from what the file holds, not from what was meant to be in it.
    const imageCrc = yield* verifyChunks(this.#file, decoded);
    if (typeof imageCrc !== "number") {
      throw corrupt("snapshot being written", imageCrc.offset, imageCrc.fault);
    }
    yield* write(this.#file, this.#offset, encodeFooter(this.#imageBytes, imageCrc));
    yield* sync(this.#file);
    yield* close(this.#file);
    return this.#imageBytes;
  }

  #reserve(needed: number): void {
    assert(needed <= this.#framedBytesMax, "image: more gathered than one write takes");
    if (needed > this.#framed.length) {
      const bytes = Math.min(this.#framedBytesMax, Math.max(needed, this.#framed.length * 4));
      const grown = new Uint8Array(bytes);
      grown.set(this.#framed);
      this.#framed = grown;
      this.#framedView = new DataView(grown.buffer);
    }
  }

  /** The chunk that is being gathered is whole. */
  #frame(): void {
    const at = this.#framedBytes;
    const end = at + chunkOverheadBytes + this.#pendingBytes;
    const chunk = this.#framed.subarray(at + chunkOverheadBytes, end);
    this.#framedView.setUint32(at, chunk.length, true);
    this.#framedView.setUint32(at + 4, chunkCrc(chunk, Math.floor(this.#imageBytes / chunkBytes)), true);
    this.#framedBytes = end;
    this.#imageBytes += chunk.length;
    this.#pendingBytes = 0;
  }

  *#flush(): Task<void> {
    assert(this.#pendingBytes === 0, "image: written with half a chunk");
    yield* write(this.#file, this.#offset, this.#framed.subarray(0, this.#framedBytes));
    this.#offset += this.#framedBytes;
    this.#flushedBytes = this.#imageBytes;
    this.#framedBytes = 0;
  }
}

/** How much of a snapshot file is looked at: all of it, or only its header and its length. */
export type SnapshotDepth = "whole" | "outline";

/** Verifies a snapshot file: its header when it is sound, or what is wrong and where. Changes nothing. */
export function* verifySnapshot(
  fs: FileSystem,
  path: string,
  identity: StoreIdentity | null,
  depth: SnapshotDepth = "whole",
): Task<SnapshotHeader | Fault> {
  let file: FileHandle;
  try {
    file = yield* open(fs, path, "read");
  } catch (error) {
    if (isMissing(error)) {
      return damaged(missingText(error), 0);
    }
    throw error;
  }
  try {
    return yield* verifyFile(file, identity, depth);
  } catch (error) {
    if (isMissing(error)) {
      return damaged(missingText(error), 0);
    }
    throw error;
  } finally {
    yield* close(file);
  }
}

function* verifyFile(
  file: FileHandle,
  identity: StoreIdentity | null,
  depth: SnapshotDepth,
): Task<SnapshotHeader | Fault> {
  const header = decodeSnapshotHeader(yield* read(file, 0, snapshotHeaderBytesMax), identity);
  if ("fault" in header) {
    return header;
  }
  const length = yield* size(file);
  const expected = snapshotFileBytes(header.headerBytes, header.imageBytes);
  if (length !== expected) {
    return damaged(`is ${length} bytes long, not ${expected}`, Math.min(length, expected));
  }
  if (depth === "outline") {
    return header;
  }
  const imageCrc = yield* verifyChunks(file, header);
  if (typeof imageCrc !== "number") {
    return imageCrc;
  }
  const footer = yield* read(file, expected - footerBytes, footerBytes);
  return isFooterOf(footer, header.imageBytes, imageCrc)
    ? header
    : damaged("footer does not fit the image", expected - footerBytes);
}

/** Checks every chunk; returns the checksum of the whole image. */
function* verifyChunks(file: FileHandle, header: SnapshotHeader): Task<number | Fault> {
  const { imageBytes } = header;
  const room = new Uint8Array(roomBytesOf(imageBytes, chunksAtOnce));
  let imageCrc = header.headerCrc;
  for (let chunk = 0; chunk < chunkCountOf(imageBytes); chunk += chunksAtOnce) {
    const fault = yield* readChunks(file, header, chunk, chunksAtOnce, room, (bytes, number, crc) => {
      imageCrc = joinChunkCrc(imageCrc, crc, number, bytes.length);
    });
    if (fault !== null) {
      return fault;
    }
  }
  return imageCrc;
}

/**
 * Room for `count` chunks of an image with so many bytes left. PERF: many images are far smaller than the largest read, and memory
 * outside the heap sets off collections.
 */
function roomBytesOf(bytesLeft: number, count: number): number {
  return Math.min(count * framedBytes, bytesLeft + chunkCountOf(bytesLeft) * chunkOverheadBytes);
}

/** Reads and checks up to `count` chunks from `first` on; `visit` gets each one, as a view of `room`, and its checksum. */
function* readChunks(
  file: FileHandle,
  header: SnapshotHeader,
  first: number,
  count: number,
  room: Uint8Array,
  visit: (bytes: Uint8Array, chunkNumber: number, crc: number) => void,
): Task<Fault | null> {
  const end = Math.min(first + count, chunkCountOf(header.imageBytes));
  assert(first < end, "image: chunk beyond the end");
  const base = header.headerBytes + first * framedBytes;
  const length =
    Math.min(end * chunkBytes, header.imageBytes) + end * chunkOverheadBytes - first * framedBytes;
  const framed = yield* read(file, base, length, room);
  const view = new DataView(framed.buffer, framed.byteOffset, framed.length);
  for (let chunk = first; chunk < end; chunk++) {
    const at = (chunk - first) * framedBytes;
    const chunkEnd = Math.min(at + framedBytes, length);
    if (framed.length < chunkEnd) {
      return damaged("ends within a chunk", base + framed.length);
    }
    const bytes = framed.subarray(at + chunkOverheadBytes, chunkEnd);
    const crc = chunkCrc(bytes, chunk);
    if (view.getUint32(at, true) !== bytes.length || view.getUint32(at + 4, true) !== crc) {
      return damaged("chunk checksum mismatch", base + at);
    }
    visit(bytes, chunk, crc);
  }
  return null;
}

/** Whether the bytes are the chunk of this number, whole. */
function isChunk(framed: Uint8Array, chunkNumber: number): boolean {
  const view = new DataView(framed.buffer, framed.byteOffset, framed.length);
  const bytes = framed.subarray(chunkOverheadBytes);
  return view.getUint32(0, true) === bytes.length && view.getUint32(4, true) === chunkCrc(bytes, chunkNumber);
}

/** Reads an image that was verified when the store was opened or the file was made; each chunk is checked again. */
export class ImageReader implements SnapshotSource {
  readonly metadata: SnapshotMetadata;
  readonly bytes: number;
  readonly checked = true;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #header: SnapshotHeader;
  readonly #run: <T>(task: Task<T>, completed: CompletedWith<T>) => void;
  #closed = false;
  #reads = 0;

  constructor(
    file: FileHandle,
    path: string,
    header: SnapshotHeader,
    run: <T>(task: Task<T>, completed: CompletedWith<T>) => void,
  ) {
    this.metadata = header.metadata;
    this.bytes = header.imageBytes;
    this.#file = file;
    this.#path = path;
    this.#header = header;
    this.#run = run;
  }

  read(offset: number, length: number, completed: CompletedWith<Uint8Array>, room?: Uint8Array): void {
    assert(offset >= 0 && length > 0, "image: range out of bounds");
    assert(!this.#closed, "image: read after close");
    this.#reads++;
    this.#run(this.#read(offset, length, room ?? null), (error, bytes) => {
      this.#reads--;
      this.#closeWhenIdle();
      completed(error, bytes);
    });
  }

  close(): void {
    assert(!this.#closed, "image: closed twice");
    this.#closed = true;
    this.#closeWhenIdle();
  }

  /** A read under way keeps the file open: its descriptor could be another file's by the time the read runs. */
  #closeWhenIdle(): void {
    if (this.#closed && this.#reads === 0) {
      // Nothing depends on this close: the file was only read.
      this.#run(close(this.#file), () => {});
    }
  }

  *#read(offset: number, length: number, given: Uint8Array | null): Task<Uint8Array> {
    const end = Math.min(offset + length, this.bytes);
    if (offset >= end) {
      return new Uint8Array(0);
    }
    const first = Math.floor(offset / chunkBytes);
    const count = Math.ceil(end / chunkBytes) - first;
    const needed = roomBytesOf(this.bytes - first * chunkBytes, count);
    const room = given !== null && given.length >= needed ? given : new Uint8Array(needed);
    let filled = 0;
    const fault = yield* readChunks(this.#file, this.#header, first, count, room, (bytes, chunk) => {
      const start = chunk * chunkBytes;
      const part = bytes.subarray(Math.max(0, offset - start), end - start);
      // PERF: moved together where they were read: memory of a megabyte for each read is what garbage is collected for.
      room.set(part, filled);
      filled += part.length;
    });
    if (fault !== null) {
      throw corrupt(this.#path, fault.offset, fault.fault);
    }
    assert(filled === end - offset, "image: another length than was asked for");
    return room.subarray(0, filled);
  }
}
