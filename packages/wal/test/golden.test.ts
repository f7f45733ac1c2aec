/**
 * The formats, byte by byte. If one of these fails, stored data of the last release cannot be read any more: raise the format
 * version and keep reading the old one. `UPDATE_GOLDEN=1` rewrites the files.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { toLogIndex, toNodeId, toTerm } from "@quorate/raft";
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

/** Hexadecimal, 32 bytes to a line, each with its offset; lines of zeros are left out. */
function toText(bytes: Uint8Array): string {
  const lines = [`${bytes.length} bytes`];
  for (let offset = 0; offset < bytes.length; offset += 32) {
    const line = bytes.subarray(offset, offset + 32);
    if (line.some((byte) => byte !== 0)) {
      lines.push(`${String(offset).padStart(6, "0")} ${Buffer.from(line).toString("hex")}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function fromText(text: string): Uint8Array {
  const [first = "", ...lines] = text.trimEnd().split("\n");
  const bytes = new Uint8Array(Number.parseInt(first, 10));
  for (const line of lines) {
    bytes.set(Buffer.from(line.slice(7), "hex"), Number(line.slice(0, 6)));
  }
  return bytes;
}

/** A store with every kind of record: entries of each type, commit, compaction, seal, mark, reset. */
function everyRecord(): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  const joint = {
    ...confState,
    learners: [toNodeId(2 ** 53 - 1)],
    votersOutgoing: [toNodeId(4)],
    autoLeave: true,
  };
  const bootstrap = {
    storeId: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i),
    confState: joint,
    application: Uint8Array.of(0xde, 0xad),
  };
  const storage = openNow(fs, { segmentBytes: 1024, bootstrap });
  append(storage, [entry(1, 1, 3), { ...entry(2, 1, 5), type: "conf-change" }], 2);
  append(storage, [{ ...entry(3, 2, 0), type: "conf-change-v2" }], 3, 2);
  append(storage, [entry(4, 2 ** 40, 9)], 4, 2 ** 40);
  makeSnapshot(storage, 3, 2, 20);
  now((completed) => storage.compact(toLogIndex(3), completed));
  const metadata = { index: toLogIndex(9), term: toTerm(2 ** 40), confState };
  const sink = storage.receiveSnapshot(metadata);
  now((completed) => sink.write(image(9, 10), completed));
  now((completed) => sink.finish(completed));
  const state = hardState(2 ** 40, 1, 9);
  now((completed) =>
    storage.write({ hardState: state, entries: [], snapshot: metadata, mustSync: true }, completed),
  );
  append(storage, [entry(10, 2 ** 40, 1)], null);
  append(storage, [entry(11, 2 ** 40, 500)], null);
  append(storage, [entry(12, 2 ** 40, 500)], null);
  now((completed) => storage.close(completed));
  return fs;
}

const golden = (name: string): URL => new URL(`./golden/${name}`, import.meta.url);
const fs = everyRecord();

for (const path of fs.files()) {
  const name = `${path.replaceAll("/", "-")}.hex`;
  test(`${path} is written as it was`, () => {
    const text = toText(fs.content(path));
    if (process.env["UPDATE_GOLDEN"] === "1") {
      writeFileSync(golden(name), text);
    }
    assert.equal(text, readFileSync(golden(name), "utf8"));
  });
}

test("the golden files open as a store", () => {
  const old = new MemoryFileSystem();
  for (const path of fs.files()) {
    old.put(path, fromText(readFileSync(golden(`${path.replaceAll("/", "-")}.hex`), "utf8")));
  }
  const storage = openNow(old, { bootstrap: null, segmentBytes: 1024 });
  assert.deepEqual(storage.report, []);
  assert.equal(readLog(storage).length, 3);
  assert.deepEqual(storage.initial.hardState, hardState(2 ** 40, 1, 9));
  assert.deepEqual(storage.metadata.application, Uint8Array.of(0xde, 0xad));
  assert.equal(storage.metadata.confState.autoLeave, true);
});

test("the vote floor is written as it was", () => {
  const damagedFs = fs.clone();
  const newest = damagedFs.files().findLast((path) => path.endsWith(".log")) ?? "";
  damagedFs.flipBit(newest, 8 * 600);
  openNow(damagedFs, { bootstrap: null, segmentBytes: 1024, onDamage: "set-aside" });
  const text = toText(damagedFs.content("vote-floor"));
  if (process.env["UPDATE_GOLDEN"] === "1") {
    writeFileSync(golden("vote-floor.hex"), text);
  }
  assert.equal(text, readFileSync(golden("vote-floor.hex"), "utf8"));
});
