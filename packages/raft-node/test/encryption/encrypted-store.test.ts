/** The log under a cipher: the contract of a storage, crashes, wrong keys, altered records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng, toHex } from "@quorate/base";
import { type Entry, type SnapshotSource, StorageError, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { storageSuite, suiteVoters } from "@quorate/raft/testing";
import { AesCipher, type EncryptionKeys, KeyRing } from "@quorate/raft-node";
import { type FileSystem, openWal, type WalStorage } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { keysOf } from "./keys.ts";

const confState = {
  voters: suiteVoters,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

type Opened = { readonly error: Error | null; readonly storage: WalStorage | null };

function tryOpen(fileSystem: FileSystem, keys: EncryptionKeys | null): Opened {
  let opened: Opened = { error: null, storage: null };
  openWal(
    {
      fileSystem,
      clusterId: 7,
      nodeId: toNodeId(1),
      bootstrap: { storeId: new Uint8Array(16).fill(1), confState, application: new Uint8Array(0) },
      segmentBytes: 8192,
      // So small that entries are read back from the disk.
      windowBytesMax: 1,
      ...(keys === null ? {} : { cipher: new AesCipher(new KeyRing(keys)) }),
    },
    (error, storage) => {
      opened = { error, storage: storage ?? null };
    },
  );
  return opened;
}

function open(fileSystem: FileSystem, keys: EncryptionKeys | null): WalStorage {
  const { error, storage } = tryOpen(fileSystem, keys);
  assert.ok(storage !== null, String(error));
  return storage;
}

function entryOf(index: number, text = `secret value ${index} `.repeat(10)): Entry {
  return {
    index: toLogIndex(index),
    term: toTerm(1),
    type: "normal",
    data: Uint8Array.from(Buffer.from(text)),
  };
}

function append(storage: WalStorage, entries: readonly Entry[], mustSync = true): void {
  const commit = toLogIndex(entries.at(-1)?.index ?? 0);
  const hardState = { term: toTerm(1), vote: toNodeId(1), commit };
  storage.write({ hardState, entries, snapshot: null, mustSync }, (error) => assert.equal(error, null));
}

function readBack(storage: WalStorage, index: number): string {
  const at = toLogIndex(index);
  const end = toLogIndex(index + 1);
  let found = storage.entries(at, end, 1);
  if (found === "pending") {
    storage.load(at, end, 1, (error) => assert.equal(error, null));
    found = storage.entries(at, end, 1);
  }
  assert.ok(typeof found !== "string");
  return Buffer.from(found[0]?.data ?? []).toString();
}

function makeSnapshot(storage: WalStorage, index: number, image: Uint8Array): void {
  const sink = storage.createSnapshot({ index: toLogIndex(index), term: toTerm(1), confState });
  for (let at = 0; at < image.length; at += 10_000) {
    sink.write(image.subarray(at, at + 10_000), (error) => assert.equal(error, null));
  }
  sink.finish((error) => assert.equal(error, null));
}

function readImage(storage: WalStorage, length = 30_000): Uint8Array {
  let found: SnapshotSource | null = null;
  storage.openSnapshot((error, source) => {
    assert.equal(error, null);
    found = source ?? null;
  });
  const source = found as SnapshotSource | null;
  assert.ok(source !== null);
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < source.bytes; offset += length) {
    source.read(offset, length, (error, bytes) => {
      assert.equal(error, null);
      parts.push(bytes ?? new Uint8Array(0));
    });
  }
  source.close();
  const image = Buffer.concat(parts);
  assert.equal(image.length, source.bytes);
  return image;
}

const everything = (fs: MemoryFileSystem): Buffer =>
  Buffer.concat(fs.files().map((path) => Buffer.from(fs.content(path))));

function keyErrorOf({ error }: Opened): { readonly keyId: number; readonly why: string } {
  assert.ok(error instanceof StorageError, String(error));
  assert.ok(error.info.code === "STORAGE_KEY", error.message);
  return error.info;
}

storageSuite(test, async () => {
  const fileSystem = new MemoryFileSystem();
  return {
    open: () => Promise.resolve(open(fileSystem, keysOf(3))),
    dispose: async () => {},
  };
});

test("no value stands in any file, and all come back", () => {
  const fs = new MemoryFileSystem();
  const storage = open(fs, keysOf(1));
  for (let index = 1; index <= 100; index++) {
    append(storage, [entryOf(index)]);
  }
  const image = new Uint8Array(Buffer.from("secret image ".repeat(20_000)));
  makeSnapshot(storage, 60, image);
  assert.equal(everything(fs).indexOf("secret"), -1);
  storage.close((error) => assert.equal(error, null));
  const again = open(fs, keysOf(1));
  for (const index of [1, 50, 100]) {
    assert.equal(readBack(again, index), `secret value ${index} `.repeat(10));
  }
  for (const length of [1000, 65_480, 65_481, 300_000]) {
    assert.ok(Buffer.from(image).equals(readImage(again, length)), `in pieces of ${length}`);
  }
  // What the test looks for would be found in clear.
  const clear = new MemoryFileSystem();
  append(open(clear, null), [entryOf(1)]);
  assert.notEqual(everything(clear).indexOf("secret"), -1);
});

test("images of every size around a block come back", () => {
  for (const bytes of [0, 1, 65_479, 65_480, 65_481, 2 * 65_480, 2 * 65_480 + 1]) {
    const fs = new MemoryFileSystem();
    const storage = open(fs, keysOf(1));
    append(storage, [entryOf(1)]);
    const image = Uint8Array.from({ length: bytes }, (_, i) => (i * 7) & 0xff);
    makeSnapshot(storage, 1, image);
    assert.equal(toHex(readImage(storage).subarray(-50)), toHex(image.subarray(-50)), `${bytes} bytes`);
    assert.ok(Buffer.from(image).equals(readImage(storage)), `${bytes} bytes`);
  }
});

test("a missing key, a wrong one and none at all are told by the key's id when the store is opened", () => {
  const fs = new MemoryFileSystem();
  const storage = open(fs, keysOf(5));
  append(storage, [entryOf(1), entryOf(2)]);
  storage.close((error) => assert.equal(error, null));
  const before = toHex(everything(fs));
  assert.deepEqual(keyErrorOf(tryOpen(fs, keysOf(6))), {
    code: "STORAGE_KEY",
    keyId: 5,
    why: "the key is not among those given (6)",
  });
  assert.match(keyErrorOf(tryOpen(fs, null)).why, /opened without keys/);
  assert.equal(toHex(everything(fs)), before, "nothing was changed");
  const wrong = { keys: [{ id: 5, key: new Uint8Array(32) }], current: 5 };
  const { keyId, why } = keyErrorOf(tryOpen(fs, wrong));
  assert.equal(keyId, 5);
  assert.match(why, /does not open entry [12]/);
  assert.equal(readBack(open(fs, keysOf(5)), 1), entryTextOf(1));
});

const entryTextOf = (index: number): string => `secret value ${index} `.repeat(10);

test("the keys of a snapshot are tried too, where the log needs none", () => {
  const fs = new MemoryFileSystem();
  const storage = open(fs, keysOf(5));
  append(storage, [entryOf(1), entryOf(2)]);
  makeSnapshot(storage, 2, new Uint8Array(100));
  storage.compact(toLogIndex(2), (error) => assert.equal(error, null));
  for (let index = 3; index < 60; index++) {
    append(storage, [{ ...entryOf(index), data: new Uint8Array(0) }]);
  }
  storage.close((error) => assert.equal(error, null));
  const wrong = { keys: [{ id: 5, key: new Uint8Array(32) }], current: 5 };
  assert.equal(keyErrorOf(tryOpen(fs, wrong)).keyId, 5);
});

test("keys rotate: old records stay readable, new ones need the new key; a store in clear is encrypted from then on", () => {
  const fs = new MemoryFileSystem();
  const clear = open(fs, null);
  append(clear, [entryOf(1, "in clear")]);
  clear.close(() => {});
  const ring = new KeyRing(keysOf(1));
  for (const [current, ids] of [
    [1, [1]],
    [2, [1, 2]],
  ] as const) {
    const storage = open(fs, keysOf(current, ...ids));
    append(storage, [entryOf(current + 1, `under ${current}`)]);
    storage.close(() => {});
  }
  assert.equal(ring.current, 1);
  const storage = open(fs, keysOf(2, 1, 2));
  assert.deepEqual(
    [1, 2, 3].map((index) => readBack(storage, index)),
    ["in clear", "under 1", "under 2"],
  );
  storage.close(() => {});
  assert.equal(keyErrorOf(tryOpen(fs, keysOf(1))).keyId, 2);
  assert.equal(keyErrorOf(tryOpen(fs, keysOf(2))).keyId, 1);
  // Compacted away: key 1 is needed no more.
  const last = open(fs, keysOf(2, 1, 2));
  makeSnapshot(last, 3, new Uint8Array(10));
  last.compact(toLogIndex(3), (error) => assert.equal(error, null));
  for (let index = 4; index < 150; index++) {
    append(last, [entryOf(index)]);
  }
  makeSnapshot(last, 149, new Uint8Array(10));
  last.compact(toLogIndex(149), (error) => assert.equal(error, null));
  last.close(() => {});
  open(fs, keysOf(2));
});

test("one value under one key never has the same bytes twice, also where a place is written again", () => {
  const cipher = new AesCipher(new KeyRing(keysOf(1)));
  const other = new AesCipher(new KeyRing(keysOf(1)));
  const sealed = [cipher.sealEntry(entryOf(1)), cipher.sealEntry(entryOf(1)), other.sealEntry(entryOf(1))];
  assert.equal(new Set(sealed.map((bytes) => toHex(bytes.subarray(0, 19)))).size, 3, "salt and count");
  assert.equal(new Set(sealed.map((bytes) => toHex(bytes.subarray(19)))).size, 3);
  for (const data of sealed) {
    assert.deepEqual(cipher.openEntry({ ...entryOf(1), data }), entryOf(1).data);
  }
});

test("what was altered or stands in another's place does not open", () => {
  const cipher = new AesCipher(new KeyRing(keysOf(1)));
  const data = cipher.sealEntry(entryOf(7));
  const opens = (change: Partial<Entry>): boolean => {
    try {
      cipher.openEntry({ ...entryOf(7), data, ...change });
      return true;
    } catch (error) {
      assert.ok(error instanceof StorageError && error.code === "STORAGE_KEY", String(error));
      return false;
    }
  };
  assert.ok(opens({}));
  assert.ok(!opens({ index: toLogIndex(8) }));
  assert.ok(!opens({ term: toTerm(2) }));
  assert.ok(!opens({ type: "conf-change" }));
  for (let at = 0; at < data.length; at++) {
    const altered = data.slice();
    altered[at] = (altered[at] ?? 0) ^ 1;
    assert.ok(!opens({ data: altered }), `byte ${at}`);
  }
  assert.ok(!opens({ data: data.subarray(0, 20) }));
});

test("after a crash everything that was acknowledged is there, and nothing in clear", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Prng(seed);
    let fs = new MemoryFileSystem();
    let acknowledged = 0;
    for (let generation = 0; generation < 4; generation++) {
      const storage = open(fs, keysOf(1));
      assert.ok(storage.lastIndex >= acknowledged, `seed ${seed}: entries are gone`);
      for (let index = Math.max(1, storage.firstIndex); index <= storage.lastIndex; index++) {
        assert.equal(readBack(storage, index), entryTextOf(index), `seed ${seed}`);
      }
      for (let i = random.integer(1, 12); i > 0; i--) {
        const index = storage.lastIndex + 1;
        append(storage, [entryOf(index), entryOf(index + 1)]);
        acknowledged = index + 1;
        if (random.integer(0, 6) === 0) {
          makeSnapshot(storage, acknowledged, new Uint8Array(Buffer.from("secret image ".repeat(9_000))));
        }
      }
      assert.equal(everything(fs).indexOf("secret"), -1, `seed ${seed}`);
      fs = fs.crash(random, random.pick(["random", "lose", "keep"] as const));
    }
  }
});

test("an interrupted encrypted image is gone on with; under another key it begins anew", () => {
  const image = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 13) & 0xff);
  const metadata = { index: toLogIndex(9), term: toTerm(2), confState };
  const begin = (fs: MemoryFileSystem): void => {
    const sink = open(fs, keysOf(1)).receiveSnapshot(metadata);
    sink.write(image.subarray(0, 200_000), (error) => assert.equal(error, null));
    sink.suspend?.();
  };
  for (const [keys, expected] of [
    [keysOf(1), 3 * 65_480],
    [keysOf(2, 1, 2), 3 * 65_480],
    [keysOf(2), 0],
    [null, 3 * 65_536],
  ] as const) {
    const fs = new MemoryFileSystem();
    begin(fs);
    const storage = open(fs, keys);
    const sink = storage.receiveSnapshot(metadata);
    const parts: Uint8Array[] = [];
    let kept = -1;
    sink.resume?.(
      (bytes) => parts.push(bytes.slice()) > 0,
      (error, count = -1) => {
        assert.equal(error, null);
        kept = count;
      },
    );
    assert.equal(kept, expected);
    if (keys !== null) {
      assert.ok(Buffer.concat(parts).equals(image.subarray(0, kept)));
      sink.write(image.subarray(kept), (error) => assert.equal(error, null));
      sink.finish((error) => assert.equal(error, null));
      const hardState = { term: toTerm(2), vote: toNodeId(1), commit: toLogIndex(9) };
      storage.write({ hardState, entries: [], snapshot: metadata, mustSync: true }, (error) =>
        assert.equal(error, null),
      );
      assert.ok(Buffer.from(image).equals(readImage(storage)));
    }
  }
});
