/** Databases in folders of their own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Completed, type Entry, type StorageBatch, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { LmdbStorage, type LmdbStorageLimits, type LmdbStorageStart } from "@quorate/storage-lmdb";

export const start: Omit<LmdbStorageStart, "dataDir"> = {
  id: toNodeId(1),
  clusterId: 7,
  voters: [toNodeId(1), toNodeId(2), toNodeId(3)],
};

export function folder(t?: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "quorate-lmdb-"));
  t?.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export function openIn(dataDir: string, limits: LmdbStorageLimits = {}): Promise<LmdbStorage> {
  return LmdbStorage.open({ ...start, dataDir }, limits);
}

export function done(begin: (completed: Completed) => void): Promise<void> {
  return new Promise((resolve, reject) => begin((error) => (error === null ? resolve() : reject(error))));
}

export function write(storage: LmdbStorage, batch: Partial<StorageBatch>): Promise<void> {
  return done((completed) =>
    storage.write({ hardState: null, entries: [], snapshot: null, mustSync: true, ...batch }, completed),
  );
}

export function close(storage: LmdbStorage): Promise<void> {
  return done((completed) => storage.close(completed));
}

export function entries(first: number, last: number, term: number, bytes = 8): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    index: toLogIndex(first + i),
    term: toTerm(term),
    type: "normal",
    data: new Uint8Array(bytes).fill((first + i) & 255),
  }));
}

export function metadata(
  index: number,
  term: number,
): {
  index: ReturnType<typeof toLogIndex>;
  term: ReturnType<typeof toTerm>;
  confState: LmdbStorage["initial"]["confState"];
} {
  const confState = {
    voters: start.voters,
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  return { index: toLogIndex(index), term: toTerm(term), confState };
}
