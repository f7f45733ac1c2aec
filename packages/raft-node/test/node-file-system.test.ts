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
  const { write } = fs;
  await withPatched({ write: writingAtMost(70) }, async () => {
    const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i % 251);
    const handle = await open("parts", "create");
    await call<void>((completed) => handle.write(5, bytes, completed));
    assert.deepEqual(await call<Uint8Array>((completed) => handle.read(5, 20_000, completed)), bytes);
    await call<void>((completed) => handle.close(completed));
  });
  assert.equal(fs.write, write);
});

const fileBytes = 3 * 1024 * 1024;

/** Appends of lengths that begin and end anywhere in a block, one of them longer than a call writes at once. */
const lengths = [512, 300, 1, 4095, 4096, 4097, 283, 100_000, 1_500_000, 3, 8_000];

/** Appends to a preallocated file, opened anew in between; everything must be there, and nothing but zeros behind it. */
async function appendAll(name: string, bytesMax: number = fileBytes): Promise<void> {
  let handle = await open(name, "create");
  await call<void>((completed) => handle.append(0, new Uint8Array(bytesMax), completed));
  const expected = new Uint8Array(bytesMax);
  let end = 0;
  for (const [number, length] of lengths.entries()) {
    if (number % 4 === 3) {
      await call<void>((completed) => handle.close(completed));
      handle = await open(name, "write");
    }
    expected.fill(number + 1, end, end + length);
    const bytes = expected.slice(end, end + length);
    await call<void>((completed) => handle.append(end, bytes, completed));
    end += length;
    const found = await call<Uint8Array>((completed) => handle.read(0, bytesMax + 1, completed));
    assert.ok(found !== undefined && Buffer.compare(found, expected) === 0, `append ${number} of ${length}`);
  }
  await call<void>((completed) => handle.close(completed));
}

test("appends stand where they belong, whatever their lengths", () => appendAll("appends"));

test("appends to a file that does not end with a block leave its length alone", () =>
  appendAll("odd", fileBytes - 700));

test("an append to a file that was cut does not make it longer than what was appended", async () => {
  const handle = await open("cut", "create");
  await call<void>((completed) => handle.append(0, new Uint8Array(16_384), completed));
  await call<void>((completed) => handle.truncate(5000, completed));
  await call<void>((completed) => handle.append(5000, Uint8Array.of(1, 2), completed));
  assert.equal(await call<number>((completed) => handle.size(completed)), 5002);
  assert.deepEqual(
    await call<Uint8Array>((completed) => handle.read(4999, 10, completed)),
    Uint8Array.of(0, 1, 2),
  );
  await call<void>((completed) => handle.close(completed));
});

/** Whether the file system of the tests has a way past the page cache. */
function hasDirect(): boolean {
  try {
    fs.closeSync(
      fs.openSync(join(root, "direct"), fs.constants.O_CREAT | fs.constants.O_RDWR | fs.constants.O_DIRECT),
    );
    return process.platform === "linux";
  } catch {
    return false;
  }
}

test("an append is one call to the system, which makes it durable", { skip: !hasDirect() }, async () => {
  const handle = await open("one-call", "create");
  await call<void>((completed) => handle.append(0, new Uint8Array(8192), completed));
  await call<void>((completed) => handle.append(0, Uint8Array.of(1), completed));
  const calls: string[] = [];
  const counting = (name: "write" | "fdatasync" | "read" | "open") => {
    const whole = fs[name];
    return (...args: unknown[]): unknown => {
      calls.push(name);
      return Reflect.apply(whole, fs, args);
    };
  };
  const patches = {
    write: counting("write"),
    fdatasync: counting("fdatasync"),
    read: counting("read"),
    open: counting("open"),
  };
  await withPatched(patches, async () => {
    await call<void>((completed) => handle.append(1, Uint8Array.of(2), completed));
    await call<void>((completed) => handle.append(2, new Uint8Array(5000).fill(3), completed));
  });
  assert.deepEqual(calls, ["write", "write"]);
  await call<void>((completed) => handle.close(completed));
});

test("where there is no way past the page cache, an append is a write and a sync", async () => {
  const { open: openWhole, fdatasync } = fs;
  let syncCount = 0;
  const patches = {
    open: (path: string, ...rest: unknown[]): unknown => {
      const refused = path.startsWith("/proc/");
      return refused
        ? (rest.at(-1) as (error: Error) => void)(Object.assign(new Error("open"), { code: "EINVAL" }))
        : Reflect.apply(openWhole, fs, [path, ...rest]);
    },
    fdatasync: (...args: unknown[]): unknown => {
      syncCount++;
      return Reflect.apply(fdatasync, fs, args);
    },
  };
  await withPatched(patches, () => appendAll("buffered"));
  assert.equal(syncCount, lengths.length + 1);
});

test("where the system refuses a direct write, or does half of it, the append is done the other way", async () => {
  const { write } = fs;
  const refusing = (...args: unknown[]): unknown => {
    const [, bytes] = args as [number, Uint8Array];
    // Only what comes from the memory that is aligned.
    return (bytes.buffer as ArrayBuffer).resizable
      ? (args.at(-1) as (error: Error) => void)(Object.assign(new Error("write"), { code: "EINVAL" }))
      : Reflect.apply(write, fs, args);
  };
  await withPatched({ write: refusing }, () => appendAll("refused"));
  await withPatched({ write: writingAtMost(4096 * 3) }, () => appendAll("halves"));
});

test("an append that fails tells why", async () => {
  const { write } = fs;
  const handle = await open("full", "create");
  await call<void>((completed) => handle.append(0, new Uint8Array(8192), completed));
  const full = (...args: unknown[]): unknown =>
    (args.at(-1) as (error: Error) => void)(Object.assign(new Error("write"), { code: "ENOSPC" }));
  await withPatched({ write: full }, () =>
    assert.rejects(
      call<void>((completed) => handle.append(0, Uint8Array.of(1), completed)),
      (error: unknown) => error instanceof FileError && error.code === "ENOSPC" && error.path === "full",
    ),
  );
  assert.equal(fs.write, write);
  await call<void>((completed) => handle.close(completed));
});

/** `fs.write` that does at most so many bytes a call. */
function writingAtMost(bytesMax: number): (...args: never) => unknown {
  const { write } = fs;
  // It takes the descriptor, the bytes, where they begin and how many they are.
  return (descriptor: number, bytes: Uint8Array, from: number, length: number, ...rest: unknown[]): unknown =>
    Reflect.apply(write, fs, [descriptor, bytes, from, Math.min(length, bytesMax), ...rest]);
}

/** Runs `body` while functions of `node:fs` are other ones. */
async function withPatched(
  patches: Partial<Record<"write" | "fdatasync" | "read" | "open", (...args: never) => unknown>>,
  body: () => Promise<void>,
): Promise<void> {
  const { write, fdatasync, read, open: openFile } = fs;
  Object.assign(fs, patches);
  syncBuiltinESMExports();
  try {
    await body();
  } finally {
    Object.assign(fs, { write, fdatasync, read, open: openFile });
    syncBuiltinESMExports();
  }
}
