/** Recovery as a library call, and its one step that decides, interrupted everywhere. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { StorageError } from "@quorate/raft";
import {
  RaftNode,
  type Recovered,
  type RecoverOptions,
  type RecoveryFindings,
  recoverDataDirectory,
} from "@quorate/raft-node";
import { freePorts } from "@quorate/raft-node/testing";

function folderOf(t: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), "quorate-recovery-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Counter {
  total: number;
  readonly node: RaftNode<number, number>;
}

async function startCounter(
  dataDir: string,
  peers: Record<number, string>,
  cluster: string | number,
): Promise<Counter> {
  const counter = { total: 0 };
  const node = await RaftNode.start<number, number>({
    id: 1,
    cluster,
    dataDir,
    listen: peers[1] ?? "",
    peers,
    tickMs: 10,
    segmentBytes: 65_536,
    stateMachine: {
      apply: (add) => {
        counter.total += add;
        return counter.total;
      },
      snapshot: () => counter.total,
      restore: (image: number) => {
        counter.total = image;
      },
    },
  });
  return Object.assign(counter, { node });
}

/** The folder of a member that lost both others after ten commands. */
async function survivor(t: TestContext): Promise<{ dataDir: string; address: string }> {
  const folder = folderOf(t);
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const peers = { 1: `127.0.0.1:${a}`, 2: `127.0.0.1:${b}`, 3: `127.0.0.1:${c}` };
  const nodes = await Promise.all(
    [1, 2, 3].map((id) =>
      RaftNode.start<number, number>({
        id,
        dataDir: join(folder, String(id)),
        listen: peers[id as 1 | 2 | 3],
        peers,
        tickMs: 10,
        segmentBytes: 65_536,
        stateMachine: { apply: (add) => add, snapshot: () => 0, restore: () => {} },
      }),
    ),
  );
  const first = nodes[0];
  assert.ok(first !== undefined);
  await first.waitForLeader();
  for (let i = 1; i <= 10; i++) {
    await first.propose(i);
  }
  await Promise.all(nodes.map((node) => node.stop()));
  return { dataDir: join(folder, "1"), address: peers[1] };
}

function recover(dataDir: string, more: Partial<RecoverOptions> = {}): Promise<Recovered | null> {
  return recoverDataDirectory({ dataDir, confirm: () => true, ...more });
}

test("the findings say what there is; a no changes nothing; a yes makes a cluster of one with everything", async (t) => {
  const { address, dataDir } = await survivor(t);
  const before = fs.readdirSync(dataDir);
  let shown: RecoveryFindings | null = null;
  const no = await recover(dataDir, {
    confirm: (findings) => {
      shown = findings;
      return false;
    },
  });
  assert.equal(no, null);
  const findings = shown as RecoveryFindings | null;
  assert.deepEqual(findings?.confState.voters, [1, 2, 3]);
  assert.equal(findings?.discarded, null);
  assert.ok(findings !== null && findings.last.index >= 11 && findings.committed <= findings.last.index);
  assert.deepEqual(fs.readdirSync(dataDir), before);

  const done = await recover(dataDir);
  assert.ok(done !== null);
  assert.equal(done.lastIndex, findings.last.index + 2, "two members are removed");
  await assert.rejects(startCounter(dataDir, { 1: address }, "quorate"), /STORAGE_FOREIGN/);
  const { node } = await startCounter(dataDir, { 1: address }, done.findings.newClusterId);
  t.after(() => node.stop());
  await node.waitForLeader();
  assert.equal(await node.propose(1), 56);
  assert.deepEqual(node.status().confState.voters, [1]);
});

test("both files of the vote bad: refused, unless what is damaged is to be discarded", async (t) => {
  const { dataDir } = await survivor(t);
  for (const name of ["hard-state-a", "hard-state-b"]) {
    fs.writeFileSync(join(dataDir, name), "rotten");
  }
  await assert.rejects(recover(dataDir), /STORAGE_CORRUPT file=hard-state-a/);
  const done = await recover(dataDir, { discardDamaged: true });
  assert.ok(done !== null);
  assert.equal(done.findings.vote, 0);
  assert.ok(done.findings.term >= done.findings.last.term, "the term is not forgotten");
  assert.equal(done.findings.discarded, null);
});

test("a directory in use is refused by name", async (t) => {
  const folder = folderOf(t);
  const [port = 0] = await freePorts(1);
  const { node } = await startCounter(folder, { 1: `127.0.0.1:${port}` }, "quorate");
  t.after(() => node.stop());
  await assert.rejects(
    recover(folder),
    (error) => error instanceof StorageError && error.info.code === "STORAGE_LOCKED",
  );
});

test("a crash at any step leaves the old store or the new one, and the next opening carries on", async (t) => {
  const { dataDir } = await survivor(t);
  const steps = ["renameSync", "rmSync", "mkdirSync", "fsyncSync"] as const;
  const outcomes = { old: 0, fresh: 0 };
  for (let failAt = 1, interrupted = true; interrupted; failAt++) {
    const copy = folderOf(t);
    fs.cpSync(dataDir, copy, { recursive: true });
    const oldMeta = fs.readFileSync(join(copy, "meta"));
    interrupted = await crashing(failAt, steps, () => recover(copy));
    let findings: RecoveryFindings | null = null;
    await recover(copy, {
      confirm: (found) => {
        findings = found;
        return false;
      },
    });
    const found = findings as RecoveryFindings | null;
    assert.ok(found !== null, `step ${failAt}`);
    const meta = fs.readFileSync(join(copy, "meta"));
    const isOld = meta.equals(oldMeta);
    assert.deepEqual(found.confState.voters, isOld ? [1, 2, 3] : [1], `step ${failAt}`);
    assert.equal(found.last.index >= 11, true);
    outcomes[isOld ? "old" : "fresh"]++;
    if (!isOld) {
      assert.ok(fs.readFileSync(join(copy, "replaced-1", "meta")).equals(oldMeta), "the old one is kept");
      assert.ok(!fs.existsSync(join(copy, "peers.json")));
    }
  }
  assert.ok(outcomes.old > 5 && outcomes.fresh > 5, JSON.stringify(outcomes));
});

/** Runs `work` with the file system failing from the `failAt`-th of these calls on; whether it came to that. */
async function crashing(
  failAt: number,
  names: readonly ("renameSync" | "rmSync" | "mkdirSync" | "fsyncSync")[],
  work: () => Promise<unknown>,
): Promise<boolean> {
  const originals = names.map((name) => fs[name]);
  let count = 0;
  for (const name of names) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    (fs as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
      count++;
      if (count >= failAt) {
        throw new Error("power lost");
      }
      return original(...args);
    };
  }
  syncBuiltinESMExports();
  try {
    await work();
    return false;
  } catch (error) {
    assert.match(String(error), /power lost|wal/);
    return true;
  } finally {
    for (const [place, name] of names.entries()) {
      (fs as unknown as Record<string, unknown>)[name] = originals[place];
    }
    syncBuiltinESMExports();
  }
}
