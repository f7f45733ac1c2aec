/** A segment of several parts: what lies far behind the end of the log is found all the same, and zeros cost nothing to keep. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { contentEnd } from "../src/segment-scan.ts";
import { append, entry, openNow, readLog } from "./support.ts";

const mebibyte = 1024 * 1024;
const segmentBytes = 4 * mebibyte;

function segmentOf(fs: MemoryFileSystem): string {
  const path = fs.files().find((file) => file.startsWith("wal/") && file.endsWith(".log"));
  assert.ok(path !== undefined, "no segment");
  return path;
}

/** A store with three entries, the last of `lastBytes` bytes. */
function stored(lastBytes: number): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes });
  append(storage, [entry(1, 1), entry(2, 1)], 2);
  append(storage, [entry(3, 1, lastBytes)], 3);
  storage.close((error) => assert.equal(error, null));
  return fs;
}

for (const offset of [mebibyte - 8, mebibyte, 2 * mebibyte + 4, segmentBytes - 1]) {
  test(`a byte that a lost write left at ${offset} is cut; the log stays whole`, () => {
    const fs = stored(20);
    const path = segmentOf(fs);
    fs.overlay(path, offset, Uint8Array.of(1));
    const storage = openNow(fs, { segmentBytes });
    assert.equal(readLog(storage).length, 3);
    assert.match(storage.report.join("\n"), /were never acknowledged and are cut/);
    storage.close((error) => assert.equal(error, null));
    assert.equal(fs.content(path)[offset], 0);
    const again = openNow(fs, { segmentBytes });
    assert.deepEqual(again.report, []);
    again.close((error) => assert.equal(error, null));
  });
}

test("a record that reaches over parts, and one that ends in zeros, are read back", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes });
  const zeros = { ...entry(2, 1), data: new Uint8Array(mebibyte) };
  append(storage, [entry(1, 1, mebibyte + 100), zeros], 2);
  const before = readLog(storage);
  storage.close((error) => assert.equal(error, null));
  const again = openNow(fs, { segmentBytes });
  assert.deepEqual(again.report, []);
  assert.deepEqual(readLog(again), before);
  again.close((error) => assert.equal(error, null));
});

test("a segment that ends within a part before its length is refused", () => {
  const fs = stored(20);
  fs.damage(segmentOf(fs), (bytes) => bytes.subarray(0, 2 * mebibyte + 512));
  assert.throws(() => openNow(fs, { segmentBytes }), /is 2097664 bytes long, its header says 4194304/);
});

test("the end of content is that of a search byte by byte, wherever the bytes lie in memory", () => {
  const memory = new Uint8Array(300);
  for (let start = 0; start < 9; start++) {
    for (let length = 0; length < 80; length++) {
      const bytes = memory.subarray(start, start + length);
      for (const last of [-1, 0, length >> 1, length - 1]) {
        memory.fill(0).fill(7, start + length); // What lies behind is none of it.
        if (last >= 0 && last < length) {
          bytes[last] = 128;
        }
        const expected = last >= 0 && last < length ? Math.min(length, (last + 8) & ~7) : 0;
        assert.equal(contentEnd(bytes), expected, `from ${start}, ${length} bytes, last ${last}`);
      }
    }
  }
});
