import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { StorageError } from "@quorate/raft";
import { DataDirectoryLock } from "@quorate/raft-node";

const folder = mkdtempSync(join(tmpdir(), "quorate-lock-"));
after(() => rmSync(folder, { recursive: true }));

function directory(name: string): string {
  return mkdtempSync(join(folder, `${name}-`));
}

/** A process that takes the lock and says so, or says who has it. */
function contender(path: string): ChildProcess {
  const script = `
    import { DataDirectoryLock } from "@quorate/raft-node";
    try {
      DataDirectoryLock.acquire(${JSON.stringify(path)});
      console.log("held");
      setInterval(() => {}, 1000);
    } catch (error) {
      console.log(error.code);
    }`;
  return spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", script], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout !== null);
  const [chunk] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  return chunk.trim();
}

test("the same directory is never held twice, and can be held again after the release", () => {
  const path = directory("twice");
  const lock = DataDirectoryLock.acquire(path);
  assert.throws(
    () => DataDirectoryLock.acquire(path),
    (error) =>
      error instanceof StorageError && error.info.code === "STORAGE_LOCKED" && error.info.pid === process.pid,
  );
  lock.release();
  lock.release();
  DataDirectoryLock.acquire(path).release();
  assert.deepEqual(readdirSync(path), [], "nothing is left behind");
});

test("a process that was killed no longer holds its directory", async () => {
  const path = directory("killed");
  const child = contender(path);
  assert.equal(await firstLine(child), "held");
  assert.throws(() => DataDirectoryLock.acquire(path), { code: "STORAGE_LOCKED" });
  child.kill("SIGKILL");
  await once(child, "exit");
  DataDirectoryLock.acquire(path).release();
});

test("of several that find a stale lock, one gets it", async () => {
  const path = directory("race");
  const dead = spawn(process.execPath, ["-e", ""]);
  await once(dead, "exit");
  writeFileSync(
    join(path, "LOCK"),
    JSON.stringify({ pid: dead.pid, startTicks: 1, bootId: "", token: "old" }),
  );
  const children = Array.from({ length: 4 }, () => contender(path));
  const lines = await Promise.all(children.map(firstLine));
  assert.deepEqual(lines.toSorted(), ["STORAGE_LOCKED", "STORAGE_LOCKED", "STORAGE_LOCKED", "held"]);
  for (const child of children) {
    child.kill("SIGKILL");
  }
});

test("a lock of another boot, of a process id given anew, or without sense is stale", () => {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const startTicks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  const stale = [
    JSON.stringify({ pid: process.pid, startTicks, bootId: "another", token: "x" }),
    JSON.stringify({ pid: process.pid, startTicks: startTicks + 1, bootId: "", token: "x" }),
    "garbage",
    "",
  ];
  for (const text of stale) {
    const path = directory("stale");
    writeFileSync(join(path, "LOCK"), text);
    DataDirectoryLock.acquire(path).release();
  }
});
