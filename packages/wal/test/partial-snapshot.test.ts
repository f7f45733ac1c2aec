/** Received images that are not whole: kept over a suspension and a crash, gone on with, dropped when they are of no use. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, Prng } from "@quorate/base";
import { type SnapshotSink, type SnapshotSource, toLogIndex, toTerm } from "@quorate/raft";
import type { WalStorage } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { confState, hardState, image, now, openNow } from "./support.ts";

const bytes = image(4, 200_000);
const chunk = 64 * 1024;
const metadataOf = (index: number) => ({ index: toLogIndex(index), term: toTerm(2), confState });

function receive(storage: WalStorage, index = 9): Required<SnapshotSink> {
  const sink = storage.receiveSnapshot(metadataOf(index));
  assert.ok(sink.resume !== undefined && sink.suspend !== undefined);
  return sink as Required<SnapshotSink>;
}

function resume(sink: Required<SnapshotSink>): Uint8Array {
  const parts: Uint8Array[] = [];
  const count = now<number>((completed) => sink.resume((part) => parts.push(part.slice()) > 0, completed));
  const kept = concatBytes(parts);
  assert.equal(kept.length, count);
  return kept;
}

function write(sink: SnapshotSink, from: number, to: number): void {
  for (let at = from; at < to; at += 10_000) {
    now((completed) => sink.write(bytes.subarray(at, Math.min(to, at + 10_000)), completed));
  }
}

function install(storage: WalStorage, sink: SnapshotSink): void {
  now((completed) => sink.finish(completed));
  const snapshot = metadataOf(9);
  now((completed) =>
    storage.write({ hardState: hardState(2, 1, 9), entries: [], snapshot, mustSync: true }, completed),
  );
  const source = now<SnapshotSource>((completed) => storage.openSnapshot(completed));
  const found = now<Uint8Array>((completed) => source.read(0, 300_000, completed));
  assert.ok(Buffer.from(bytes).equals(found));
  source.close();
}

const snapFiles = (fs: MemoryFileSystem): string[] => fs.files().filter((path) => path.startsWith("snap/"));

test("corner case 51: what was received before a suspension is gone on with", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs);
  const first = receive(storage);
  assert.equal(resume(first).length, 0);
  write(first, 0, 150_000);
  first.suspend();
  const second = receive(storage);
  const kept = resume(second);
  assert.equal(kept.length, 2 * chunk, "whole chunks");
  assert.ok(Buffer.from(kept).equals(bytes.subarray(0, kept.length)));
  write(second, kept.length, bytes.length);
  install(storage, second);
  assert.equal(snapFiles(fs).length, 1);
});

test("corner case 51: what a crash left of a reception is gone on with, as far as its checksums reach", () => {
  let most = 0;
  let least = bytes.length;
  for (let seed = 1; seed <= 40; seed++) {
    const fs = new MemoryFileSystem();
    const storage = openNow(fs);
    write(receive(storage), 0, 150_000);
    const after = fs.crash(new Prng(seed), seed % 2 === 0 ? "keep" : "random");
    const reopened = openNow(after);
    const sink = receive(reopened);
    const kept = resume(sink);
    assert.equal(kept.length % chunk, 0);
    assert.ok(Buffer.from(kept).equals(bytes.subarray(0, kept.length)), `seed ${seed}`);
    most = Math.max(most, kept.length);
    least = Math.min(least, kept.length);
    write(sink, kept.length, bytes.length);
    install(reopened, sink);
    assert.equal(snapFiles(after).length, 1, `seed ${seed}: ${snapFiles(after).join(" ")}`);
  }
  assert.equal(most, 2 * chunk, "a killed process loses nothing");
  assert.equal(least, 0, "a loss of power can lose all of it");
});

test("a damaged chunk ends what is gone on with; what is behind it is received again", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs);
  const first = receive(storage);
  write(first, 0, 199_000);
  first.suspend();
  const [path] = snapFiles(fs);
  assert.ok(path?.endsWith(".part"));
  fs.flipBit(path ?? "", 8 * (chunk + 5000));
  const second = receive(storage);
  assert.equal(resume(second).length, chunk);
  write(second, chunk, bytes.length);
  install(storage, second);
});

test("an image that was whole but not in force is gone on with, and is as long as it says", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs);
  const first = receive(storage);
  write(first, 0, bytes.length);
  now((completed) => first.finish(completed));
  const after = fs.crash(new Prng(1), "keep");
  const reopened = openNow(after);
  const sink = receive(reopened);
  const kept = resume(sink);
  assert.equal(kept.length, 3 * chunk);
  write(sink, kept.length, bytes.length);
  install(reopened, sink);
});

test("parts of another image, or of one that is of no more use, go", () => {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs);
  const old = receive(storage, 5);
  write(old, 0, 100_000);
  old.suspend();
  assert.equal(snapFiles(fs).length, 1);
  const sink = receive(storage);
  assert.equal(resume(sink).length, 0);
  assert.deepEqual(snapFiles(fs), []);
  write(sink, 0, bytes.length);
  const late = receive(storage, 6);
  write(late, 0, 100_000);
  late.suspend();
  install(storage, sink);
  now((completed) => storage.close(completed));
  openNow(fs);
  assert.equal(snapFiles(fs).length, 1, "an older part is removed at the start");
});

test("an aborted reception leaves nothing", () => {
  const fs = new MemoryFileSystem();
  const sink = receive(openNow(fs));
  write(sink, 0, 150_000);
  sink.abort();
  sink.suspend();
  assert.deepEqual(snapFiles(fs), []);
});
