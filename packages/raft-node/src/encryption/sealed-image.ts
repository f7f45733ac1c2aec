/**
 * Images under AES-256-GCM, in blocks that each say which key opens them, so that any part can be read and an interrupted image gone
 * on with. A block's number and whether it is the last are authenticated: none can be moved, left out or put behind the end.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { assert, concatBytes } from "@quorate/base";
import {
  type Completed,
  type CompletedWith,
  type SnapshotMetadata,
  type SnapshotSink,
  type SnapshotSource,
  StorageError,
} from "@quorate/raft";
import { keyError, keyIdOfImage, sealedImageMagic } from "@quorate/wal";
import type { KeyRing } from "./key-ring.ts";

/** `[magic, 4][key id, 4][flags, 4][salt, 16][nonce, 12]`, the data, the tag. */
const flagsAt = 8;
const saltAt = 12;
const saltBytes = 16;
const nonceAt: number = saltAt + saltBytes;
const nonceBytes = 12;
const headerBytes: number = nonceAt + nonceBytes;
const tagBytes = 16;
const overheadBytes: number = headerBytes + tagBytes;

/** A sealed block: as long as a chunk of the log's snapshot files, so that what a crash leaves are whole blocks. */
const sealedBlockBytes: number = 64 * 1024;

/** What a block holds; the last may have less. */
const imageBlockBytes: number = sealedBlockBytes - overheadBytes;

const flagLast = 1;

