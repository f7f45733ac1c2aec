/**
 * Damage to the log of a member that has others to be repaired from. Nothing is thrown away: the floor is noted first, then
 * everything from the damage on is moved or copied beside, and the log goes on from its last sound batch. Each step may be
 * interrupted: the next opening finds the floor, and at worst the same damage again.
 */
import { assert, crc32c, must, type Task } from "@quorate/base";
import { StorageError, type StorageErrorInfo } from "@quorate/raft";
import { isMissing } from "./failures.ts";
import { FileError, type FileSystem } from "./file-system.ts";
import {
  close,
  createFile,
  fillZero,
  list,
  open,
  paths,
  rename,
  sync,
  syncDirectory,
  unlink,
} from "./files.ts";
import type { StoreIdentity } from "./format/identity.ts";
import { recordType } from "./format/record.ts";
import { parseSegmentName, segmentHeaderBytes } from "./format/segment.ts";
import { readSegment } from "./recovery-log.ts";
import { type ScannedBatch, scanSegment } from "./segment-scan.ts";
import { createSegment } from "./segment-set.ts";
import { findFloor, writeFloor } from "./vote-floor.ts";

/** Damage that a leader can repair: where it lies. */
type LogDamage = StorageErrorInfo & { readonly code: "STORAGE_CORRUPT" };

/** The damage that `error` tells of, or null when it is another error, or damage to what nobody else has. */
export function logDamageOf(error: unknown): LogDamage | null {
  if (!(error instanceof StorageError) || error.info.code !== "STORAGE_CORRUPT") {
    return null;
  }
  const { file } = error.info;
  const inLog = file === paths.wal || segmentOf(file) !== null;
  return inLog || file.startsWith(`${paths.snapshots}/`) ? error.info : null;
}

/** The sequence number of the segment that a path names; a missing one is named by its number alone. */
function segmentOf(path: string): number | null {
  const match = /^wal\/(\d{16})-(?:\d{16}|\*)\.log$/.exec(path);
  return match === null ? null : Number(match[1]);
}

/** Sets the damage aside and everything behind it; returns the line for the operator. */
export function* setAside(
  fs: FileSystem,
  identity: StoreIdentity,
  damage: LogDamage,
  segmentBytes: number,
): Task<string> {
  assert(damage.offset >= 0, "set aside: damage without a place");
  // INV vote-floor: noted before anything that names it is moved.
  yield* writeFloor(fs, identity, yield* findFloor(fs, identity));
  // From a damaged snapshot no log leads on: all of it goes.
  const sequence = segmentOf(damage.file) ?? 0;
  const kept: string[] = [];
  for (const name of yield* segmentNames(fs)) {
    const place = must(parseSegmentName(name), "set aside: segment name").sequence;
    const whole =
      place < sequence || (place === sequence && (yield* cutBehind(fs, identity, name, damage.offset)));
    if (whole) {
      kept.push(name);
    } else {
      yield* moveAside(fs, `${paths.wal}/${name}`);
    }
  }
  assert(
    kept.every((name, i) => i === 0 || name < (kept[i - 1] ?? "")),
    "set aside: kept out of order",
  );
  const newest = kept[0];
  if (newest === undefined) {
    yield* beginAnew(fs, identity, segmentBytes);
  } else {
    yield* cutSeal(fs, identity, newest);
  }
  if (damage.file.endsWith(".snap")) {
    yield* moveAside(fs, damage.file);
  }
  return `${damage.file}: ${damage.why} at byte ${damage.offset}; set aside in ${paths.cuts}/ with everything behind it`;
}

/** Newest first: whenever a crash comes between two of them, what stays is the beginning of the log. */
function* segmentNames(fs: FileSystem): Task<string[]> {
  const names = (yield* list(fs, paths.wal)).map(({ name }) => name);
  return names
    .filter((name) => parseSegmentName(name) !== null)
    .sort()
    .reverse();
}

