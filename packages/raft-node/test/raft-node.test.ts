/** Nodes with real disks and connections: the API's promises, one by one. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { RaftError, StorageError } from "@quorate/raft";
import { RaftNode, type RaftNodeSettings } from "@quorate/raft-node";
import { createTestCluster, type TestCluster } from "@quorate/raft-node/testing";
import { FileError, type FileSystem } from "@quorate/wal";
import { until } from "./tcp/cluster-of-transports.ts";

class Counter {
  value = 0;
  readonly seen: number[] = [];
  apply({ add }: { add: number }): number {
    this.value += add;
    this.seen.push(add);
    return this.value;
  }
  snapshot(): number {
    return this.value;
  }
  restore(image: number): void {
    this.value = image;
  }
}

type Counters = TestCluster<{ add: number }, number, Counter>;

async function withCluster(
  run: (cluster: Counters) => Promise<void>,
  settings: RaftNodeSettings = {},
): Promise<void> {
  const cluster = await createTestCluster<{ add: number }, number, Counter>({
    stateMachine: () => new Counter(),
    settings: { segmentBytes: 1024 * 1024, ...settings },
  });
  try {
    await run(cluster);
  } finally {
    await cluster.stop();
  }
}

async function withNode(
  run: (node: RaftNode<{ add: number }, number>, dataDir: string) => Promise<void>,
  settings: RaftNodeSettings = {},
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "quorate-node-"));
  const node = await RaftNode.start<{ add: number }, number>({
    id: 1,
    dataDir,
    listen: "127.0.0.1:0",
    peers: { 1: "127.0.0.1:0" },
    tickMs: 5,
    segmentBytes: 1024 * 1024,
    stateMachine: new Counter(),
    ...settings,
  });
  try {
    await run(node, dataDir);
  } finally {
    await node.stop();
    rmSync(dataDir, { recursive: true });
  }
}

test("any member takes proposals and reads what was acknowledged anywhere", () =>
  withCluster(async (cluster) => {
    await cluster.leader();
    let total = 0;
    for (const { node } of cluster.members) {
      await node.waitForLeader();
      total += node.id;
      assert.equal(await node.propose({ add: node.id }), total);
    }
    for (const { machine, node } of cluster.members) {
      assert.equal(await node.read(() => machine.value), total);
    }
  }));

test("when the leader is gone the others elect, lose nothing, and take it back", () =>
  withCluster(async (cluster) => {
    const first = await cluster.leader();
    assert.equal(await first.node.propose({ add: 5 }), 5);
    await cluster.kill(first.id);
    const second = await cluster.leader();
    assert.notEqual(second.id, first.id);
    assert.equal(await second.node.propose({ add: 6 }), 11);
    const back = await cluster.restart(first.id);
    await cluster.waitForAll();
    assert.equal(back.machine.value, 11);
  }));

test("the side without a majority acknowledges nothing, and what it took is decided once it is back", () =>
  withCluster(async (cluster) => {
    const old = await cluster.leader();
    await old.node.propose({ add: 1 });
    cluster.isolate(old.id);
    const lost = old.node.propose({ add: 100 });
    const verdict = lost.then(
      () => "applied",
      (error: unknown) => error,
    );
    await cluster.waitFor("another leader", () =>
      cluster.members.some(({ id, node }) => id !== old.id && node.isLeader),
    );
    const next = cluster.members.find(({ id, node }) => id !== old.id && node.isLeader);
    assert.ok(next !== undefined);
    assert.equal(await next.node.propose({ add: 2 }), 3);
    cluster.heal();
    await cluster.waitForAll();
    const error = await verdict;
    assert.ok(error instanceof RaftError);
    assert.equal(error.maybeCommitted, false);
    assert.deepEqual(
      cluster.members.map(({ machine }) => machine.value),
      [3, 3, 3],
    );
  }));

test("a restarted node goes on from its snapshot and its log", async () => {
  const settings = { snapshots: { entryCountMax: 10, trailingEntryCount: 2 } };
  await withCluster(async (cluster) => {
    const { id, node } = await cluster.leader();
    // A session: on a busy machine the leader may change meanwhile, and a proposal is then sent again.
    const session = await node.openSession({ keepAliveMs: 0 });
    for (let i = 0; i < 50; i++) {
      await session.propose({ add: 1 });
    }
    await session.close();
    await cluster.waitFor("a compaction", () => node.logRange.firstIndex > 1);
    await cluster.kill(id);
    const back = await cluster.restart(id);
    await cluster.waitForAll();
    assert.equal(back.machine.value, 50);
    assert.ok(back.machine.seen.length < 50, "restored, not replayed from the beginning");
  }, settings);
});

test("a graceful stop of the leader hands over before anybody times out", () =>
  withCluster(async (cluster) => {
    const leader = await cluster.leader();
    await leader.node.propose({ add: 1 });
    await cluster.waitForAll();
    await leader.node.stop();
    const others = cluster.members.filter(({ id }) => id !== leader.id);
    await cluster.waitFor("a new leader", () => others.some(({ node }) => node.isLeader));
    await assert.rejects(leader.node.propose({ add: 1 }), (error) => {
      assert.ok(error instanceof RaftError);
      assert.deepEqual(error.info, { code: "RAFT_STOPPED", maybeCommitted: false });
      return true;
    });
  }));

test("what is refused at once is refused by its code", () =>
  withNode(
    async (node) => {
      await node.waitForLeader();
      await assert.rejects(node.propose({ add: 1e100 }), (error) => {
        assert.ok(error instanceof RaftError, String(error));
        assert.deepEqual(error.info, { code: "RAFT_PROPOSAL_DROPPED", reason: "too-large" });
        return true;
      });
    },
    { limits: { commandBytesMax: 10 } },
  ));

test("a deadline and a signal end a wait with an unknown outcome", () =>
  withCluster(async (cluster) => {
    const leader = await cluster.leader();
    cluster.isolate(leader.id);
    const abort = new AbortController();
    const waits = Promise.allSettled([
      leader.node.propose({ add: 1 }, { deadlineMs: 5 }),
      leader.node.propose({ add: 1 }, { signal: abort.signal }),
    ]);
    abort.abort();
    for (const wait of await waits) {
      assert.ok(wait.status === "rejected" && wait.reason instanceof RaftError, wait.status);
      assert.deepEqual(wait.reason.info, { code: "RAFT_DEADLINE", maybeCommitted: true });
    }
  }));

test("leadership() tells who leads, then that another does", () =>
  withCluster(async (cluster) => {
    const first = await cluster.leader();
    const observer = cluster.members.find(({ id }) => id !== first.id);
    assert.ok(observer !== undefined);
    const leaders: number[] = [];
    const told = (async () => {
      for await (const { leader } of observer.node.leadership()) {
        if (leader !== 0 && leader !== leaders.at(-1)) {
          leaders.push(leader);
        }
        if (leaders.length === 2) {
          return;
        }
      }
    })();
    await cluster.waitFor("the first leader told", () => leaders.length === 1);
    await cluster.kill(first.id);
    await told;
    assert.equal(leaders[0], first.id);
    assert.notEqual(leaders[1], first.id);
  }));

test("a second process's start in the same directory is refused by its code", () =>
  withNode(async (_node, dataDir) => {
    await assert.rejects(
      RaftNode.start({
        id: 1,
        dataDir,
        listen: "127.0.0.1:0",
        peers: { 1: "127.0.0.1:0" },
        stateMachine: new Counter(),
      }),
      (error) => error instanceof StorageError && error.code === "STORAGE_LOCKED",
    );
  }));

/** A disk whose syncs fail once it is broken. */
function breakableDisk(): { broken: boolean; readonly wrapFileSystem: (inner: FileSystem) => FileSystem } {
  const disk = { broken: false, wrapFileSystem };
  function wrapFileSystem(inner: FileSystem): FileSystem {
    return Object.assign(Object.create(inner) as FileSystem, {
      open: (...[path, mode, completed]: Parameters<FileSystem["open"]>) =>
        inner.open(path, mode, (error, file) => {
          if (file === undefined) {
            completed(error);
            return;
          }
          completed(null, {
            read: (...call) => file.read(...call),
            write: (...call) => file.write(...call),
            truncate: (...call) => file.truncate(...call),
            size: (...call) => file.size(...call),
            close: (...call) => file.close(...call),
            append: (offset, bytes, done) =>
              disk.broken ? done(new FileError("EIO", "write", path)) : file.append(offset, bytes, done),
            sync: (done) => (disk.broken ? done(new FileError("EIO", "fdatasync", path)) : file.sync(done)),
          });
        }),
      makeDirectory: (...call: Parameters<FileSystem["makeDirectory"]>) => inner.makeDirectory(...call),
      list: (...call: Parameters<FileSystem["list"]>) => inner.list(...call),
      rename: (...call: Parameters<FileSystem["rename"]>) => inner.rename(...call),
      unlink: (...call: Parameters<FileSystem["unlink"]>) => inner.unlink(...call),
      syncDirectory: (...call: Parameters<FileSystem["syncDirectory"]>) => inner.syncDirectory(...call),
    });
  }
  return disk;
}

