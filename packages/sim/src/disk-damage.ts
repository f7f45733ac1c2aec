/**
 * Ways in which a disk loses what it was given without a word: bits flip, sectors go blank, writes are acknowledged and gone, or land
 * elsewhere. Each way finds a place where it must be noticed, or finds none. Which disk may be damaged at all is not decided here.
 */
import type { Prng } from "@quorate/base";
import { type MemoryFileSystem, sectorBytes } from "@quorate/wal/testing";
import type { DiskWrites, WrittenRange } from "./disk-writes.ts";
import type { FaultKind } from "./fault-count.ts";

/** What was done to a file, and what stands there since. */
export interface Scar {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A disk as whoever damages it sees it. */
export interface DamagedDisk {
  readonly files: MemoryFileSystem;
  readonly writes: DiskWrites;
  readonly random: Prng;
}

/** One way; what it did, nothing where it found no place. */
type Damage = (disk: DamagedDisk) => readonly Scar[];

/** All of them, by the fault that each is. */
export const damages: Readonly<Partial<Record<FaultKind, Damage>>> = {
  "log-bit-flipped": (disk) => flipBit(disk, pickLog(disk)),
  "log-sector-zeroed": zeroSector,
  "log-write-lost": loseWrite,
  "log-write-misdirected": misdirectWrite,
  "slot-bit-flipped": (disk) => flipBit(disk, pickSlot(disk)),
  "slot-write-lost": loseSlotWrite,
  "snapshot-bit-flipped": (disk) => flipBit(disk, pickSnapshot(disk)),
};

interface Place extends WrittenRange {
  readonly path: string;
}

const slotPaths = ["hard-state-a", "hard-state-b"] as const;

/** The proven part of some segment. */
function pickLog({ files, random, writes }: DamagedDisk): Place | null {
  const places: Place[] = [];
  for (const path of files.files()) {
    const length = isSegment(path) ? (writes.find(path)?.proven ?? 0) : 0;
    if (length > 0) {
      places.push({ path, offset: 0, length });
    }
  }
  return places.length === 0 ? null : random.pick(places);
}

function isSegment(path: string): boolean {
  return path.startsWith("wal/") && path.endsWith(".log");
}

/** One of two slots that are both as they should be. */
function pickSlot({ files, random, writes }: DamagedDisk): Place | null {
  const path = random.pick(slotPaths);
  const isQuiet = slotPaths.every((slot) => writes.find(slot)?.isQuiet ?? true);
  const found = files.files().filter((name) => (slotPaths as readonly string[]).includes(name));
  return isQuiet && found.length === slotPaths.length ? { path, offset: 0, length: sectorBytes } : null;
}

function pickSnapshot({ files, random }: DamagedDisk): Place | null {
  const paths = files.files().filter((path) => path.startsWith("snap/") && path.endsWith(".snap"));
  if (paths.length === 0) {
    return null;
  }
  const path = random.pick(paths);
  return { path, offset: 0, length: files.content(path).length };
}

function put({ files }: DamagedDisk, path: string, offset: number, bytes: Uint8Array): readonly Scar[] {
  const before = files.content(path).subarray(offset, offset + bytes.length);
  if (before.length === bytes.length && before.every((byte, i) => byte === bytes[i])) {
    return []; // Nothing changes.
  }
  files.overlay(path, offset, bytes);
  return [{ path, offset, bytes }];
}

function flipBit(disk: DamagedDisk, place: Place | null): readonly Scar[] {
  if (place === null) {
    return [];
  }
  const offset = place.offset + disk.random.integer(0, place.length);
  const byte = disk.files.content(place.path)[offset] ?? 0;
  return put(disk, place.path, offset, Uint8Array.of(byte ^ (1 << disk.random.integer(0, 8))));
}

/** The part of one sector that is proven. */
function zeroSector(disk: DamagedDisk): readonly Scar[] {
  const place = pickLog(disk);
  if (place === null) {
    return [];
  }
  const offset = disk.random.integer(0, Math.ceil(place.length / sectorBytes)) * sectorBytes;
  return put(disk, place.path, offset, new Uint8Array(Math.min(sectorBytes, place.length - offset)));
}

/** Some write to the log that a later one proves. */
function pickWrite(disk: DamagedDisk): Place | null {
  const place = pickLog(disk);
  const found = place === null ? [] : (disk.writes.find(place.path)?.provenWrites ?? []);
  return place === null || found.length === 0 ? null : { path: place.path, ...disk.random.pick(found) };
}

/** The disk said that it has it, and never had: a segment is blank where nothing was written. */
function loseWrite(disk: DamagedDisk): readonly Scar[] {
  const write = pickWrite(disk);
  return write === null ? [] : put(disk, write.path, write.offset, new Uint8Array(write.length));
}

/** A write is not where it should be, but somewhere else in the log. */
function misdirectWrite(disk: DamagedDisk): readonly Scar[] {
  const write = pickWrite(disk);
  const target = pickLog(disk);
  if (write === null || target === null || target.length <= write.length) {
    return [];
  }
  const bytes = disk.files.content(write.path).slice(write.offset, write.offset + write.length);
  const gone = put(disk, write.path, write.offset, new Uint8Array(write.length));
  const offset = disk.random.integer(0, (target.length - write.length) >>> 3) * 8;
  return [...gone, ...put(disk, target.path, offset, bytes)];
}

/** One slot did not get the last write that the other has. */
function loseSlotWrite(disk: DamagedDisk): readonly Scar[] {
  const place = pickSlot(disk);
  const before = place === null ? null : (disk.writes.find(place.path)?.contentBefore ?? null);
  return place === null || before === null ? [] : put(disk, place.path, 0, before);
}

/** Both slots at once; nothing where one is being written. */
export function spoilBothSlots(disk: DamagedDisk): readonly Scar[] {
  if (pickSlot(disk) === null) {
    return [];
  }
  return slotPaths.flatMap((path) => flipBit(disk, { path, offset: 0, length: sectorBytes }));
}
