/** What the tests of the store share: opening, waiting, entries, reading everything back. */
import assert from "node:assert/strict";
import { type Completed, type ConfState, type Entry, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { type FileSystem, openWal, type WalOptions, type WalStorage } from "@quorate/wal";

const nodeId = toNodeId(1);
export const confState: ConfState = {
  voters: [nodeId, toNodeId(2), toNodeId(3)],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const bootstrap = {
  storeId: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  confState,
  application: Uint8Array.of(1, 2, 3),
};

export function optionsFor(fileSystem: FileSystem, more: Partial<WalOptions> = {}): WalOptions {
  return { fileSystem, clusterId: 77, nodeId, bootstrap, segmentBytes: 4096, ...more };
}

/** Opens a store on a file system that completes at once. */
export function openNow(fileSystem: FileSystem, more: Partial<WalOptions> = {}): WalStorage {
  return now<WalStorage>((completed) => openWal(optionsFor(fileSystem, more), completed));
}

/** The value of a call that completes before it returns. */
export function now<T = void>(call: (completed: (error: Error | null, value?: T) => void) => void): T {
  let outcome: { readonly error: Error | null; readonly value: T | undefined } | null = null;
  call((error, value) => {
    assert.equal(outcome, null, "completed twice");
    outcome = { error, value };
  });
  const done = outcome as { readonly error: Error | null; readonly value: T | undefined } | null;
  assert.ok(done !== null, "did not complete");
  if (done.error !== null) {
    throw done.error;
  }
  return done.value as T;
}

/** The error of a call that must fail before it returns. */
export function failure(call: (completed: Completed) => void): Error {
  try {
    now(call);
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  throw new Error("the call succeeded");
}

export function entry(index: number, term: number, bytes = 20): Entry {
  return {
    index: toLogIndex(index),
    term: toTerm(term),
    type: "normal",
    data: Uint8Array.from({ length: bytes }, (_, i) => (index * 7 + term * 31 + i) & 0xff),
  };
}

export function hardState(term: number, vote: number, commit: number) {
  return { term: toTerm(term), vote: vote as typeof nodeId, commit: toLogIndex(commit) };
}

export function append(
  storage: WalStorage,
  entries: readonly Entry[],
  commit: number | null = null,
  term = 1,
): void {
  const state = commit === null ? null : hardState(term, 1, commit);
  now((completed) => storage.write({ hardState: state, entries, snapshot: null, mustSync: true }, completed));
}

/** One line per entry of the whole log, read back from disk where it is not in memory. */
export function readLog(storage: WalStorage): string[] {
  const lines: string[] = [];
  for (let index = storage.firstIndex; index <= storage.lastIndex; ) {
    const end = toLogIndex(storage.lastIndex + 1);
    let entries = storage.entries(index, end, 2000);
    if (entries === "pending") {
      now((completed) => storage.load(index, end, 2000, completed));
      entries = storage.entries(index, end, 2000);
    }
    assert.ok(typeof entries !== "string", `entries at ${index}: ${String(entries)}`);
    for (const found of entries) {
      assert.equal(found.index, index);
      assert.equal(storage.term(found.index), found.term);
      lines.push(describe(found));
      index = toLogIndex(index + 1);
    }
  }
  return lines;
}

export function describe(found: Entry): string {
  return `${found.index}/${found.term} ${found.type} ${Buffer.from(found.data).toString("hex")}`;
}

/** Makes a local snapshot with an image that its index determines. */
export function makeSnapshot(storage: WalStorage, index: number, term: number, bytes = 100): void {
  const sink = storage.createSnapshot({ index: toLogIndex(index), term: toTerm(term), confState });
  now((completed) => sink.write(image(index, bytes), completed));
  now((completed) => sink.finish(completed));
}

export function image(index: number, bytes = 100): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (index + i * 3) & 0xff);
}
