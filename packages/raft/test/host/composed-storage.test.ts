/** A storage made of two small stores: the contract, every crash between two of its writes, damage, and the bytes it stores. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { DecodeError, toHex } from "@quorate/base";
import {
  composeStorage,
  type Entry,
  type LogStore,
  type SnapshotMetadata,
  type StableStore,
  type Storage,
  StorageError,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { storageSuite, suiteVoters } from "@quorate/raft/testing";

class Stores {
  readonly values: Map<string, Uint8Array> = new Map();
  kept: Entry[] = [];
  /** Writes that still succeed; then a crash. */
  writesLeft: number = Number.POSITIVE_INFINITY;
  writeCount = 0;

  readonly log: LogStore = {
    read: () => this.kept,
    append: (entries) => {
      this.#write();
      this.kept = [...this.kept.filter(({ index }) => index < (entries[0]?.index ?? 0)), ...entries];
    },
    compact: (upTo) => {
      this.#write();
      this.kept = this.kept.filter(({ index }) => index > upTo);
    },
  };
  readonly stable: StableStore = {
    get: (name) => this.values.get(name) ?? null,
    set: (name, value) => {
      this.#write();
      this.values.set(name, value.slice());
    },
  };

  #write(): void {
    if (this.writesLeft <= 0) {
      throw new Error("crash");
    }
    this.writesLeft--;
    this.writeCount++;
  }

  open(): Storage {
    this.writesLeft = Number.POSITIVE_INFINITY;
    return composeStorage({ log: this.log, stable: this.stable, voters: suiteVoters });
  }
}

storageSuite(test, async () => {
  const stores = new Stores();
  return { open: async () => stores.open(), dispose: async () => {} };
});

const confState = {
  voters: suiteVoters,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function run(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    index: toLogIndex(first + i),
    term: toTerm(term),
    type: "normal" as const,
    data: Uint8Array.of(first + i),
  }));
}

function metadata(index: number, term: number): SnapshotMetadata {
  return { index: toLogIndex(index), term: toTerm(term), confState };
}

/** Everything here completes before it returns. */
function done(call: (completed: (error: Error | null) => void) => void): Error | null {
  let result: Error | null | undefined;
  call((error) => {
    result = error;
  });
  assert.ok(result !== undefined, "completed before the call returned");
  return result;
}

function hardState(term: number, vote: number, commit: number) {
  return { term: toTerm(term), vote: toNodeId(vote), commit: toLogIndex(commit) };
}

/** A history with each kind of write; stops at the first that fails. */
function history(storage: Storage): void {
  const image = Uint8Array.of(1, 2, 3);
  const write = (term: number, commit: number, entries: Entry[], snapshot: SnapshotMetadata | null = null) =>
    done((completed) =>
      storage.write({ hardState: hardState(term, 1, commit), entries, snapshot, mustSync: true }, completed),
    );
  const sink = (kind: "createSnapshot" | "receiveSnapshot", of: SnapshotMetadata): Error | null => {
    const target = storage[kind](of);
    return (
      done((completed) => target.write(image, completed)) ?? done((completed) => target.finish(completed))
    );
  };
  const steps: readonly (() => Error | null)[] = [
    () => write(1, 2, run(1, 6, 1)),
    () => write(2, 4, run(5, 8, 2)),
    () => sink("createSnapshot", metadata(4, 1)),
    () => done((completed) => storage.compact(toLogIndex(3), completed)),
    () => sink("receiveSnapshot", metadata(20, 3)),
    () => write(3, 20, [], metadata(20, 3)),
    () => write(3, 21, run(21, 22, 3)),
  ];
  for (const step of steps) {
    if (step() !== null) {
      return;
    }
  }
}

