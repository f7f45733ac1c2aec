/** Snapshots: made, received, read back, kept, fallen back from. RAFT §5.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { type SnapshotSource, StorageError, toLogIndex, toTerm } from "@quorate/raft";
import type { WalStorage } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";
import {
  append,
  confState,
  entry,
  hardState,
  image,
  makeSnapshot,
  now,
  openNow,
  readLog,
} from "./support.ts";

function filled(fs: MemoryFileSystem, count = 6): WalStorage {
  const storage = openNow(fs, { segmentBytes: 1024 });
  for (let index = 1; index <= count; index++) {
    append(storage, [entry(index, 1, 200)], index);
  }
  return storage;
}

/** A closed store with snapshots at 2 and at 4, whose log begins behind `compacted`. */
function withSpare(compacted: number): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  const storage = filled(fs);
  makeSnapshot(storage, 2, 1);
  makeSnapshot(storage, 4, 1);
  now((completed) => storage.compact(toLogIndex(compacted), completed));
  now((completed) => storage.close(completed));
  return fs;
}

function readImage(storage: WalStorage): Uint8Array {
  const source = now<SnapshotSource>((completed) => storage.openSnapshot(completed));
  const parts: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const part = now<Uint8Array>((completed) => source.read(offset, 50_000, completed));
    if (part.length === 0) {
      assert.equal(offset, source.bytes);
      source.close();
      return Buffer.concat(parts);
    }
    parts.push(part);
    offset += part.length;
  }
}

test("an image of several chunks is read back from anywhere", () => {
  const storage = filled(new MemoryFileSystem());
  assert.equal(storage.snapshot(), null);
  const sink = storage.createSnapshot({ index: toLogIndex(4), term: toTerm(1), confState });
  assert.equal(storage.snapshot(), "pending");
  const bytes = image(4, 200_000);
  for (let offset = 0; offset < bytes.length; offset += 7777) {
    now((completed) => sink.write(bytes.subarray(offset, offset + 7777), completed));
  }
  now((completed) => sink.finish(completed));
  assert.deepEqual(storage.snapshot(), { index: 4, term: 1, confState });
  assert.ok(Buffer.from(bytes).equals(readImage(storage)));
  const source = now<SnapshotSource>((completed) => storage.openSnapshot(completed));
  const middle = now<Uint8Array>((completed) => source.read(65_530, 20, completed));
  assert.deepEqual(middle, bytes.slice(65_530, 65_550));
});

test("an empty image, and an aborted one, of which nothing remains", () => {
  const fs = new MemoryFileSystem();
  const storage = filled(fs);
  const aborted = storage.createSnapshot({ index: toLogIndex(3), term: toTerm(1), confState });
  now((completed) => aborted.write(image(3), completed));
  aborted.abort();
  assert.deepEqual(
    fs.files().filter((path) => path.startsWith("snap/")),
    [],
  );
  assert.equal(storage.snapshot(), null);
  makeSnapshot(storage, 3, 1, 0);
  assert.equal(readImage(storage).length, 0);
});

test("the newest and one older are kept; segments below the compacted index go", () => {
  const fs = new MemoryFileSystem();
  const storage = filled(fs);
  for (const index of [2, 3, 5]) {
    makeSnapshot(storage, index, 1);
  }
  const segments = (): number => fs.files().filter((path) => path.endsWith(".log")).length;
  const before = segments();
  now((completed) => storage.compact(toLogIndex(5), completed));
  assert.ok(segments() < before, "no segment was removed");
  assert.equal(storage.firstIndex, 6);
  assert.equal(storage.term(toLogIndex(5)), 1);
  assert.equal(storage.term(toLogIndex(4)), "compacted");
  assert.equal(storage.term(toLogIndex(7)), "unavailable");
  assert.deepEqual(
    fs.files().filter((path) => path.startsWith("snap/")),
    ["snap/0000000000000003-0000000000000001.snap", "snap/0000000000000005-0000000000000001.snap"],
  );
  const again = openNow(fs.crash(new Prng(1), "lose"), { segmentBytes: 1024 });
  assert.equal(again.firstIndex, 6);
  assert.equal(readLog(again).length, 1);
});

