/** Calls that fail: final, never retried, nothing acknowledged after them; and how many calls the steady path makes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { StorageError, toLogIndex, toTerm } from "@quorate/raft";
import { openWal, type WalStorage } from "@quorate/wal";
import { MemoryFileSystem, type MemoryOperation } from "@quorate/wal/testing";
import {
  append,
  confState,
  entry,
  failure,
  hardState,
  makeSnapshot,
  now,
  openNow,
  optionsFor,
  readLog,
} from "./support.ts";

/** A disk that fails the first call the test points at. */
class FailingDisk {
  readonly calls: string[] = [];
  fail: ((operation: MemoryOperation) => string | null) | null = null;
  readonly fs: MemoryFileSystem = new MemoryFileSystem({
    fault: (operation) => {
      this.calls.push(`${operation.kind} ${operation.path}`);
      return this.fail?.(operation) ?? null;
    },
  });

  failOnce(kind: string, path: RegExp, code: string): void {
    this.fail = (operation) => {
      if (operation.kind !== kind || !path.test(operation.path)) {
        return null;
      }
      this.fail = null;
      return code;
    };
  }
}

function codeOf(error: Error): string {
  assert.ok(error instanceof StorageError, String(error));
  return error.code;
}

const batch = (index: number) => ({
  hardState: null,
  entries: [entry(index, 1)],
  snapshot: null,
  mustSync: true,
});

test("appends without a new term or vote cost exactly one write and one sync", () => {
  const disk = new FailingDisk();
  const storage = openNow(disk.fs, { segmentBytes: 65536 });
  append(storage, [entry(1, 1)], 0);
  disk.calls.length = 0;
  append(storage, [entry(2, 1), entry(3, 1)], 1);
  const segment = "wal/0000000000000001-0000000000000001.log";
  assert.deepEqual(disk.calls, [`write ${segment}`, `sync ${segment}`]);
});

test("a commit index alone costs no call; the next batch, mark or close takes it along", () => {
  const disk = new FailingDisk();
  const storage = openNow(disk.fs, { segmentBytes: 65536 });
  append(storage, [entry(1, 1)], 0);
  disk.calls.length = 0;
  const commitOnly = { hardState: hardState(1, 1, 1), entries: [], snapshot: null, mustSync: false };
  now((completed) => storage.write(commitOnly, completed));
  assert.deepEqual(disk.calls, []);
  now((completed) => storage.close(completed));
  assert.equal(openNow(disk.fs, { segmentBytes: 65536 }).initial.hardState.commit, 1);
});

test("what arrives while a batch is in flight is gathered into the next", () => {
  const queue: MemoryOperation[] = [];
  const fs = new MemoryFileSystem({ schedule: (operation) => void queue.push(operation) });
  const drain = (): void => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      next.run();
    }
  };
  let storage: WalStorage | null = null;
  openWal(optionsFor(fs, { segmentBytes: 65536 }), (error, opened) => {
    assert.equal(error, null);
    storage = opened ?? null;
  });
  drain();
  assert.ok(storage !== null);
  const store: WalStorage = storage;
  const first = fs.operationCount;
  const order: number[] = [];
  for (let index = 1; index <= 10; index++) {
    store.write(batch(index), (error) => {
      assert.equal(error, null);
      assert.ok(store.lastIndex >= index, "the view shows a batch when it completes");
      order.push(index);
    });
  }
  assert.equal(store.lastIndex, 0);
  drain();
  assert.deepEqual(order, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(fs.operationCount - first, 4, "two batches: two writes, two syncs");
});

test("an idle mark is written once, and only when there is something to mark", () => {
  const disk = new FailingDisk();
  const storage = openNow(disk.fs);
  append(storage, [entry(1, 1)], null);
  disk.calls.length = 0;
  now((completed) => storage.idle(completed));
  assert.equal(disk.calls.length, 2);
  now((completed) => storage.idle(completed));
  assert.equal(disk.calls.length, 2);
});

for (const [kind, path, code, expected] of [
  ["sync", /\.log$/, "EIO", "STORAGE_IO"],
  ["write", /\.log$/, "EIO", "STORAGE_IO"],
  ["write", /\.log$/, "ENOSPC", "STORAGE_FULL"],
  ["sync", /hard-state-a/, "EIO", "STORAGE_IO"],
  ["write", /hard-state-b/, "ENOSPC", "STORAGE_FULL"],
] as const) {
  test(`${code} of ${kind} ${path} is final and never retried`, () => {
    const disk = new FailingDisk();
    const storage = openNow(disk.fs);
    append(storage, [entry(1, 1)], 0);
    disk.failOnce(kind, path, code);
    const state = hardState(2, 1, 0);
    const first = failure((completed) =>
      storage.write({ hardState: state, entries: [entry(2, 2)], snapshot: null, mustSync: true }, completed),
    );
    assert.equal(codeOf(first), expected);
    disk.calls.length = 0;
    assert.equal(
      failure((completed) => storage.write(batch(2), completed)),
      first,
    );
    assert.equal(
      failure((completed) => storage.idle(completed)),
      first,
    );
    assert.equal(
      failure((completed) => storage.compact(toLogIndex(1), completed)),
      first,
    );
    assert.equal(
      failure((completed) => storage.close(completed)),
      first,
    );
    assert.deepEqual(disk.calls, []);
    assert.equal(storage.lastIndex, 1, "nothing that failed is shown");
    const left = disk.fs.crash(new Prng(3), "keep");
    assert.equal(readLog(openNow(left)).length >= 1, true);
  });
}