test("a sync that fails is fatal at once: nothing is acknowledged after it", async () => {
  const disk = breakableDisk();
  const fatal: Error[] = [];
  await withNode(
    async (node) => {
      await node.waitForLeader();
      assert.equal(await node.propose({ add: 1 }), 1);
      disk.broken = true;
      await assert.rejects(node.propose({ add: 1 }), (error) => {
        assert.ok(error instanceof RaftError);
        assert.deepEqual(error.info, { code: "RAFT_STOPPED", maybeCommitted: true });
        return true;
      });
      assert.equal(fatal.length, 1);
      assert.ok(fatal[0] instanceof StorageError && fatal[0].code === "STORAGE_IO");
      await assert.rejects(node.propose({ add: 1 }), RaftError);
    },
    { wrapFileSystem: disk.wrapFileSystem, onFatal: (error) => fatal.push(error) },
  );
});

test("a sync that fails in the background is fatal too, without waiting for the next write", async () => {
  const disk = breakableDisk();
  const fatal: Error[] = [];
  await withNode(
    async (node) => {
      await node.waitForLeader();
      assert.equal(await node.propose({ add: 1 }), 1);
      disk.broken = true; // Before the idle mark of that proposal's batch.
      await until("told", () => fatal.length > 0);
      assert.ok(fatal[0] instanceof StorageError && fatal[0].code === "STORAGE_IO");
      assert.equal(node.status().state, "stopped");
    },
    { wrapFileSystem: disk.wrapFileSystem, onFatal: (error) => fatal.push(error) },
  );
  assert.equal(fatal.length, 1);
});
