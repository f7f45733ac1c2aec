/** The log: window and loads, truncation, rotation, torn tails, damage judged by marks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { StorageError, toLogIndex } from "@quorate/raft";
import { MemoryFileSystem, type MemoryOperation } from "@quorate/wal/testing";
import { append, describe, entry, now, openNow, readLog } from "./support.ts";

const first = "wal/0000000000000001-0000000000000001.log";

test("the window is bounded in bytes: older entries are loaded back, exactly", () => {
  const storage = openNow(new MemoryFileSystem(), { segmentBytes: 65536, windowBytesMax: 4096 });
  const expected: string[] = [];
  for (let index = 1; index <= 400; index++) {
    append(storage, [entry(index, 1 + Math.floor(index / 100), 900)], null, 5);
    expected.push(describe(entry(index, 1 + Math.floor(index / 100), 900)));
  }
  assert.equal(storage.entries(toLogIndex(1), toLogIndex(2), 100), "pending");
  assert.notEqual(storage.entries(toLogIndex(400), toLogIndex(401), 100), "pending");
  assert.deepEqual(readLog(storage), expected);
});

test("two readers at different places do not drive out each other's range", () => {
  const storage = openNow(new MemoryFileSystem(), { segmentBytes: 65536, windowBytesMax: 65536 });
  for (let index = 1; index <= 200; index++) {
    append(storage, [entry(index, 1, 900)], null);
  }
  const at = (low: number) => storage.entries(toLogIndex(low), toLogIndex(low + 5), 1e6);
  for (const low of [1, 60]) {
    now((completed) => storage.load(toLogIndex(low), toLogIndex(low + 5), 1e6, completed));
  }
  assert.equal(at(1).length, 5);
  assert.equal(at(60).length, 5);
});

test("entries answer at least one, then as many as fit", () => {
  const storage = openNow(new MemoryFileSystem(), { segmentBytes: 65536 });
  append(
    storage,
    [1, 2, 3, 4].map((index) => entry(index, 1, 100)),
    null,
  );
  const count = (bytesMax: number) => storage.entries(toLogIndex(1), toLogIndex(5), bytesMax).length;
  assert.deepEqual([count(0), count(116), count(232), count(347), count(1e9)], [1, 1, 2, 2, 4]);
});

test("a conflicting suffix is replaced, in memory and on disk", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 1024 });
  append(
    storage,
    [1, 2, 3, 4, 5].map((index) => entry(index, 1)),
    2,
  );
  append(storage, [entry(4, 2)], null);
  append(storage, [entry(5, 2), entry(6, 3)], null, 3);
  append(storage, [entry(5, 4)], null, 4);
  const expected = [entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 2), entry(5, 4)].map(describe);
  assert.deepEqual(readLog(storage), expected);
  assert.deepEqual(readLog(openNow(fs.crash(new Prng(1), "lose"), { segmentBytes: 1024 })), expected);
});

test("a batch larger than a segment gets a segment of its own", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 1024 });
  append(storage, [entry(1, 1)], null);
  append(storage, [entry(2, 1, 5000), entry(3, 1, 9000)], null);
  append(storage, [entry(4, 1)], null);
  const expected = [entry(1, 1), entry(2, 1, 5000), entry(3, 1, 9000), entry(4, 1)].map(describe);
  assert.deepEqual(readLog(openNow(fs.crash(new Prng(1), "lose"), { segmentBytes: 1024 })), expected);
});

test("entries around the read-ahead are read back", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 2 * 1024 * 1024, windowBytesMax: 1 });
  const sizes = [70_000, 262_144 - 40, 262_144, 600_000, 1, 0];
  append(
    storage,
    sizes.map((bytes, i) => entry(i + 1, 1, bytes)),
    null,
  );
  now((completed) => storage.close(completed));
  const again = openNow(fs, { segmentBytes: 2 * 1024 * 1024, windowBytesMax: 1 });
  assert.deepEqual(
    readLog(again),
    sizes.map((bytes, i) => describe(entry(i + 1, 1, bytes))),
  );
});

test("a torn batch is cut as a whole, its bytes kept, the range zeroed; a second opening has nothing to report", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 8192 });
  append(storage, [entry(1, 1)], null);
  append(storage, [entry(2, 1, 600), entry(3, 1, 600)], null);
  // The second batch lost a sector of its last entry; it was never marked.
  fs.damage(first, (bytes) => bytes.fill(0, 1536, 2048));
  const again = openNow(fs, { segmentBytes: 8192 });
  assert.equal(again.lastIndex, 1);
  assert.equal(again.report.length, 1);
  assert.match(again.report[0] ?? "", /checksum mismatch|no valid record header/);
  const copy = fs.files().find((path) => path.startsWith("cut/"));
  assert.ok(copy !== undefined && fs.content(copy).length > 600);
  assert.deepEqual(openNow(fs.crash(new Prng(1), "lose"), { segmentBytes: 8192 }).report, []);
});

test("the same loss below a mark is damage, refused with file and offset, and nothing is changed", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 8192 });
  append(storage, [entry(1, 1)], null);
  append(storage, [entry(2, 1, 600), entry(3, 1, 600)], null);
  now((completed) => storage.idle(completed));
  fs.damage(first, (bytes) => bytes.fill(0, 1536, 2048));
  const before = fs.content(first);
  assert.throws(
    () => openNow(fs, { segmentBytes: 8192 }),
    (error) => {
      assert.ok(error instanceof StorageError && error.info.code === "STORAGE_CORRUPT");
      assert.equal(error.info.file, first);
      assert.ok(error.info.offset >= 664 && error.info.offset < 2048, String(error.info.offset));
      assert.match(error.info.why, /below the durable mark/);
      return true;
    },
  );
  assert.deepEqual(fs.content(first), before);
});

test("a record that was written to the wrong place, or is stale, is not taken for one", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 8192 });
  append(storage, [entry(1, 1)], null);
  append(storage, [entry(2, 1)], null);
  const end = fs.content(first).findLastIndex((byte) => byte !== 0) + 1;
  fs.damage(first, (bytes) => {
    bytes.copyWithin((end + 7) & ~7, 512, end); // Two whole batches again, behind the end.
    return bytes;
  });
  const again = openNow(fs, { segmentBytes: 8192 });
  assert.equal(again.lastIndex, 2);
  assert.equal(again.report.length, 1);
});

test("a batch of another history at its own place, sound in itself, breaks the chain", () => {
  const history = (bytes: number): MemoryFileSystem => {
    const fs = new MemoryFileSystem();
    const storage = openNow(fs, { segmentBytes: 8192 });
    append(storage, [entry(1, 1)], 0);
    append(storage, [{ ...entry(2, 1), data: new Uint8Array(8).fill(bytes) }], null);
    append(storage, [entry(3, 1)], null);
    now((completed) => storage.close(completed));
    return fs;
  };
  const fs = history(1);
  const other = history(2).content(first);
  const start = 512 + 112 + 64 + 40; // Behind the first batch: its header, one entry, the note of term and commit.
  fs.damage(first, (bytes) => {
    bytes.set(other.subarray(start, start + 112 + 48), start);
    return bytes;
  });
  assert.throws(() => openNow(fs, { segmentBytes: 8192 }), /broken chain/);
});

test("what a killed process left in the page cache is synced before anyone relies on it", () => {
  const queue: MemoryOperation[] = [];
  let hold = false;
  const fs = new MemoryFileSystem({
    schedule: (operation) => (hold ? void queue.push(operation) : operation.run()),
  });
  const storage = openNow(fs);
  append(storage, [entry(1, 1)], 1);
  hold = true;
  storage.write({ hardState: null, entries: [entry(2, 1)], snapshot: null, mustSync: true }, () => {
    assert.fail("completed without a sync");
  });
  queue.shift()?.run(); // The write, not the sync.
  const killed = fs.crash(new Prng(1), "keep");
  assert.equal(openNow(killed).lastIndex, 2);
  assert.equal(openNow(killed.crash(new Prng(1), "lose")).lastIndex, 2);
});

test("a load that is overtaken by a truncation brings nothing back", () => {
  const queue: MemoryOperation[] = [];
  let hold = false;
  const fs = new MemoryFileSystem({
    schedule: (operation) => (hold ? void queue.push(operation) : operation.run()),
  });
  const storage = openNow(fs, { segmentBytes: 65536, windowBytesMax: 1 });
  append(
    storage,
    [1, 2, 3].map((index) => entry(index, 1, 300)),
    null,
  );
  append(storage, [entry(4, 1, 300)], null);
  hold = true;
  let loaded = false;
  storage.load(toLogIndex(2), toLogIndex(4), 1e6, () => {
    loaded = true;
  });
  storage.write({ hardState: null, entries: [entry(3, 1, 5)], snapshot: null, mustSync: true }, () => {});
  while (queue.length > 0) {
    queue.pop()?.run(); // The write overtakes the read.
  }
  assert.ok(loaded);
  hold = false;
  assert.deepEqual(readLog(storage), [entry(1, 1, 300), entry(2, 1, 300), entry(3, 1, 5)].map(describe));
});

test("term and vote: one slot behind the other is brought up to date, and never regresses", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs);
  append(storage, [entry(1, 1)], 1);
  const old = fs.content("hard-state-b");
  append(storage, [entry(2, 7)], 1, 7);
  fs.put("hard-state-b", old);
  const again = openNow(fs);
  assert.equal(again.initial.hardState.term, 7);
  assert.match(again.report.join(), /hard-state-b: holds write 2, the other 3; brought up to date/);
  fs.put("hard-state-a", old);
  fs.put("hard-state-b", old);
  assert.throws(() => openNow(fs), /both slots lost a write: the log says that term 7 was durable/);
});