/** Seals what is written to another sink. */
export class SealingSink implements SnapshotSink {
  readonly #ring: KeyRing;
  readonly #metadata: SnapshotMetadata;
  readonly #sink: SnapshotSink;
  readonly #keyId: number;
  readonly #salt: Uint8Array = new Uint8Array(randomBytes(saltBytes));
  readonly #key: Uint8Array;
  /** Not sealed yet: a block is, once it is known whether it is the last. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #blockCount = 0;
  readonly resume?: Required<SnapshotSink>["resume"];
  readonly suspend?: () => void;

  constructor(ring: KeyRing, metadata: SnapshotMetadata, sink: SnapshotSink) {
    this.#ring = ring;
    this.#metadata = metadata;
    this.#sink = sink;
    this.#keyId = ring.current;
    this.#key = ring.derive(this.#keyId, "image", this.#salt);
    if (sink.resume !== undefined && sink.suspend !== undefined) {
      this.resume = (visit, completed) => this.#resume(visit, completed);
      this.suspend = () => sink.suspend?.();
    }
  }

  write(chunk: Uint8Array, completed: Completed): void {
    this.#pending.push(chunk.slice());
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes <= imageBlockBytes) {
      completed(null);
      return;
    }
    const bytes = concatBytes(this.#pending);
    const blocks: Uint8Array[] = [];
    let at = 0;
    for (; bytes.length - at > imageBlockBytes; at += imageBlockBytes) {
      blocks.push(this.#seal(bytes.subarray(at, at + imageBlockBytes), false));
    }
    this.#pending = [bytes.slice(at)];
    this.#pendingBytes = bytes.length - at;
    this.#sink.write(concatBytes(blocks), completed);
  }

  finish(completed: Completed): void {
    const last = this.#seal(concatBytes(this.#pending), true);
    this.#pending = [];
    this.#sink.write(last, (error) => {
      if (error === null) {
        this.#sink.finish(completed);
      } else {
        completed(error);
      }
    });
  }

  abort(): void {
    this.#sink.abort();
  }

  /** The sink gives whole chunks of its own, which are whole blocks; they may be under other salts and keys. */
  #resume(visit: (bytes: Uint8Array) => boolean, completed: CompletedWith<number>): void {
    let kept = 0;
    this.#sink.resume?.(
      (bytes) => {
        assert(bytes.length === sealedBlockBytes, "sealed image: kept a part of a block, or several at once");
        const opened = this.#openKept(bytes);
        if (opened === null || !visit(opened)) {
          return false;
        }
        this.#blockCount++;
        kept += opened.length;
        return true;
      },
      (error) => completed(error, kept),
    );
  }

  /** Null for the last block of an image, for one in clear, and for one whose key is gone: it is received again. */
  #openKept(block: Uint8Array): Uint8Array | null {
    try {
      return openBlock(this.#ring, this.#metadata, block, this.#blockCount, false);
    } catch (error) {
      if (error instanceof StorageError && error.code === "STORAGE_KEY") {
        return null;
      }
      throw error;
    }
  }

  /** A nonce of chance: 2^32 blocks of one salt would be 256 TiB. */
  #seal(data: Uint8Array, isLast: boolean): Uint8Array {
    assert(data.length <= imageBlockBytes, "sealed image: block too long");
    const block = new Uint8Array(overheadBytes + data.length);
    const view = new DataView(block.buffer);
    view.setUint32(0, sealedImageMagic, true);
    view.setUint32(4, this.#keyId, true);
    view.setUint32(flagsAt, isLast ? flagLast : 0, true);
    block.set(this.#salt, saltAt);
    block.set(randomBytes(nonceBytes), nonceAt);
    const cipher = createCipheriv("aes-256-gcm", this.#key, block.subarray(nonceAt, headerBytes));
    cipher.setAAD(placeOf(this.#metadata, this.#blockCount, isLast));
    block.set(cipher.update(data), headerBytes);
    cipher.final();
    block.set(cipher.getAuthTag(), headerBytes + data.length);
    this.#blockCount++;
    return block;
  }
}

/** Opens a source of sealed blocks; one that is in clear stays as it is. Its first block is tried at once. */
export function openImage(
  ring: KeyRing,
  source: SnapshotSource,
  completed: CompletedWith<SnapshotSource>,
): void {
  source.read(0, 8, (readError, start) => {
    if (readError !== null || start === undefined) {
      source.close();
      completed(readError ?? new Error("sealed image: nothing read"));
      return;
    }
    if (keyIdOfImage(start) === null) {
      completed(null, source);
      return;
    }
    const opened = new OpeningSource(ring, source);
    opened.read(0, 1, (error) => {
      if (error === null) {
        completed(null, opened);
      } else {
        opened.close();
        completed(error);
      }
    });
  });
}

class OpeningSource implements SnapshotSource {
  readonly metadata: SnapshotMetadata;
  readonly bytes: number;
  readonly checked = true;
  readonly #ring: KeyRing;
  readonly #source: SnapshotSource;
  readonly #blockCount: number;
  /** The block that was opened last: readers go on where they were. */
  #cached: { readonly block: number; readonly data: Uint8Array } | null = null;

  constructor(ring: KeyRing, source: SnapshotSource) {
    this.#ring = ring;
    this.#source = source;
    this.metadata = source.metadata;
    this.#blockCount = Math.ceil(source.bytes / sealedBlockBytes);
    this.bytes = Math.max(0, source.bytes - this.#blockCount * overheadBytes);
  }

  read(offset: number, length: number, completed: CompletedWith<Uint8Array>): void {
    const end = Math.min(offset + length, this.bytes);
    const parts: Uint8Array[] = [];
    const next = (at: number): void => {
      if (at >= end) {
        completed(null, concatBytes(parts));
        return;
      }
      const block = Math.floor(at / imageBlockBytes);
      this.#block(block, (error, data) => {
        if (error !== null || data === undefined) {
          completed(error ?? new Error("sealed image: nothing read"));
          return;
        }
        const start = at - block * imageBlockBytes;
        const part = data.subarray(start, Math.min(data.length, start + end - at));
        assert(part.length > 0, "sealed image: a block is shorter than the image says");
        parts.push(part);
        next(at + part.length);
      });
    };
    next(offset);
  }

  #block(block: number, completed: CompletedWith<Uint8Array>): void {
    if (this.#cached?.block === block) {
      completed(null, this.#cached.data);
      return;
    }
    this.#source.read(block * sealedBlockBytes, sealedBlockBytes, (error, sealed) => {
      if (error !== null || sealed === undefined) {
        completed(error ?? new Error("sealed image: nothing read"));
        return;
      }
      let data: Uint8Array;
      try {
        data = openBlock(this.#ring, this.metadata, sealed, block, block === this.#blockCount - 1);
      } catch (failure) {
        completed(failure instanceof Error ? failure : new Error(String(failure)));
        return;
      }
      this.#cached = { block, data };
      completed(null, data);
    });
  }

  close(): void {
    this.#source.close();
  }
}

function openBlock(
  ring: KeyRing,
  metadata: SnapshotMetadata,
  block: Uint8Array,
  number: number,
  isLast: boolean,
): Uint8Array {
  const keyId = keyIdOfImage(block);
  if (keyId === null || block.length < overheadBytes) {
    throw keyError(keyId ?? 0, "a block of an image is encrypted in a form that is not known here");
  }
  const key = ring.derive(keyId, "image", block.subarray(saltAt, nonceAt));
  const end = block.length - tagBytes;
  const decipher = createDecipheriv("aes-256-gcm", key, block.subarray(nonceAt, headerBytes));
  decipher.setAAD(placeOf(metadata, number, isLast));
  decipher.setAuthTag(block.subarray(end));
  const opened = decipher.update(block.subarray(headerBytes, end));
  try {
    decipher.final();
  } catch (error) {
    const what = `block ${number} of the snapshot at ${metadata.index}`;
    throw keyError(keyId, `does not open ${what}: another key has this id, or the block was altered`, error);
  }
  return new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
}

/** What a block is: authenticated with it. */
function placeOf({ index, term }: SnapshotMetadata, number: number, isLast: boolean): Uint8Array {
  const place = new Uint8Array(25);
  const view = new DataView(place.buffer);
  for (const [at, value] of [index, term, number].entries()) {
    view.setUint32(at * 8, value >>> 0, true);
    view.setUint32(at * 8 + 4, Math.floor(value / 2 ** 32), true);
  }
  place[24] = isLast ? flagLast : 0;
  return place;
}
