/**
 * How far a damaged log once reached, as far as anything on the disk still tells: every readable header and mark, the names of
 * snapshots, and what an earlier opening noted. Too low a floor would elect a leader that lacks an acknowledged entry, so
 * whatever cannot be read makes it unknown.
 */
import { assert, type Task } from "@quorate/base";
import { type LogId, toLogIndex, toTerm, type VoteFloor } from "@quorate/raft";
import { faulty, isMissing } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import { close, createFile, list, open, paths, read, rename, size, syncDirectory, unlink } from "./files.ts";
import type { StoreIdentity } from "./format/identity.ts";
import { parseSegmentName } from "./format/segment.ts";
import { parseSnapshotName } from "./format/snapshot.ts";
import { decodeFloor, encodeFloor } from "./format/vote-floor.ts";
import { readSegment } from "./recovery-log.ts";
import { scanSegment } from "./segment-scan.ts";

/** Whether `id` is at least `floor`, as logs are compared in elections. RAFT §3.6.1. */
function isAbove(id: LogId, floor: LogId): boolean {
  return id.term > floor.term || (id.term === floor.term && id.index > floor.index);
}

/** What a floor means, for the operator. */
export function describeFloor(floor: VoteFloor): string {
  return floor === "unknown"
    ? "the log is damaged and does not tell how far it reached: no vote until a leader has repaired it"
    : `the log is damaged: no vote below entry ${floor.index} of term ${floor.term} until a leader has repaired it`;
}

/** The floor that an earlier opening noted; null where there is none. One that cannot be read is unknown. */
export function* readFloor(fs: FileSystem, identity: StoreIdentity | null): Task<VoteFloor | null> {
  let bytes: Uint8Array;
  try {
    const file = yield* open(fs, paths.floor, "read");
    bytes = yield* read(file, 0, yield* size(file));
    yield* close(file);
  } catch (error) {
    if (isMissing(error)) {
      return null;
    }
    throw error;
  }
  const decoded = decodeFloor(bytes, identity);
  return "fault" in decoded ? "unknown" : decoded.floor;
}

/** Notes a floor durably, in place of an earlier one; null when the log has reached it. */
export function* writeFloor(fs: FileSystem, identity: StoreIdentity, floor: VoteFloor | null): Task<void> {
  if (floor === null) {
    yield* unlink(fs, paths.floor);
  } else {
    yield* createFile(fs, `${paths.floor}.tmp`, encodeFloor(identity, floor));
    yield* rename(fs, `${paths.floor}.tmp`, paths.floor);
  }
  yield* syncDirectory(fs, "");
}

/** The floor of the log as it lies there, damaged. Changes nothing. */
export function* findFloor(fs: FileSystem, identity: StoreIdentity): Task<VoteFloor> {
  const noted = yield* readFloor(fs, identity);
  const logs = yield* highestInSegments(fs, identity);
  if (noted === "unknown" || logs === "unknown") {
    return "unknown";
  }
  let floor = noted !== null && isAbove(noted, logs) ? noted : logs;
  for (const { name } of yield* list(fs, paths.snapshots)) {
    const found = parseSnapshotName(name);
    const id = found === null ? null : { term: toTerm(found.term), index: toLogIndex(found.index) };
    floor = id !== null && isAbove(id, floor) ? id : floor;
  }
  assert(noted === null || !isAbove(noted, floor), "floor: it never sinks");
  assert(!isAbove(logs, floor), "floor: below what the segments name");
  return floor;
}

/** The highest log id that the segments name; unknown where the newest one cannot be read: nothing else names what it held. */
function* highestInSegments(fs: FileSystem, identity: StoreIdentity): Task<VoteFloor> {
  let highest: LogId = { term: toTerm(0), index: toLogIndex(0) };
  let newest = { sequence: 0, readable: false };
  for (const { name } of yield* list(fs, paths.wal)) {
    assert(newest.sequence >= 0, "floor: no segment before the first");
    const parsed = parseSegmentName(name);
    if (parsed === null) {
      continue;
    }
    const found = yield* readSegment(fs, `${paths.wal}/${name}`, identity);
    let readable = false;
    if ("fault" in found) {
      if (found.version !== null) {
        throw faulty(`${paths.wal}/${name}`, found); // Another program's, not damaged.
      }
    } else {
      const { floor, sealed } = scanSegment(found, found, () => {});
      const id = { term: toTerm(floor.term), index: toLogIndex(floor.index) };
      highest = isAbove(id, highest) ? id : highest;
      readable = !sealed; // A seal says that the log goes on in a segment that is not there.
    }
    if (parsed.sequence >= newest.sequence) {
      newest = { sequence: parsed.sequence, readable };
    }
  }
  assert(highest.index > 0 || highest.term === 0, "floor: a term without an entry");
  return newest.readable ? highest : "unknown";
}
