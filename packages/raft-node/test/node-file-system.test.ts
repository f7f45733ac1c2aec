import assert from "node:assert/strict";
import fs, { mkdtempSync, rmSync, statSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { NodeFileSystem } from "@quorate/raft-node";
import { type FileCompleted, FileError, type FileHandle } from "@quorate/wal";

const root = mkdtempSync(join(tmpdir(), "quorate-files-"));
after(() => rmSync(root, { recursive: true }));
const files = new NodeFileSystem(root);

function call<T>(start: (completed: FileCompleted<T>) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

async function open(path: string, mode: "read" | "write" | "create"): Promise<FileHandle> {
  const handle = await call<FileHandle>((completed) => files.open(path, mode, completed));
  assert.ok(handle !== undefined);
  return handle;
}

test("what is written is read, at its offset, and a read past the end is short", async () => {
  const handle = await open("a", "create");
  await call<void>((completed) => handle.write(3, Uint8Array.of(1, 2, 3), completed));
  await call<void>((completed) => handle.sync(completed));
  assert.deepEqual(
    await call<Uint8Array>((completed) => handle.read(2, 3, completed)),
    Uint8Array.of(0, 1, 2),
  );
  assert.deepEqual(await call<Uint8Array>((completed) => handle.read(5, 100, completed)), Uint8Array.of(3));
  assert.deepEqual(await call<Uint8Array>((completed) => handle.read(6, 1, completed)), new Uint8Array(0));
  await call<void>((completed) => handle.truncate(10, completed));
  assert.equal(await call<number>((completed) => handle.size(completed)), 10);
  await call<void>((completed) => handle.close(completed));
});

test("files and directories are for their owner only", async () => {
  await call<void>((completed) => files.makeDirectory("private", completed));
  const handle = await open("private/file", "create");
  await call<void>((completed) => handle.close(completed));
  assert.equal(statSync(join(root, "private")).mode & 0o777, 0o700);
  assert.equal(statSync(join(root, "private/file")).mode & 0o777, 0o600);
  assert.deepEqual(await call((completed) => files.list("private", completed)), [
    { name: "file", kind: "file" },
  ]);
  await call<void>((completed) => files.rename("private/file", "private/renamed", completed));
  await call<void>((completed) => files.syncDirectory("private", completed));
  await call<void>((completed) => files.unlink("private/renamed", completed));
  assert.deepEqual(await call((completed) => files.list("private", completed)), []);
});

test("failures carry the platform's code, the call and the path", async () => {
  const failure = (code: string, path: string) => (error: unknown) =>
    error instanceof FileError && error.code === code && error.path === path;
  await assert.rejects(open("missing", "read"), failure("ENOENT", "missing"));
  await assert.rejects(open("missing", "write"), failure("ENOENT", "missing"));
  await (await open("twice", "create")).close(() => {});
  await assert.rejects(open("twice", "create"), failure("EEXIST", "twice"));
  await assert.rejects(
    call<void>((completed) => files.makeDirectory("twice", completed)),
    failure("EEXIST", "twice"),
  );
  await assert.rejects(
    call<void>((completed) => files.unlink("missing", completed)),
    failure("ENOENT", "missing"),
  );
  await assert.rejects(
    call<void>((completed) => files.syncDirectory("none", completed)),
    failure("ENOENT", "none"),
  );
});

test("what the system wrote in part is written to its end", async () => {
  const { write, writeSync } = fs;
  // Both take the descriptor, the bytes, where they begin and how many they are.
  const short =
    (whole: (...args: never) => unknown) =>
    (descriptor: number, bytes: Uint8Array, from: number, length: number, ...rest: unknown[]): unknown =>
      Reflect.apply(whole, fs, [descriptor, bytes, from, Math.min(length, 70), ...rest]);
  Object.assign(fs, { write: short(write), writeSync: short(writeSync) });
  syncBuiltinESMExports();
  try {
    for (const [name, length] of [
      ["small", 1_000],
      ["large", 10_000],
    ] as const) {
      const bytes = Uint8Array.from({ length }, (_, i) => i % 251);
      const handle = await open(name, "create");
      await call<void>((completed) => handle.write(5, bytes, completed));
      assert.deepEqual(await call<Uint8Array>((completed) => handle.read(5, 2 * length, completed)), bytes);
      await call<void>((completed) => handle.close(completed));
    }
  } finally {
    Object.assign(fs, { write, writeSync });
    syncBuiltinESMExports();
  }
});