test("a received snapshot replaces the log with its batch, not before", () => {
  const fs = new MemoryFileSystem();
  const storage = filled(fs);
  const metadata = { index: toLogIndex(50), term: toTerm(3), confState };
  const sink = storage.receiveSnapshot(metadata);
  now((completed) => sink.write(image(50), completed));
  now((completed) => sink.finish(completed));
  assert.equal(storage.snapshot(), null);
  assert.equal(openNow(fs.clone(), { segmentBytes: 1024 }).lastIndex, 6);
  const batch = {
    hardState: hardState(3, 0, 50),
    entries: [entry(51, 3)],
    snapshot: metadata,
    mustSync: true,
  };
  now((completed) => storage.write(batch, completed));
  for (const store of [storage, openNow(fs.crash(new Prng(1), "lose"), { segmentBytes: 1024 })]) {
    assert.equal(store.firstIndex, 51);
    assert.equal(store.lastIndex, 51);
    assert.equal(store.term(toLogIndex(50)), 3);
    assert.deepEqual(store.snapshot(), metadata);
  }
});

test("a damaged newest snapshot: the older one and the log serve, and the damaged file is kept aside", () => {
  const fs = withSpare(2);
  fs.flipBit("snap/0000000000000004-0000000000000001.snap", 1500);
  const again = openNow(fs, { segmentBytes: 1024 });
  assert.equal(again.report.length, 1);
  assert.match(again.report[0] ?? "", /0004-.*checksum mismatch at byte \d+; set aside/);
  assert.deepEqual(again.snapshot(), { index: 2, term: 1, confState });
  assert.equal(readLog(again).length, 4);
  assert.ok(fs.files().includes("cut/0000000000000004-0000000000000001.snap"));
});

test("a damaged newest snapshot that the log does not reach back from is refused, and nothing is changed", () => {
  const fs = withSpare(4);
  fs.flipBit("snap/0000000000000004-0000000000000001.snap", 1500);
  const before = fs.files();
  assert.throws(
    () => openNow(fs, { segmentBytes: 1024 }),
    (error) =>
      error instanceof StorageError &&
      error.info.code === "STORAGE_CORRUPT" &&
      error.info.file === "snap/0000000000000004-0000000000000001.snap",
  );
  assert.deepEqual(fs.files(), before);
});

test("a damaged spare one hinders no start; it is found damaged when it would have to serve", () => {
  const fs = withSpare(2);
  fs.flipBit("snap/0000000000000002-0000000000000001.snap", 1500);
  const again = openNow(fs, { segmentBytes: 1024 });
  assert.deepEqual(again.report, []);
  assert.deepEqual(again.snapshot(), { index: 4, term: 1, confState });
  now((completed) => again.close(completed));
  fs.flipBit("snap/0000000000000004-0000000000000001.snap", 1500);
  assert.throws(() => openNow(fs, { segmentBytes: 1024 }), { code: "STORAGE_CORRUPT" });
});

test("a spare one that is cut short is found out at once", () => {
  const fs = withSpare(2);
  fs.damage("snap/0000000000000002-0000000000000001.snap", (bytes) => bytes.subarray(0, -1));
  assert.match(openNow(fs, { segmentBytes: 1024 }).report[0] ?? "", /0002-.*bytes long, not \d+.*set aside/);
});

test("a read of a chunk that rotted after the opening is refused", () => {
  const fs = new MemoryFileSystem();
  const storage = filled(fs);
  makeSnapshot(storage, 4, 1);
  fs.flipBit("snap/0000000000000004-0000000000000001.snap", 1500);
  assert.throws(() => readImage(storage), { code: "STORAGE_CORRUPT" });
});
