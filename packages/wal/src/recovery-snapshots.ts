/**
 * Which snapshot a restart begins from. A damaged one is found by its checksums before any state is replaced, and set aside
 * when an older one and the log reach far enough; a received one whose installation was interrupted is carried through.
 */
import { assert, type Task } from "@quorate/base";
import { corrupt, faulty } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import { list, paths, rename, syncDirectory, unlink } from "./files.ts";
import { damaged, type Fault } from "./format/fault.ts";
import type { StoreIdentity } from "./format/identity.ts";
import { parseSnapshotName, type SnapshotHeader } from "./format/snapshot.ts";
import type { LogOutline } from "./log-outline.ts";
import { verifySnapshot } from "./snapshot-files.ts";

/** What recovery found in the snapshot directory. */
export interface RecoveredSnapshots {
  /** At most the newest sound one and one older, oldest first. */
  readonly durable: SnapshotHeader[];
  /** The newest was received, but the log does not yet begin after it. */
  readonly install: boolean;
}

interface Candidate {
  readonly path: string;
  readonly index: number;
  readonly term: number;
}

/** Finds the snapshot to begin from. @throws StorageError where none is left that the log continues. */
export function* recoverSnapshots(
  fs: FileSystem,
  identity: StoreIdentity,
  outline: LogOutline,
  report: (line: string) => void,
): Task<RecoveredSnapshots> {
  const candidates = yield* listSnapshots(fs);
  const durable: SnapshotHeader[] = [];
  let install = false;
  for (const candidate of candidates) {
    if (durable.length === 2) {
      yield* unlink(fs, candidate.path); // A crash before the pruning.
      continue;
    }
    const found = yield* verify(fs, candidate, identity);
    if ("fault" in found) {
      yield* setAside(fs, candidate, found, outline, report);
      continue;
    }
    const fits = isWithin(outline, candidate);
    if (!fits && durable.length === 0) {
      if (found.origin === "local") {
        throw corrupt(
          paths.wal,
          0,
          `${candidate.path} proves that the log once reached entry ${candidate.index}`,
        );
      }
      if (candidate.index > outline.baseIndex) {
        report(`${candidate.path}: received, its installation was interrupted; carried through`);
        install = true;
      }
    }
    durable.unshift(found);
  }
  const newest = durable.at(-1);
  if (
    outline.baseIndex > 0 &&
    !install &&
    (newest === undefined || newest.metadata.index < outline.baseIndex)
  ) {
    const why = `no sound snapshot at or after entry ${outline.baseIndex}, where the log begins`;
    throw corrupt(`${paths.snapshots}/`, 0, why);
  }
  return { durable, install };
}

/** Snapshot files, newest first. Temporary ones are removed. */
function* listSnapshots(fs: FileSystem): Task<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const entry of yield* list(fs, paths.snapshots)) {
    const path = `${paths.snapshots}/${entry.name}`;
    if (entry.name.endsWith(".tmp") && entry.kind === "file") {
      yield* unlink(fs, path);
      continue;
    }
    const name = parseSnapshotName(entry.name);
    if (name === null || entry.kind !== "file") {
      throw corrupt(path, 0, "is not a snapshot of this store: move it away");
    }
    candidates.push({ path, ...name });
  }
  return candidates.sort((left, right) => right.index - left.index || right.term - left.term);
}

function* verify(
  fs: FileSystem,
  candidate: Candidate,
  identity: StoreIdentity,
): Task<SnapshotHeader | Fault> {
  const found = yield* verifySnapshot(fs, candidate.path, identity);
  if ("fault" in found) {
    return found;
  }
  const { index, term } = found.metadata;
  return index === candidate.index && term === candidate.term
    ? found
    : damaged("the header is another snapshot's than the name", 16);
}

/** Whether the log holds, or begins at, the entry at which the snapshot ends. */
function isWithin(outline: LogOutline, snapshot: Candidate): boolean {
  const { index, term } = snapshot;
  return index >= outline.baseIndex && index <= outline.lastIndex && outline.term(index) === term;
}

/** Moves a damaged snapshot out of the way, if the log has all that was in it. */
function* setAside(
  fs: FileSystem,
  candidate: Candidate,
  fault: Fault,
  outline: LogOutline,
  report: (line: string) => void,
): Task<void> {
  assert(fault.fault.length > 0, "snapshot: fault without a reason");
  if (fault.version !== null || candidate.index > outline.lastIndex) {
    // Nothing else has what it held.
    throw faulty(candidate.path, fault);
  }
  if (candidate.index <= outline.baseIndex && candidate.index === outline.baseIndex) {
    throw faulty(candidate.path, fault);
  }
  report(
    `${candidate.path}: ${fault.fault} at byte ${fault.offset}; set aside, an older state and the log serve`,
  );
  const name = candidate.path.slice(paths.snapshots.length + 1);
  yield* rename(fs, candidate.path, `${paths.cuts}/${name}`);
  yield* syncDirectory(fs, paths.cuts);
  yield* syncDirectory(fs, paths.snapshots);
}
