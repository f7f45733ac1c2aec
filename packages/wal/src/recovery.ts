/**
 * Opening a store: creating it, or finding everything again. What a crash tore above the durable mark is cut, with a copy
 * kept; anything else that is not as it was written is refused by name.
 */
import { assert, crc32c, must, type Task } from "@quorate/base";
import { StorageError, type VoteFloor } from "@quorate/raft";
import type { StoreCipher } from "./cipher.ts";
import { corrupt, faulty } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import {
  close,
  createFile,
  fillBytes,
  fillZero,
  list,
  makeDirectory,
  open,
  paths,
  read,
  readFile,
  rename,
  sync,
  syncDirectory,
  unlink,
  write,
} from "./files.ts";
import { decodeMetadata, encodeMetadata, type StoreMetadata } from "./format/identity.ts";
import { slotNames } from "./format/slot.ts";
import { createSlots, type HardStateSlots, openSlots } from "./hard-state-slots.ts";
import { type RecoveredLog, readSegmentFiles, recoverLog, removeLeftovers } from "./recovery-log.ts";
import { type RecoveredSnapshots, recoverSnapshots } from "./recovery-snapshots.ts";
import { createSegment, type Segment, SegmentSet } from "./segment-set.ts";
import { describeFloor, readFloor } from "./vote-floor.ts";

/** Everything that opening a store found, ready to be written on. */
export interface RecoveredStore {
  readonly metadata: StoreMetadata;
  readonly created: boolean;
  readonly slots: HardStateSlots;
  readonly segments: SegmentSet;
  readonly log: RecoveredLog;
  readonly snapshots: RecoveredSnapshots;
  /** What the log once reached, while it is being repaired; null when it is whole. */
  readonly voteFloor: VoteFloor | null;
  /** What an operator should know: repairs, cuts, interrupted work carried through. One sentence each. */
  readonly report: readonly string[];
}

/** Opens the store in `fs`, creating it from `bootstrap` where there is none. */
export function* recoverStore(
  fs: FileSystem,
  expected: { readonly clusterId: number; readonly nodeId: number },
  bootstrap: StoreMetadata | null,
  segmentBytes: number,
  cipher: StoreCipher | null,
): Task<RecoveredStore> {
  const report: string[] = [];
  const created = yield* createIfAbsent(fs, bootstrap, segmentBytes);
  const metadata = yield* readMetadata(fs, expected);
  yield* checkParts(fs);
  const slots = yield* openSlots(fs, metadata, (line) => report.push(line));
  try {
    const parts = yield* recoverParts(fs, metadata, slots.term, segmentBytes, cipher, report);
    return { metadata, created, slots, report, ...parts };
  } catch (error) {
    yield* slots.close();
    throw error;
  }
}

/** Log and snapshots, and the segments opened for writing. Nothing is changed before everything is known to be in order. */
function* recoverParts(
  fs: FileSystem,
  metadata: StoreMetadata,
  slotTerm: number,
  segmentBytes: number,
  cipher: StoreCipher | null,
  report: string[],
): Task<Pick<RecoveredStore, "segments" | "log" | "snapshots" | "voteFloor">> {
  const files = yield* readSegmentFiles(fs, metadata);
  const log = yield* recoverLog(fs, files, cipher);
  if (log.durableTerm > slotTerm) {
    throw corrupt(
      slotNames[0],
      0,
      `both slots lost a write: the log says that term ${log.durableTerm} was durable`,
    );
  }
  const voteFloor = yield* readFloor(fs, metadata);
  const snapshots = yield* recoverSnapshots(fs, metadata, log.outline, voteFloor !== null, (line) => {
    report.push(line);
  });
  if (voteFloor !== null) {
    report.push(describeFloor(voteFloor));
  }
  if (log.torn !== null) {
    report.push(yield* cutTorn(fs, log.torn));
  }
  const segments = yield* openSegments(fs, metadata, log, segmentBytes, cipher);
  // Only now: the record that makes a segment a leftover is durable.
  yield* removeLeftovers(fs, log.leftovers);
  yield* syncDirectory(fs, paths.wal);
  return { segments, log, snapshots, voteFloor };
}

/** Creates the store unless it exists. @throws StorageError where parts of one exist without its identity. */
function* createIfAbsent(
  fs: FileSystem,
  bootstrap: StoreMetadata | null,
  segmentBytes: number,
): Task<boolean> {
  const names = new Set((yield* list(fs, "")).map((entry) => entry.name));
  if (names.has(paths.metadata)) {
    return false;
  }
  if (!names.has(paths.creating)) {
    for (const part of [paths.wal, paths.snapshots, ...slotNames]) {
      if (names.has(part)) {
        throw corrupt(
          paths.metadata,
          0,
          `is missing although ${part} exists: restore it, never start such a member empty`,
        );
      }
    }
  }
  if (bootstrap === null) {
    throw corrupt(paths.metadata, 0, "is missing: this directory holds no store");
  }
  yield* create(fs, bootstrap, segmentBytes);
  return true;
}

/**
 * Creates a store. The identity is durable, under a name that says 'incomplete', before anything else exists, and gets its
 * final name when everything else is durable: no crash leaves a directory that looks like a store that lost a part.
 */
