/** Nodes on another storage and another transport, with and without a data directory, and the lines of their trace. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError, StorageError, toNodeId } from "@quorate/raft";
import { MemoryNetwork, MemoryStorage } from "@quorate/raft/testing";
import { RaftNode, type RaftNodeSettings } from "@quorate/raft-node";

function counter() {
  let total = 0;
  return {
    apply: ({ add }: { add: number }) => {
      total += add;
      return total;
    },
    snapshot: () => total,
    restore: (image: number) => {
      total = image;
    },
  };
}

const inMemory: RaftNodeSettings = {
  tickMs: 5,
  openStorage: ({ voters }) => new MemoryStorage({ voters }),
};

function start(id: number, ids: readonly number[], settings: RaftNodeSettings & { dataDir?: string }) {
  return RaftNode.start<{ add: number }, number>({
    id,
    listen: "127.0.0.1:0",
    peers: Object.fromEntries(ids.map((peer) => [peer, "127.0.0.1:0"])),
    stateMachine: counter(),
    ...settings,
  });
}

test("three nodes without a disk and without sockets", async () => {
  const network = new MemoryNetwork({ defer: (work) => void setImmediate(work) });
  const nodes = await Promise.all(
    [1, 2, 3].map((id) =>
      start(id, [1, 2, 3], { ...inMemory, openTransport: () => network.connect(toNodeId(id)) }),
    ),
  );
  try {
    await Promise.all(nodes.map((node) => node.waitForLeader()));
    const results = [];
    for (const node of nodes) {
      results.push(await node.propose({ add: 1 }));
    }
    assert.deepEqual(results, [1, 2, 3]);
    assert.equal(nodes[0]?.transportCounters.sentBytes, 0, "this transport counts nothing");
  } finally {
    await Promise.all(nodes.map((node) => node.stop({ transfer: false })));
  }
});

test("without a storage of its own a node needs a directory", async () => {
  await assert.rejects(start(1, [1], { tickMs: 5 }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems, ["dataDir is missing"]);
    return true;
  });
});

test("a directory with another storage is locked, and remembers whose it is", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "quorate-adapter-"));
  let storage = new MemoryStorage({ voters: [toNodeId(1)] });
  const settings: RaftNodeSettings & { dataDir: string } = {
    ...inMemory,
    dataDir,
    openStorage: (opened) => {
      assert.deepEqual([opened.dataDir, opened.id, opened.voters], [dataDir, 1, [1]]);
      storage = storage.reopen();
      return storage;
    },
  };
  const first = await start(1, [1], settings);
  await first.waitForLeader();
  assert.equal(await first.propose({ add: 4 }), 4);
  await assert.rejects(start(1, [1], settings), (error) => (error as StorageError).code === "STORAGE_LOCKED");
  const { storeId } = first.metadata;
  await first.stop();
  const again = await start(1, [1], settings);
  assert.deepEqual(again.metadata.storeId, storeId, "its peers know it again");
  await again.waitForLeader();
  assert.equal(await again.propose({ add: 1 }), 5);
  await again.stop();
  for (const [wrong, expected] of [
    [{ ...settings, cluster: "another" }, "STORAGE_FOREIGN"],
    [settings, "STORAGE_CORRUPT"],
    [settings, "STORAGE_VERSION"],
  ] as const) {
    if (expected === "STORAGE_CORRUPT") {
      writeFileSync(join(dataDir, "identity.json"), "garbage");
    } else if (expected === "STORAGE_VERSION") {
      writeFileSync(join(dataDir, "identity.json"), '{"version":9}');
    }
    await assert.rejects(start(1, [1], wrong), (error) => {
      assert.ok(error instanceof StorageError);
      assert.equal(error.code, expected);
      return true;
    });
  }
  rmSync(dataDir, { recursive: true });
});

test("a storage that does not open ends the start, and leaves nothing locked", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "quorate-adapter-"));
  const failing = {
    ...inMemory,
    dataDir,
    openStorage: () => Promise.reject(new Error("no such database")),
  };
  await assert.rejects(start(1, [1], failing), /no such database/);
  const node = await start(1, [1], { ...inMemory, dataDir });
  await node.stop();
  rmSync(dataDir, { recursive: true });
});

test("debugging has one line for each transition and each message", async () => {
  const network = new MemoryNetwork({ defer: (work) => void setImmediate(work) });
  const lines: string[] = [];
  const nodes = await Promise.all(
    [1, 2].map((id) =>
      start(id, [1, 2], {
        ...inMemory,
        openTransport: () => network.connect(toNodeId(id)),
        debug: (line) => void lines.push(line),
      }),
    ),
  );
  const [one, two] = nodes as [RaftNode<{ add: number }, number>, RaftNode<{ add: number }, number>];
  await one.waitForLeader();
  await two.waitForLeader();
  await two.propose({ add: 1 });
  await one.propose({ add: 1 });
  await Promise.all(nodes.map((node) => node.stop({ transfer: false })));
  assert.ok(
    lines.every((line) => !line.includes("\n")),
    "one line each",
  );
  const text = lines.join("\n");
  for (const form of [
    /^role leader t\d+$/m,
    /^leader [12] t\d+$/m,
    /^(sent|received) [12]>[12] (pre-vote|request-vote) t\d+ last=0\/0$/m,
    /^(sent|received) [12]>[12] append-entries t\d+ prev=/m,
    /^(sent|received) [12]?>[12]? propose term=\d+ requestId=\d+ commands=1$/m,
  ]) {
    assert.match(text, form);
  }
});
