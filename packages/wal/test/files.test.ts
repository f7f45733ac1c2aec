/** Every file missing, empty, a directory, or one too many: one error that names the file and what to do, or an exact recovery. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StorageError, toNodeId } from "@quorate/raft";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { append, entry, makeSnapshot, now, openNow, readLog } from "./support.ts";

const first = "wal/0000000000000001-0000000000000001.log";
const second = "wal/0000000000000002-0000000000000005.log";
const snapshot = "snap/0000000000000003-0000000000000001.snap";

function store(compacted: boolean): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes: 1536 });
  for (let index = 1; index <= 5; index++) {
    append(storage, [entry(index, 1, 16)], index);
  }
  makeSnapshot(storage, 3, 1);
  if (compacted) {
    now((completed) =>
      storage.compact(storage.term(storage.firstIndex) === 1 ? asIndex(3) : asIndex(0), completed),
    );
  }
  now((completed) => storage.close(completed));
  return fs;
}

function asIndex(index: number) {
  return entry(index, 1).index;
}

const original = store(false);
const whole = readLog(openNow(original.clone(), { segmentBytes: 1536 }));

type Outcome = "recovered" | { readonly code: string; readonly file: string | RegExp; readonly why: RegExp };

const refused = (file: string | RegExp, why: RegExp, code = "STORAGE_CORRUPT"): Outcome => ({
  code,
  file,
  why,
});

const table: readonly [string, "missing" | "empty" | "directory" | "extra", Outcome][] = [
  ["meta", "missing", refused("meta", /is missing although .* exists: restore it/)],
  ["meta", "empty", refused("meta", /too short/)],
  ["meta", "directory", refused("meta", /is not a file \(EISDIR\); move it away/)],
  ["hard-state-a", "missing", "recovered"],
  ["hard-state-a", "empty", "recovered"],
  ["hard-state-b", "missing", "recovered"],
  ["hard-state-b", "directory", refused("hard-state-b", /not a file/)],
  [first, "missing", refused(/^wal\/0000000000000001/, /missing: restore it/)],
  [first, "empty", refused(first, /shorter than a segment header/)],
  [first, "directory", refused(first, /not a segment of this store: move it away/)],
  [second, "missing", refused(/^wal\/0000000000000002/, /missing: .* says that the log goes on there/)],
  [second, "empty", refused(second, /shorter than a segment header/)],
  ["wal/notes.txt", "extra", refused("wal/notes.txt", /move it away/)],
  ["snap/notes.txt", "extra", refused("snap/notes.txt", /move it away/)],
  ["lock", "extra", "recovered"],
  [snapshot, "missing", "recovered"],
  [snapshot, "empty", "recovered"],
  [snapshot, "directory", refused(snapshot, /move it away/)],
  ["wal", "missing", refused("wal", /is missing/)],
  ["snap", "missing", refused("snap", /is missing/)],
  ["wal", "empty", refused("wal", /not a directory/)],
];

function change(fs: MemoryFileSystem, path: string, how: string): void {
  if (how !== "extra") {
    fs.remove(path);
  }
  if (how === "directory") {
    fs.put(`${path}/inside`, new Uint8Array(1));
    fs.remove(`${path}/inside`);
  } else if (how !== "missing") {
    fs.put(path, new Uint8Array(0));
  }
}

for (const [path, how, outcome] of table) {
  test(`${path} ${how}: ${outcome === "recovered" ? outcome : "refused by name"}`, () => {
    const fs = original.clone();
    change(fs, path, how);
    try {
      const storage = openNow(fs, { segmentBytes: 1536, bootstrap: null });
      assert.deepEqual(readLog(storage), whole);
      assert.equal(outcome, "recovered");
    } catch (error) {
      assert.ok(error instanceof StorageError, String(error));
      assert.ok(outcome !== "recovered", error.message);
      const { info } = error;
      assert.equal(info.code, outcome.code);
      assert.ok(info.code === "STORAGE_CORRUPT");
      assert.match(
        info.file,
        outcome.file instanceof RegExp ? outcome.file : new RegExp(`^${outcome.file}$`),
      );
      assert.match(info.why, outcome.why);
    }
  });
}

test("once the log is compacted its snapshot is needed", () => {
  for (const how of ["missing", "empty"]) {
    const fs = store(true);
    change(fs, snapshot, how);
    assert.throws(() => openNow(fs, { segmentBytes: 1536 }), { code: "STORAGE_CORRUPT" });
  }
});

test("a directory that holds no store is not created without a bootstrap, and one that lost its identity never", () => {
  assert.throws(() => openNow(new MemoryFileSystem(), { bootstrap: null }), { code: "STORAGE_CORRUPT" });
  const fs = new MemoryFileSystem();
  fs.put("hard-state-a", new Uint8Array(512));
  assert.throws(() => openNow(fs), /file=meta .*is missing although hard-state-a exists/);
});

test("another cluster's or member's directory is refused by name; the directory overrides the bootstrap", () => {
  assert.throws(() => openNow(original.clone(), { clusterId: 78 }), {
    message: "STORAGE_FOREIGN file=meta found=clusterId 77 expected=clusterId 78",
  });
  assert.throws(() => openNow(original.clone(), { nodeId: toNodeId(2) }), {
    message: "STORAGE_FOREIGN file=meta found=nodeId 1 expected=nodeId 2",
  });
  const other = {
    storeId: new Uint8Array(16),
    confState: { ...openNow(original.clone()).initial.confState, voters: [] },
    application: new Uint8Array(0),
  };
  const storage = openNow(original.clone(), { bootstrap: other, segmentBytes: 1536 });
  assert.equal(storage.created, false);
  assert.deepEqual(storage.metadata.application, Uint8Array.of(1, 2, 3));
  assert.equal(storage.initial.confState.voters.length, 3);
});

test("a segment of another store is refused", () => {
  const other = new MemoryFileSystem();
  const storeId = new Uint8Array(16).fill(9);
  const { confState } = openNow(original.clone(), { segmentBytes: 1536 }).metadata;
  const storage = openNow(other, {
    segmentBytes: 1536,
    bootstrap: { storeId, confState, application: new Uint8Array(0) },
  });
  now((completed) => storage.close(completed));
  const fs = original.clone();
  fs.put(first, other.content(first));
  assert.throws(() => openNow(fs, { segmentBytes: 1536 }), /belongs to another store/);
});

test("an interrupted creation is begun again, at every call", () => {
  for (let calls = 1; ; calls++) {
    const partial = new MemoryFileSystem({ fault: ({ number }) => (number >= calls ? "EIO" : null) });
    let done = true;
    try {
      openNow(partial);
    } catch (error) {
      assert.ok(error instanceof StorageError);
      done = false;
    }
    const again = openNow(partial.clone());
    assert.equal(again.lastIndex, 0);
    assert.equal(again.metadata.clusterId, 77);
    if (done) {
      assert.ok(calls > 20);
      break;
    }
  }
});