function* create(fs: FileSystem, metadata: StoreMetadata, segmentBytes: number): Task<void> {
  // By a rename, which replaces what an earlier attempt left in one step: there is always one or the other.
  yield* createFile(fs, `${paths.creating}.tmp`, encodeMetadata(metadata));
  yield* rename(fs, `${paths.creating}.tmp`, paths.creating);
  yield* syncDirectory(fs, "");
  for (const path of [paths.wal, paths.snapshots, paths.cuts]) {
    yield* makeDirectory(fs, path);
  }
  for (const leftover of yield* list(fs, paths.wal)) {
    yield* unlink(fs, `${paths.wal}/${leftover.name}`);
  }
  yield* createSlots(fs, metadata, 0);
  const first = {
    sequence: 1,
    segmentBytes,
    lastIndex: 0,
    lastTerm: 0,
    previousEnd: 0,
    previousLink: 0,
    oldestSegment: 1,
  };
  const segment = yield* createSegment(fs, metadata, first, null);
  yield* close(must(segment.file, "create: segment is not open"));
  yield* syncDirectory(fs, paths.snapshots);
  yield* syncDirectory(fs, paths.cuts);
  yield* syncDirectory(fs, "");
  yield* rename(fs, paths.creating, paths.metadata);
  yield* syncDirectory(fs, "");
}

/** Whose data this is. @throws StorageError when the identity file is missing or damaged. */
export function* readIdentity(fs: FileSystem): Task<StoreMetadata> {
  const decoded = decodeMetadata(yield* readFile(fs, paths.metadata));
  if ("fault" in decoded) {
    throw faulty(paths.metadata, decoded);
  }
  return decoded.metadata;
}

function* readMetadata(
  fs: FileSystem,
  expected: { readonly clusterId: number; readonly nodeId: number },
): Task<StoreMetadata> {
  const metadata = yield* readIdentity(fs);
  for (const field of ["clusterId", "nodeId"] as const) {
    if (metadata[field] !== expected[field]) {
      throw new StorageError({
        code: "STORAGE_FOREIGN",
        file: paths.metadata,
        found: `${field} ${metadata[field]}`,
        expected: `${field} ${expected[field]}`,
      });
    }
  }
  return metadata;
}

/** Names the part that is missing or is not what it should be, before anything is read from it. */
function* checkParts(fs: FileSystem): Task<void> {
  const kinds = new Map((yield* list(fs, "")).map((entry) => [entry.name, entry.kind]));
  for (const path of [paths.wal, paths.snapshots]) {
    const kind = kinds.get(path);
    if (kind !== "directory") {
      throw corrupt(
        path,
        0,
        kind === undefined ? "is missing: restore it" : "is not a directory: move it away, restore it",
      );
    }
  }
  for (const path of slotNames) {
    const kind = kinds.get(path);
    if (kind !== undefined && kind !== "file") {
      throw corrupt(path, 0, "is not a file: move it away, it is made again from the other slot");
    }
  }
  if (kinds.get(paths.cuts) === undefined) {
    yield* makeDirectory(fs, paths.cuts);
    yield* syncDirectory(fs, "");
  }
}

/** Copies what is torn, then zeroes it: stale bytes behind the end must never be taken for records. Returns the line to log. */
function* cutTorn(fs: FileSystem, torn: NonNullable<RecoveredLog["torn"]>): Task<string> {
  assert(torn.start < torn.end, "cut: empty range");
  const file = yield* open(fs, torn.path, "write");
  const bytes = yield* read(file, torn.start, torn.end - torn.start);
  const name = torn.path.slice(paths.wal.length + 1);
  const copy = `${paths.cuts}/${name}.${torn.start}.${crc32c(bytes).toString(16).padStart(8, "0")}`;
  yield* keepCopy(fs, copy, bytes);
  yield* fillZero(file, torn.start, torn.end);
  yield* sync(file);
  yield* close(file);
  return `${torn.path}: ${torn.why}; ${torn.end - torn.start} bytes from ${torn.start} on were never acknowledged and are cut, copy in ${copy}`;
}

function* keepCopy(fs: FileSystem, path: string, bytes: Uint8Array): Task<void> {
  assert(bytes.length > 0, "cut: nothing to keep");
  const temporary = `${path}.tmp`;
  yield* unlink(fs, temporary);
  const file = yield* open(fs, temporary, "create");
  for (let offset = 0; offset < bytes.length; offset += fillBytes) {
    yield* write(file, offset, bytes.subarray(offset, offset + fillBytes));
  }
  yield* sync(file);
  yield* close(file);
  yield* rename(fs, temporary, path);
  yield* syncDirectory(fs, paths.cuts);
}

/**
 * Opens the segments. What was read may be in the page cache alone, after a process was killed: the newest segment is synced,
 * and the one before, whose seal may have been the last thing written.
 */
function* openSegments(
  fs: FileSystem,
  metadata: StoreMetadata,
  log: RecoveredLog,
  segmentBytes: number,
  cipher: StoreCipher | null,
): Task<SegmentSet> {
  const segments: Segment[] = [];
  for (const { file, end } of log.segments) {
    const { sequence, segmentBytes: bytes } = file.header;
    segments.push({ sequence, path: file.path, seed: file.seed, segmentBytes: bytes, end, file: null });
  }
  const sealed = segments.at(-2);
  if (sealed !== undefined) {
    sealed.file = yield* open(fs, sealed.path, "write");
    yield* sync(sealed.file);
  }
  const newest = must(segments.at(-1), "recovery: no segment");
  newest.file = yield* open(fs, newest.path, "write");
  yield* sync(newest.file);
  return new SegmentSet(fs, metadata, segmentBytes, segments, cipher);
}
