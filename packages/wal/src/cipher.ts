/**
 * The port of encryption at rest. What the log holds of entries and images goes through it; headers, marks, checksums and hard
 * state stay in clear, so that tearing and damage are found without any key. The checksums are over what is on the disk.
 */

import type { CompletedWith, Entry, SnapshotMetadata, SnapshotSink, SnapshotSource } from "@quorate/raft";
import { StorageError } from "@quorate/raft";

/** Seals what is written and opens what is read. A record says in clear which key it needs. */
export interface StoreCipher {
  /** The stored form of an entry's data. Never the same twice, also for the same entry. */
  sealEntry(entry: Entry): Uint8Array;
  /**
   * The data of an entry, given with its stored form in place of the data. A view is never kept.
   *
   * @throws StorageError STORAGE_KEY naming the key, where it is missing or another than the one that sealed it.
   */
  openEntry(stored: Entry): Uint8Array;
  /** Whether {@link openEntry} has the key. @throws StorageError STORAGE_KEY where it has not. */
  checkEntry(stored: Uint8Array): void;
  /** A sink that seals what is written to `sink`. */
  sealImage(metadata: SnapshotMetadata, sink: SnapshotSink): SnapshotSink;
  /** A source of what was sealed into `source`, or that source itself where it is in clear. */
  openImage(source: SnapshotSource, completed: CompletedWith<SnapshotSource>): void;
}

/** How a sealed entry begins: a version, then the id of its key, four bytes. */
export const sealedEntryVersion = 1;

/** How each block of a sealed image begins: these four bytes, then the id of its key. */
export const sealedImageMagic = 0x4253_5251; // "QRSB"

/** The key that a sealed entry needs; null where it is no sealed entry of a version known here. */
export function keyIdOfEntry(stored: Uint8Array): number | null {
  return stored.length >= 5 && stored[0] === sealedEntryVersion ? u32(stored, 1) : null;
}

/** The key that an image beginning like this needs; null where it is in clear. */
export function keyIdOfImage(start: Uint8Array): number | null {
  return start.length >= 8 && u32(start, 0) === sealedImageMagic ? u32(start, 4) : null;
}

/** The error for what a key is missing for, or does not open. */
export function keyError(keyId: number, why: string, cause?: unknown): StorageError {
  return new StorageError({ code: "STORAGE_KEY", keyId, why }, cause);
}

/** The error for sealed bytes in a store that was opened without any key. */
export function noKeys(keyId: number): StorageError {
  return keyError(keyId, "the store is encrypted and was opened without keys");
}

function u32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(offset, true);
}
