/** Whole members with encryption: no value in any file, rotation while they run, a file of the wrong keys. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { StorageError } from "@quorate/raft";
import { type EncryptionKeys, RaftNode } from "@quorate/raft-node";
import { keysOf } from "./keys.ts";

class Texts {
  texts: string[] = [];
  apply(text: string): number {
    return this.texts.push(text);
  }
  snapshot(): string[] {
    return this.texts;
  }
  restore(image: string[]): void {
    this.texts = image;
  }
}

async function start(
  dataDir: string,
  encryption: EncryptionKeys | null,
): Promise<[RaftNode<string, number>, Texts]> {
  const machine = new Texts();
  const node = await RaftNode.start<string, number>({
    id: 1,
    dataDir,
    listen: "127.0.0.1:0",
    peers: { 1: "127.0.0.1:0" },
    tickMs: 5,
    segmentBytes: 64 * 1024,
    snapshots: { entryCountMax: 20, trailingEntryCount: 2 },
    stateMachine: machine,
    ...(encryption === null ? {} : { encryption }),
  });
  await node.waitForLeader();
  return [node, machine];
}

/** Every file of the directory, whatever it is for. */
function grep(dataDir: string, text: string): string[] {
  return readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(text))
    .map((entry) => entry.name);
}

async function withFolder(run: (dataDir: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "quorate-encrypted-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("no value stands in any file of the data directory, in log or snapshots, and all come back", () =>
  withFolder(async (dataDir) => {
    const [node] = await start(dataDir, keysOf(1));
    for (let i = 0; i < 50; i++) {
      await node.propose(`a secret text ${i}`);
    }
    while (node.logRange.firstIndex === 1) {
      await node.propose("a secret text more");
    }
    const session = await node.openSession();
    await session.propose("a secret text in a session");
    assert.ok(readdirSync(join(dataDir, "snap")).length > 0);
    assert.deepEqual(grep(dataDir, "secret"), []);
    await node.stop();
    assert.deepEqual(grep(dataDir, "secret"), []);
    const [again, machine] = await start(dataDir, keysOf(1));
    await again.barrier();
    assert.equal(machine.texts[49], "a secret text 49");
    assert.equal(machine.texts.at(-1), "a secret text in a session");
    await again.stop();
  }));

test("in clear the same search finds the values", () =>
  withFolder(async (dataDir) => {
    const [node] = await start(dataDir, null);
    await node.propose("a secret text");
    await node.stop();
    assert.equal(grep(dataDir, "secret").length, 1);
  }));

test("keys rotate while a member runs; the old one can go once the log and two snapshots are past it", () =>
  withFolder(async (dataDir) => {
    const [node] = await start(dataDir, keysOf(1));
    await node.propose("under 1");
    node.rotateEncryption(keysOf(2, 1, 2));
    await node.propose("under 2");
    await node.stop();
    const codeOf = async (keys: EncryptionKeys): Promise<string> => {
      try {
        const [started] = await start(dataDir, keys);
        await started.stop();
        return "started";
      } catch (error) {
        assert.ok(error instanceof StorageError && error.info.code === "STORAGE_KEY", String(error));
        return `needs ${error.info.keyId}`;
      }
    };
    assert.equal(await codeOf(keysOf(2)), "needs 1");
    const [second] = await start(dataDir, keysOf(2, 1, 2));
    for (let i = 0; i < 1500; i += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, at) => second.propose(`text ${i + at} ${"x".repeat(200)}`)),
      );
    }
    await second.stop();
    assert.equal(await codeOf(keysOf(2)), "started");
  }));
