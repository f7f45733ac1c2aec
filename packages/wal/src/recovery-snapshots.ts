/**
 * Which snapshot a restart begins from. A damaged one is found by its checksums before any state is replaced, and set aside
 * when an older one and the log reach far enough; a received one whose installation was interrupted is carried through.
 */
import { assert, must, type Task } from "@quorate/base";
import { corrupt, faulty } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import { list, paths, rename, syncDirectory, unlink } from "./files.ts";
import { damaged, type Fault } from "./format/fault.ts";
import type { StoreIdentity } from "./format/identity.ts";
import {
  parsePartialName,
  parseSnapshotName,
  partialSuffix,
  type SnapshotHeader,
  snapshotName,
} from "./format/snapshot.ts";
import type { LogOutline } from "./log-outline.ts";
import { type SnapshotDepth, verifySnapshot } from "./snapshot-files.ts";

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

/**
 * Finds the snapshot to begin from. `logLost`: damage has taken an end of the log, so that a snapshot may well lie beyond it; what it
 * holds was committed, and the log begins anew after it. @throws StorageError where none is left that the log continues; nothing is changed then.
 */
export function* recoverSnapshots(
  fs: FileSystem,
  identity: StoreIdentity,
  outline: LogOutline,
  logLost: boolean,
  report: (line: string) => void,
): Task<RecoveredSnapshots> {
  const candidates = yield* listSnapshots(fs);
  yield* syncDirectory(fs, paths.snapshots); // A name that is seen may not be durable yet.
  const durable: SnapshotHeader[] = [];
  const bad: { readonly candidate: Candidate; readonly fault: Fault }[] = [];
  for (const candidate of candidates) {
    if (durable.length === 2) {
      yield* unlink(fs, candidate.path); // A crash before the pruning.
      continue;
    }
    // PERF: the spare one is looked at when the newest turns out damaged. All of it at each start was a fifth of the time until a large
    // state is there, and nothing would be done about damage to it that the next snapshot, which takes its place, does not do.
    const depth = durable.length === 0 ? "whole" : "outline";
    const found = yield* verify(fs, candidate, identity, depth);
    if (!("fault" in found)) {
      durable.unshift(found);
    } else if (found.version !== null || (durable.length === 0 && candidate.index > outline.lastIndex)) {
      throw faulty(candidate.path, found); // Nothing else has what it held.
    } else {
      bad.push({ candidate, fault: found });
    }
  }
  const install = needsInstall(durable.at(-1) ?? null, bad[0] ?? null, outline, logLost);
  for (const { candidate, fault } of bad) {
    yield* setAside(fs, candidate, fault, report);
  }
  if (install) {
    report(
      `${paths.snapshots}: the log is begun anew after ${snapshotName(must(durable.at(-1), "snapshots: none to install").metadata)}`,
    );
  }
  return { durable, install };
}

/** Whether the log must be begun anew after the newest snapshot. @throws StorageError where the two do not fit together. */
function needsInstall(
  newest: SnapshotHeader | null,
  bad: { readonly candidate: Candidate; readonly fault: Fault } | null,
  outline: LogOutline,
  logLost: boolean,
): boolean {
  if (newest === null || newest.metadata.index < outline.baseIndex) {
    if (outline.baseIndex === 0) {
      return false;
    }
    throw bad === null
      ? corrupt(
          `${paths.snapshots}/`,
          0,
          `no snapshot at or after entry ${outline.baseIndex}, where the log begins: restore it`,
        )
      : faulty(bad.candidate.path, bad.fault);
  }
  const { index, term } = newest.metadata;
  if (index <= outline.lastIndex && outline.term(index) === term) {
    return false;
  }
  if (newest.origin === "local" && !logLost) {
    const name = snapshotName(newest.metadata);
    throw corrupt(paths.wal, 0, `${paths.snapshots}/${name} proves that the log once reached entry ${index}`);
  }
  return true;
}

/** Snapshot files, newest first. Temporary ones are removed, but for the newest interrupted reception. */
function* listSnapshots(fs: FileSystem): Task<Candidate[]> {
  const candidates: Candidate[] = [];
  const partials: Candidate[] = [];
  for (const entry of yield* list(fs, paths.snapshots)) {
    const path = `${paths.snapshots}/${entry.name}`;
    if (entry.name.endsWith(".tmp") && entry.kind === "file") {
      yield* unlink(fs, path);
      continue;
    }
    const partial = entry.kind === "file" ? parsePartialName(entry.name) : null;
    if (partial !== null) {
      partials.push({ path, ...partial });
      continue;
    }
    const name = parseSnapshotName(entry.name);
    if (name === null || entry.kind !== "file") {
      throw corrupt(path, 0, "is not a snapshot of this store: move it away");
    }
    candidates.push({ path, ...name });
  }
  candidates.sort(newestFirst);
  yield* keepPartial(fs, partials, candidates[0] ?? null);
  return candidates;
}

function newestFirst(left: Candidate, right: Candidate): number {
  return right.index - left.index || right.term - left.term;
}

/** Of interrupted receptions the newest is kept, so that it can go on, unless it is older than what is there. */
function* keepPartial(fs: FileSystem, partials: Candidate[], newest: Candidate | null): Task<void> {
  for (const [place, { index, path, term }] of partials.sort(newestFirst).entries()) {
    if (place > 0 || index <= (newest?.index ?? 0)) {
      yield* unlink(fs, path);
    } else if (!path.endsWith(partialSuffix)) {
      yield* rename(fs, path, `${paths.snapshots}/${snapshotName({ index, term })}${partialSuffix}`);
    }
  }
}

function* verify(
  fs: FileSystem,
  candidate: Candidate,
  identity: StoreIdentity,
  depth: SnapshotDepth,
): Task<SnapshotHeader | Fault> {
  const found = yield* verifySnapshot(fs, candidate.path, identity, depth);
  if ("fault" in found) {
    return found;
  }
  const { index, term } = found.metadata;
  return index === candidate.index && term === candidate.term
    ? found
    : damaged("the header is another snapshot's than the name", 16);
}

/** Moves a damaged snapshot, which nothing needs, out of the way. */
function* setAside(
  fs: FileSystem,
  candidate: Candidate,
  fault: Fault,
  report: (line: string) => void,
): Task<void> {
  assert(fault.fault.length > 0, "snapshot: fault without a reason");
  report(
    `${candidate.path}: ${fault.fault} at byte ${fault.offset}; set aside, another snapshot or the log serves`,
  );
  const name = candidate.path.slice(paths.snapshots.length + 1);
  yield* rename(fs, candidate.path, `${paths.cuts}/${name}`);
  yield* syncDirectory(fs, paths.cuts);
  yield* syncDirectory(fs, paths.snapshots);
}
