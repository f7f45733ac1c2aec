/**
 * A cleanly closed store: every single bit of every file flipped, every length of every file, every file missing. Each is
 * either refused, with file and offset, or recovered exactly; nothing is ever shortened silently.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StorageError, type StorageErrorInfo } from "@quorate/raft";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { append, entry, hardState, makeSnapshot, now, openNow, readLog } from "./support.ts";

const segmentBytes = 1536;

/** A store with two segments, two snapshots, a vote, a compacted prefix and a rewritten suffix. */
function closedStore(): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes });
  const vote = hardState(1, 1, 0);
  now((completed) =>
    storage.write({ hardState: vote, entries: [], snapshot: null, mustSync: true }, completed),
  );
  append(storage, [entry(1, 1), entry(2, 1)], 2);
  append(storage, [entry(3, 1, 0), entry(4, 1)], 3);
  makeSnapshot(storage, 2, 1, 40);
  makeSnapshot(storage, 3, 1, 60);
  now((completed) => storage.compact(storage.firstIndex, completed));
  append(storage, [entry(4, 2), entry(5, 2)], 4, 2);
  now((completed) => storage.close(completed));
  return fs;
}

interface Facts {
  readonly log: readonly string[];
  readonly hardState: object;
  readonly application: Uint8Array;
}

function openFacts(fs: MemoryFileSystem): Facts & { readonly report: readonly string[] } {
  const storage = openNow(fs, { segmentBytes, bootstrap: null });
  const facts = {
    log: readLog(storage),
    hardState: storage.initial.hardState,
    application: storage.metadata.application,
    report: storage.report,
  };
  now((completed) => storage.close(completed));
  return facts;
}

const original = closedStore();
const expected = openFacts(original.clone());

/** How many outcomes were refusals, and how many exact recoveries with a line in the report. */
const counts = { refused: 0, repaired: 0, unnoticed: 0 };

function judge(damagedFs: MemoryFileSystem, what: string): StorageErrorInfo | null {
  let found: ReturnType<typeof openFacts>;
  try {
    found = openFacts(damagedFs);
  } catch (error) {
    assert.ok(error instanceof StorageError, `${what}: ${String(error)}`);
    const { info } = error;
    assert.ok(
      info.code === "STORAGE_CORRUPT" || info.code === "STORAGE_VERSION" || info.code === "STORAGE_FOREIGN",
      `${what}: ${error.message}`,
    );
    assert.ok(info.file.length > 0, what);
    counts.refused++;
    return info;
  }
  // PERF: a comparison by structure for each of some ten thousand cases would take most of the time.
  assert.equal(found.log.join("\n"), expected.log.join("\n"), what);
  assert.equal(JSON.stringify(found.hardState), JSON.stringify(expected.hardState), what);
  assert.equal(String(found.application), String(expected.application), what);
  if (found.report.length > 0) {
    counts.repaired++;
  } else {
    counts.unnoticed++;
  }
  return null;
}

test("the undamaged store opens without a line to report, twice", () => {
  assert.deepEqual(expected.report, []);
  assert.ok(original.files().filter((path) => path.endsWith(".log")).length >= 2);
  const fs = original.clone();
  openFacts(fs);
  assert.deepEqual(openFacts(fs), expected);
});

for (const path of original.files()) {
  test(`every bit of ${path}`, () => {
    const bits = original.content(path).length * 8;
    for (let bit = 0; bit < bits; bit++) {
      const fs = original.clone();
      fs.flipBit(path, bit);
      const info = judge(fs, `${path} bit ${bit}`);
      if (info?.code === "STORAGE_CORRUPT") {
        assert.ok(Number.isInteger(info.offset), "offset");
      }
    }
  });

  test(`every length of ${path}`, () => {
    const content = original.content(path);
    for (let length = 0; length < content.length; length++) {
      const fs = original.clone();
      fs.damage(path, () => content.slice(0, length));
      judge(fs, `${path} cut to ${length}`);
    }
    const fs = original.clone();
    fs.damage(path, () => Uint8Array.from([...content, 1]));
    judge(fs, `${path} grown`);
  });

  test(`without ${path}`, () => {
    const fs = original.clone();
    fs.remove(path);
    judge(fs, `${path} removed`);
  });
}

test("every file of the log is checked: most flips are refused, some repaired", () => {
  assert.ok(counts.refused > 5000, `refused ${counts.refused}`);
  assert.ok(counts.repaired > 5000, `repaired ${counts.repaired}`);
});
