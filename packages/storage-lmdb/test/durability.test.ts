/** What a crash and a damaged file do: nothing acknowledged is lost, and nothing damaged is taken for whole. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { StorageError, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { LmdbStorage } from "@quorate/storage-lmdb";
import { close, done, entries, folder, metadata, openIn, start, write } from "./support.ts";

const writer = fileURLToPath(new URL("./writer.ts", import.meta.url));

test("kill -9 in the middle of writing: everything that was called back is there, and nothing is torn", async (t) => {
  const path = folder(t);
  let acknowledged = 0;
  for (let life = 0; life < 3; life++) {
    const child = spawn(process.execPath, ["--conditions=source", writer, path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      // Some batches into this life; where exactly the kill meets it is up to the machine.
      if (output.split("\n").length > 30) {
        child.kill("SIGKILL");
      }
    });
    await once(child, "close");
    acknowledged = Math.max(acknowledged, Number(output.split("\n").at(-2)));
    const storage = await openIn(path);
    assert.ok(storage.lastIndex >= acknowledged, `${storage.lastIndex} stored, ${acknowledged} acknowledged`);
    assert.ok(storage.initial.hardState.term >= 1);
    const all = storage.entries(toLogIndex(1), toLogIndex(storage.lastIndex + 1), 1e9);
    assert.ok(all !== "compacted");
    assert.ok(all.every(({ data, index }) => data.every((byte) => byte === (index & 255))));
    await close(storage);
  }
  assert.ok(acknowledged >= 60, `${acknowledged} over three lives`);
});

async function filled(path: string): Promise<void> {
  const storage = await openIn(path);
  await write(storage, {
    hardState: { term: toTerm(1), vote: toNodeId(1), commit: toLogIndex(0) },
    entries: entries(1, 50, 1, 1000),
  });
  const sink = storage.createSnapshot(metadata(20, 1));
  await done((completed) => sink.write(new Uint8Array(5000).fill(0xab), completed));
  await done((completed) => sink.finish(completed));
  await close(storage);
}

function isCorrupt(error: unknown): boolean {
  return error instanceof StorageError && error.code === "STORAGE_CORRUPT";
}

test("a flipped byte of an entry, and of a snapshot's image, is found when the store is opened", async (t) => {
  for (const [value, what] of [
    [33, /entry 33/],
    [0xab, /snapshot/],
  ] as const) {
    const path = folder(t);
    await filled(path);
    const file = join(path, "raft.mdb");
    const bytes = readFileSync(file);
    const at = bytes.indexOf(Buffer.alloc(500, value));
    assert.ok(at > 0, "the content lies in the file");
    // Earlier copies of a page stay in the file: each of them is damaged.
    for (let i = at; i !== -1; i = bytes.indexOf(Buffer.alloc(500, value), i + 1000)) {
      bytes[i + 100] = value ^ 1;
    }
    writeFileSync(file, bytes);
    await assert.rejects(openIn(path), (error) => isCorrupt(error) && what.test(String(error)));
  }
});

test("a file that is no database, an empty one, and one that lost its end are refused", async (t) => {
  const path = folder(t);
  const file = join(path, "raft.mdb");
  for (const content of [
    new Uint8Array(0),
    new TextEncoder().encode("garbage"),
    new Uint8Array(8192).fill(7),
  ]) {
    writeFileSync(file, content);
    await assert.rejects(openIn(path), isCorrupt);
    assert.deepEqual(new Uint8Array(readFileSync(file)), content, "and left as they were");
  }
  const other = folder(t);
  await filled(other);
  truncateSync(join(other, "raft.mdb"), 16 * 1024);
  await assert.rejects(openIn(other), isCorrupt);
});

test("a store that was wiped under a member that has met others is not made anew", async (t) => {
  const path = folder(t);
  writeFileSync(join(path, "peers.json"), "{}");
  await assert.rejects(openIn(path), (error) => isCorrupt(error) && /met others/.test(String(error)));
});

test("another member's data, and another cluster's, is refused by name", async (t) => {
  const path = folder(t);
  await close(await openIn(path));
  for (const other of [{ id: toNodeId(2) }, { clusterId: 8 }]) {
    await assert.rejects(
      LmdbStorage.open({ ...start, ...other, dataDir: path }),
      (error) => error instanceof StorageError && error.code === "STORAGE_FOREIGN",
    );
  }
});

test("identity, configuration and the application's bytes are kept from the creation on", async (t) => {
  const path = folder(t);
  const application = Uint8Array.of(1, 2, 3);
  const first = await LmdbStorage.open({ ...start, dataDir: path, application });
  const { storeId } = first.metadata;
  assert.equal(storeId.length, 16);
  await close(first);
  const again = await LmdbStorage.open({
    ...start,
    dataDir: path,
    voters: [],
    application: new Uint8Array(0),
  });
  assert.deepEqual(again.metadata.storeId, storeId);
  assert.deepEqual(again.metadata.application, application);
  assert.deepEqual(again.initial.confState.voters, start.voters);
  await close(again);
});

test("after the end every call fails, and says so", async (t) => {
  const storage = await openIn(folder(t));
  await close(storage);
  await assert.rejects(write(storage, { entries: entries(1, 1, 1) }), /STORAGE_CLOSED/);
});

test("a commit index alone is not worth a sync, and comes along with the next batch", async (t) => {
  const path = folder(t);
  const storage = await openIn(path);
  const hardState = { term: toTerm(1), vote: toNodeId(1), commit: toLogIndex(0) };
  await write(storage, { hardState, entries: entries(1, 3, 1) });
  await write(storage, { hardState: { ...hardState, commit: toLogIndex(2) }, mustSync: false });
  await close(storage);
  const again = await openIn(path);
  assert.equal(again.initial.hardState.commit, 2, "an orderly end keeps it");
  await close(again);
});

test("a long log is compacted in slices, and an open reader keeps its image", async (t) => {
  const path = folder(t);
  const storage = await openIn(path, { cachedBytesMax: 4096 });
  await write(storage, { entries: entries(1, 10_000, 1) });
  const make = async (index: number, fill: number): Promise<void> => {
    const sink = storage.createSnapshot(metadata(index, 1));
    await done((completed) => sink.write(new Uint8Array(3000).fill(fill), completed));
    await done((completed) => sink.finish(completed));
  };
  await make(9000, 1);
  const source = await new Promise<Parameters<Parameters<LmdbStorage["openSnapshot"]>[0]>[1]>((resolve) =>
    storage.openSnapshot((_error, opened) => resolve(opened)),
  );
  assert.ok(source !== undefined);
  await done((completed) => storage.compact(toLogIndex(9000), completed));
  assert.equal(storage.firstIndex, 9001);
  assert.equal(storage.term(toLogIndex(9000)), 1);
  await make(9500, 2);
  await write(storage, { entries: entries(10_001, 10_001, 2) });
  const chunk = await new Promise<Uint8Array | undefined>((resolve) =>
    source.read(0, 10, (_error, bytes) => resolve(bytes)),
  );
  assert.deepEqual(chunk, new Uint8Array(10).fill(1), "the superseded image, as long as it is read");
  source.close();
  await close(storage);
  const again = await openIn(path);
  assert.equal(again.firstIndex, 9001);
  assert.equal(again.lastIndex, 10_001);
  assert.equal(again.snapshot()?.index, 9500);
  await close(again);
});