/** Cuts a segment behind its last sound batch before `offset`; false when it has none. */
function* cutBehind(fs: FileSystem, identity: StoreIdentity, name: string, offset: number): Task<boolean> {
  const path = `${paths.wal}/${name}`;
  const segment = yield* readSegment(fs, path, identity);
  if ("fault" in segment) {
    return false;
  }
  let end = segmentHeaderBytes;
  const scan = scanSegment(segment, segment, (batch) => {
    end = batch.chained && batch.end <= offset ? batch.end : end;
  });
  if (end === segmentHeaderBytes) {
    return false;
  }
  assert(end <= Math.max(offset, segmentHeaderBytes), "set aside: kept beyond the damage");
  assert(end <= scan.end, "set aside: kept what is not sound");
  yield* cutRange(fs, path, segment.bytes.subarray(0, scan.contentEnd), end);
  return true;
}

/** The segment that the log now ends in may not say that it goes on in another. */
function* cutSeal(fs: FileSystem, identity: StoreIdentity, name: string): Task<void> {
  const path = `${paths.wal}/${name}`;
  const segment = yield* readSegment(fs, path, identity);
  if ("fault" in segment) {
    return; // The next look at the log meets it.
  }
  let last: ScannedBatch | null = null;
  const scan = scanSegment(segment, segment, (batch) => {
    last = batch.chained ? batch : last;
  });
  const seal = last as ScannedBatch | null;
  if (seal?.records.at(-1)?.type === recordType.seal) {
    assert(seal.end === scan.end, "set aside: a seal is the last batch");
    yield* cutRange(fs, path, segment.bytes.subarray(0, scan.contentEnd), seal.start);
  }
}

/** Copies what lies from `start` on, then zeroes it: stale bytes behind the end must never be taken for records. */
function* cutRange(fs: FileSystem, path: string, content: Uint8Array, start: number): Task<void> {
  assert(start >= segmentHeaderBytes, "set aside: a header is never cut");
  if (start >= content.length) {
    return;
  }
  const bytes = content.subarray(start);
  const sum = crc32c(bytes).toString(16).padStart(8, "0");
  const copy = `${paths.cuts}/${path.slice(paths.wal.length + 1)}.${start}.${sum}`;
  yield* createFile(fs, `${copy}.tmp`, bytes);
  yield* rename(fs, `${copy}.tmp`, copy);
  yield* syncDirectory(fs, paths.cuts);
  const file = yield* open(fs, path, "write");
  yield* fillZero(file, start, content.length);
  yield* sync(file);
  yield* close(file);
}

/** Moves a file to the copies, under a name that no earlier one has. */
function* moveAside(fs: FileSystem, path: string): Task<void> {
  const taken = new Set((yield* list(fs, paths.cuts)).map(({ name }) => name));
  const [folder = "", name = ""] = path.split("/");
  assert(name.length > 0, "set aside: not a file of a folder");
  let count = 1;
  while (taken.has(`${name}.damaged-${count}`)) {
    count++;
  }
  try {
    yield* rename(fs, path, `${paths.cuts}/${name}.damaged-${count}`);
  } catch (error) {
    if (!(error instanceof FileError) || !isMissing(error)) {
      throw error;
    }
  }
  yield* syncDirectory(fs, paths.cuts);
  yield* syncDirectory(fs, folder);
}

/** Nothing of the log is left: it begins as a new one does, and a snapshot or the leader brings the rest. */
function* beginAnew(fs: FileSystem, identity: StoreIdentity, segmentBytes: number): Task<void> {
  yield* unlink(fs, paths.spare);
  const header = {
    sequence: 1,
    segmentBytes,
    lastIndex: 0,
    lastTerm: 0,
    previousEnd: 0,
    previousLink: 0,
    oldestSegment: 1,
  };
  const segment = yield* createSegment(fs, identity, header, null);
  yield* close(must(segment.file, "set aside: segment is not open"));
}
