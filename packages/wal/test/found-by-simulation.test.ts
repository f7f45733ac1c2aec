/** Mistakes that the simulator found, each as the shortest schedule that shows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type SnapshotSource, StorageError, toLogIndex, toTerm } from "@quorate/raft";
import { MemoryFileSystem, type MemoryOperation } from "@quorate/wal/testing";
import { append, confState, entry, failure, makeSnapshot, now, openNow, readLog } from "./support.ts";

test("entries written after the whole log was compacted are found again, by a load and by the next compaction", () => {
  const storage = openNow(new MemoryFileSystem(), { segmentBytes: 65_536, windowBytesMax: 64 });
  append(storage, [entry(1, 1), entry(2, 1)], 2);
  makeSnapshot(storage, 2, 1);
  now((completed) => storage.compact(toLogIndex(2), completed));
  append(storage, [entry(3, 1, 100), entry(4, 1, 100), entry(5, 1, 100)], 5);
  assert.equal(readLog(storage).length, 3);
  makeSnapshot(storage, 4, 1);
  now((completed) => storage.compact(toLogIndex(4), completed));
  assert.equal(storage.firstIndex, 5);
});

test("a batch that is under way when another call fails is told of the failure, and only of that", () => {
  const held: MemoryOperation[] = [];
  let holdLog = false;
  const fs = new MemoryFileSystem({
    schedule: (operation) => {
      if (holdLog && operation.path.startsWith("wal/")) {
        held.push(operation);
      } else {
        operation.run();
      }
    },
    fault: (operation) =>
      holdLog && operation.path.startsWith("snap/") && operation.kind === "sync" ? "EIO" : null,
  });
  const storage = openNow(fs, { segmentBytes: 65_536 });
  append(storage, [entry(1, 1)], 1);
  holdLog = true;
  const outcomes: (Error | null)[] = [];
  storage.write({ hardState: null, entries: [entry(2, 1)], snapshot: null, mustSync: true }, (error) =>
    outcomes.push(error),
  );
  const sink = storage.createSnapshot({ index: toLogIndex(1), term: toTerm(1), confState });
  sink.write(new Uint8Array(10), () => {});
  sink.finish((error) => assert.ok(error !== null));
  assert.equal(outcomes.length, 1);
  assert.ok(outcomes[0] instanceof Error);
  while (held.length > 0) {
    held.shift()?.run();
  }
  assert.equal(outcomes.length, 1, "the batch's own sync succeeds later, and says nothing any more");
});

test("an image that is closed while it is being read stays open until the read is done", () => {
  const held: MemoryOperation[] = [];
  const calls: string[] = [];
  let hold = false;
  const fs = new MemoryFileSystem({
    schedule: (operation) => {
      if (hold) {
        calls.push(operation.kind);
        held.push(operation);
      } else {
        operation.run();
      }
    },
  });
  const storage = openNow(fs, { segmentBytes: 65_536 });
  append(storage, [entry(1, 1)], 1);
  makeSnapshot(storage, 1, 1);
  const source = now<SnapshotSource>((completed) => storage.openSnapshot(completed));
  hold = true;
  let length = -1;
  source.read(0, 10, (error, bytes) => {
    assert.equal(error, null);
    length = bytes?.length ?? -1;
  });
  source.close();
  assert.deepEqual(calls, ["read"]);
  while (held.length > 0) {
    held.shift()?.run();
  }
  assert.equal(length, 10);
  assert.deepEqual(calls, ["read", "close"]);
});

test("an image that is replaced and removed while it is being opened: the one that took its place is opened", () => {
  const held: MemoryOperation[] = [];
  let hold = false;
  const fs = new MemoryFileSystem({
    schedule: (operation) => {
      if (hold && operation.kind === "open" && operation.path.endsWith(".snap")) {
        held.push(operation);
      } else {
        operation.run();
      }
    },
  });
  const storage = openNow(fs, { segmentBytes: 65_536 });
  append(storage, [entry(1, 1), entry(2, 1), entry(3, 1)], 3);
  makeSnapshot(storage, 1, 1);
  hold = true;
  const opened: SnapshotSource[] = [];
  storage.openSnapshot((error, source) => {
    assert.equal(error, null);
    opened.push(source as SnapshotSource);
  });
  // Two are kept: with the second of these the first one goes.
  makeSnapshot(storage, 2, 1);
  makeSnapshot(storage, 3, 1);
  while (held.length > 0) {
    held.shift()?.run();
  }
  assert.deepEqual(
    opened.map(({ metadata }) => metadata.index),
    [3],
  );
});

test("an image that is gone though nothing took its place is a failure, and not looked for again", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 65_536 });
  append(storage, [entry(1, 1)], 1);
  makeSnapshot(storage, 1, 1);
  const path = fs.files().find((name) => name.endsWith(".snap")) ?? "";
  now<void>((completed) => fs.unlink(path, completed));
  const error = failure((completed) => storage.openSnapshot(completed));
  assert.ok(error instanceof StorageError && error.info.code === "STORAGE_IO", String(error));
});

test("entries that are cut off while a load waits for its turn are not looked for", () => {
  const held: MemoryOperation[] = [];
  let hold = false;
  const fs = new MemoryFileSystem({
    schedule: (operation) => {
      if (hold && operation.kind === "read") {
        held.push(operation);
      } else {
        operation.run();
      }
    },
  });
  const storage = openNow(fs, { segmentBytes: 65_536, windowBytesMax: 64 });
  append(
    storage,
    [1, 2, 3, 4, 5, 6].map((index) => entry(index, 1, 100)),
    1,
  );
  hold = true;
  const outcomes: (Error | null)[] = [];
  const load = (low: number): void => {
    storage.load(toLogIndex(low), toLogIndex(6), 10_000, (error) => outcomes.push(error));
  };
  load(2);
  load(3);
  append(storage, [entry(3, 2, 100)], 1); // The leader of a later term has nothing behind it.
  while (held.length > 0) {
    held.shift()?.run();
  }
  assert.deepEqual(outcomes, [null, null]);
  assert.equal(storage.lastIndex, 3);
  hold = false;
  assert.deepEqual(
    readLog(storage).map((line) => line.split(" ")[0]),
    ["1/1", "2/1", "3/2"],
  );
});

test("a length that no record has is damage also while a store is open, and no place to go on from", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 65_536, windowBytesMax: 64 });
  for (let index = 1; index <= 6; index++) {
    append(storage, [entry(index, 1, 100)], index);
  }
  const path = fs.files().find((name) => name.endsWith(".log")) ?? "";
  const lengthAt = placeOf(fs.content(path), entry(2, 1, 100).data) - 40;
  // The highest bit: with it a record would reach back.
  fs.flipBit(path, (lengthAt + 3) * 8 + 7);
  const error = failure((completed) => storage.load(toLogIndex(1), toLogIndex(4), 10_000, completed));
  assert.ok(error instanceof StorageError && error.info.code === "STORAGE_CORRUPT", String(error));
});

function placeOf(content: Uint8Array, data: Uint8Array): number {
  return Buffer.from(content).indexOf(Buffer.from(data));
}
