/** Reading whose data a store is, and giving a copy of it to another cluster: what recovery from a lost quorum needs. */
import { assert, runTask, type Task, wait } from "@quorate/base";
import type { Completed, CompletedWith } from "@quorate/raft";
import { readWal, type WalSummary } from "./dump.ts";
import { ioFailure } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import { createFile, paths, rename, syncDirectory } from "./files.ts";
import { encodeMetadata, type StoreMetadata } from "./format/identity.ts";
import { createSlots } from "./hard-state-slots.ts";
import { readIdentity } from "./recovery.ts";
import { readFloor, writeFloor } from "./vote-floor.ts";

/** Reads whose data the store in `fileSystem` is. Fails with STORAGE_CORRUPT where there is none, or its identity file is damaged. */
export function readStoreMetadata(fileSystem: FileSystem, completed: CompletedWith<StoreMetadata>): void {
  runTask(readIdentity(fileSystem), (error, metadata) => {
    if (error === null && metadata !== undefined) {
      completed(null, metadata);
    } else {
      completed(ioFailure(error ?? new Error("identity: none")));
    }
  });
}

/**
 * Makes a closed store another cluster's, durably and in one step. Only for a copy that nobody counts on: members of the old cluster
 * refuse it from then on, and what it may have acknowledged there binds it no longer.
 */
export function moveStoreToCluster(fileSystem: FileSystem, clusterId: number, completed: Completed): void {
  assert(Number.isSafeInteger(clusterId) && clusterId > 0, "cluster id: not a safe positive integer");
  runTask(move(fileSystem, clusterId), (error) => completed(error === null ? null : ioFailure(error)));
}

/**
 * Makes both files of term and vote anew where both are bad: in the highest term that anything in the log names, without a vote. Only for
 * a copy that becomes another cluster's, in which nobody counts on what this member voted.
 */
export function forgetVote(fileSystem: FileSystem, completed: Completed): void {
  runTask(forget(fileSystem), (error) => completed(error === null ? null : ioFailure(error)));
}

function* forget(fs: FileSystem): Task<void> {
  const identity = yield* readIdentity(fs);
  let term = 0;
  yield* wait<WalSummary>((done) => {
    readWal(
      fs,
      (fact) => {
        term = fact.kind === "record" ? Math.max(term, fact.record.term) : term;
      },
      done,
    );
  });
  yield* createSlots(fs, identity, term);
  yield* syncDirectory(fs, "");
}

function* move(fs: FileSystem, clusterId: number): Task<void> {
  const metadata = yield* readIdentity(fs);
  assert(metadata.clusterId !== clusterId, "cluster id: the same as before");
  yield* createFile(fs, `${paths.metadata}.tmp`, encodeMetadata({ ...metadata, clusterId }));
  yield* rename(fs, `${paths.metadata}.tmp`, paths.metadata);
  yield* syncDirectory(fs, "");
  if ((yield* readFloor(fs, metadata)) !== null) {
    yield* writeFloor(fs, metadata, null);
  }
}