test("a crash between any two writes leaves a store that opens, with a log that fits its snapshot and hard state", () => {
  const whole = new Stores();
  history(whole.open());
  assert.ok(whole.writeCount > 10, "the history writes");
  for (let writes = 1; writes < whole.writeCount; writes++) {
    const stores = new Stores();
    const storage = stores.open();
    stores.writesLeft = writes - 1;
    history(storage);
    const again = stores.open();
    const { commit, term } = again.initial.hardState;
    const snapshot = again.snapshot();
    assert.ok(snapshot !== "pending");
    assert.ok(commit <= again.lastIndex, `after ${writes} writes: committed beyond the end`);
    assert.ok(commit >= (snapshot?.index ?? 0), `after ${writes} writes: the snapshot is committed`);
    assert.ok(again.firstIndex - 1 <= (snapshot?.index ?? 0), `after ${writes} writes: nothing is missing`);
    for (let index = again.firstIndex - 1; index <= again.lastIndex; index++) {
      const found = again.term(toLogIndex(index));
      assert.ok(
        typeof found === "number" && found <= term,
        `after ${writes} writes: an entry of a later term`,
      );
    }
    if (snapshot !== null) {
      assert.equal(
        again.term(snapshot.index),
        snapshot.term,
        `after ${writes} writes: log and snapshot agree`,
      );
    }
  }
});

test("the term and the vote are stored before the entries that come with them", () => {
  const stores = new Stores();
  const storage = stores.open();
  stores.writesLeft = 1;
  const batch = { hardState: hardState(4, 2, 3), entries: run(1, 3, 4), snapshot: null, mustSync: true };
  assert.match(String(done((completed) => storage.write(batch, completed))), /crash/);
  const again = stores.open();
  assert.deepEqual(again.initial.hardState, hardState(4, 2, 0), "the commit index does not outrun the log");
  assert.equal(again.lastIndex, 0);
});

test("after a failed write nothing is written any more", () => {
  const stores = new Stores();
  const storage = stores.open();
  stores.writesLeft = 0;
  const batch = { hardState: null, entries: run(1, 1, 1), snapshot: null, mustSync: true };
  assert.match(String(done((completed) => storage.write(batch, completed))), /crash/);
  stores.writesLeft = 100;
  assert.match(String(done((completed) => storage.write(batch, completed))), /crash/);
  assert.deepEqual(stores.kept, []);
});

test("a batch that only moves the commit index costs no write; closing keeps it", () => {
  const stores = new Stores();
  const storage = stores.open();
  done((completed) =>
    storage.write(
      { hardState: hardState(1, 1, 0), entries: run(1, 2, 1), snapshot: null, mustSync: true },
      completed,
    ),
  );
  const { writeCount } = stores;
  done((completed) =>
    storage.write({ hardState: hardState(1, 1, 2), entries: [], snapshot: null, mustSync: false }, completed),
  );
  assert.equal(stores.writeCount, writeCount);
  assert.equal(
    done((completed) => storage.close(completed)),
    null,
  );
  assert.equal(stores.open().initial.hardState.commit, 2);
  const late = done((completed) =>
    storage.write({ hardState: null, entries: [], snapshot: null, mustSync: true }, completed),
  );
  assert.ok(late instanceof StorageError && late.code === "STORAGE_CLOSED");
});

test("a store that has a configuration keeps it, whatever it is opened with", () => {
  const stores = new Stores();
  stores.open();
  const storage = composeStorage({ log: stores.log, stable: stores.stable, voters: [toNodeId(9)] });
  assert.deepEqual(storage.initial.confState.voters, suiteVoters);
});

test("missing entries, a later version and damaged values are told, never taken for an empty store", () => {
  const gap = new Stores();
  gap.kept = [...run(1, 2, 1), ...run(4, 4, 1)];
  assert.throws(
    () => gap.open(),
    (error) => error instanceof StorageError && error.code === "STORAGE_CORRUPT",
  );
  const later = new Stores();
  later.values.set("hard-state", Uint8Array.of(2, 0, 0, 0));
  assert.throws(
    () => later.open(),
    (error) => error instanceof StorageError && error.code === "STORAGE_VERSION",
  );
  const short = new Stores();
  short.values.set("hard-state", Uint8Array.of(1, 5));
  assert.throws(() => short.open(), DecodeError);
});

test("the stored values have their golden bytes", () => {
  const stores = new Stores();
  history(stores.open());
  const found = Object.fromEntries([...stores.values].map(([name, value]) => [name, toHex(value)]));
  const path = new URL("../golden/composed-storage-v1.json", import.meta.url);
  if (!existsSync(path)) {
    writeFileSync(path, `${JSON.stringify(found, null, 2)}\n`);
  }
  assert.deepEqual(found, JSON.parse(readFileSync(path, "utf8")));
});