test("a snapshot that cannot be written ends the store; what was durable stays", () => {
  for (const kind of ["write", "sync", "rename", "syncDirectory"]) {
    const disk = new FailingDisk();
    const storage = openNow(disk.fs);
    append(storage, [entry(1, 1)], 1);
    disk.failOnce(kind, /^snap/, "ENOSPC");
    assert.throws(() => makeSnapshot(storage, 1, 1), { code: "STORAGE_FULL" });
    assert.equal(codeOf(failure((completed) => storage.write(batch(2), completed))), "STORAGE_FULL");
    assert.equal(readLog(openNow(disk.fs.crash(new Prng(1), "lose"))).length, 1);
  }
});

test("what came of a snapshot that cannot be written goes when it is given up, though the store has failed", () => {
  const named = (fs: MemoryFileSystem): readonly string[] =>
    fs.files().filter((path) => path.startsWith("snap/"));
  for (const kind of ["write", "sync", "close", "rename"]) {
    const disk = new FailingDisk();
    const storage = openNow(disk.fs);
    append(storage, [entry(1, 1)], 1);
    const sink = storage.createSnapshot({ index: toLogIndex(1), term: toTerm(1), confState });
    now((completed) => sink.write(new Uint8Array(100_000), completed));
    disk.failOnce(kind, /^snap/, "ENOSPC");
    assert.equal(codeOf(failure((completed) => sink.finish(completed))), "STORAGE_FULL");
    assert.equal(named(disk.fs).length, 1, kind);
    sink.abort();
    assert.deepEqual(named(disk.fs), [], kind);
    sink.abort();
    assert.equal(codeOf(failure((completed) => storage.close(completed))), "STORAGE_FULL");
    assert.equal(readLog(openNow(disk.fs.crash(new Prng(1), "lose"))).length, 1);
  }
});

test("every call of a rotation may fail: nothing acknowledged is lost", () => {
  for (const code of ["EIO", "ENOSPC"]) {
    for (let nth = 1; nth <= 12; nth++) {
      const disk = new FailingDisk();
      const storage = openNow(disk.fs);
      for (let index = 1; storage.lastIndex < 11; index++) {
        append(storage, [entry(index, 1, 100)], null);
      }
      let left = nth;
      disk.fail = ({ kind }) => (kind !== "read" && --left === 0 ? code : null);
      let acked = Number(storage.lastIndex);
      for (let index = acked + 1; index < 25; index++) {
        storage.write({ ...batch(index), entries: [entry(index, 1, 200)] }, (error) => {
          if (error === null) {
            acked = index;
          }
        });
      }
      for (const mode of ["lose", "keep"] as const) {
        const again = openNow(disk.fs.clone().crash(new Prng(nth), mode));
        assert.ok(again.lastIndex >= acked, `${code} at call ${nth}, ${mode}: ${again.lastIndex} < ${acked}`);
      }
    }
  }
});

test("opening: every failing call is reported, and the next opening finds everything", () => {
  const disk = new FailingDisk();
  const storage = openNow(disk.fs);
  append(storage, [entry(1, 1), entry(2, 1)], 2);
  makeSnapshot(storage, 2, 1);
  disk.fail = null;
  const image = disk.fs.crash(new Prng(9), "random");
  let nth = 1;
  for (let opened = false; !opened; nth++) {
    let left = nth;
    const fs = image.clone({ fault: () => (--left === 0 ? "EIO" : null) });
    openWal(optionsFor(fs), (error) => {
      opened = error === null;
      if (error !== null) {
        assert.equal(codeOf(error), "STORAGE_IO");
      }
    });
    assert.equal(readLog(openNow(fs.crash(new Prng(nth), "lose"))).length, 2);
  }
  assert.ok(nth > 15, `only ${nth} calls`);
});

test("a closed store refuses, and a received snapshot needs its image", () => {
  const storage = openNow(new MemoryFileSystem());
  const metadata = { index: toLogIndex(9), term: toTerm(1), confState };
  assert.throws(
    () => storage.write({ hardState: null, entries: [], snapshot: metadata, mustSync: true }, () => {}),
    { name: "InvariantViolation" },
  );
  now((completed) => storage.close(completed));
  assert.equal(codeOf(failure((completed) => storage.write(batch(1), completed))), "STORAGE_CLOSED");
});
