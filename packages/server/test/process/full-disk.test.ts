/**
 * A disk that fills, for real: a small file system of its own under the leader's data directory. The leader ends with exit code 74 and one
 * line that says so, another leads at once, and nothing that was acknowledged is lost. Needs the right to mount.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { createProcessCluster, type ProcessCluster, type ProcessMember } from "../../src/testing/index.ts";

const diskBytes = 100 * 1024 * 1024;

/** Why there is no small disk at `folder`; null when there is. */
function mountProblem(folder: string): string | null {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes},mode=0700`, "quorate-test", folder], {
      stdio: "pipe",
    });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Writes large values through `writer` until one fails or `leader` has ended; the keys that were acknowledged. */
async function fill(writer: ProcessMember, leader: ProcessMember): Promise<string[]> {
  const client = new EtcdClient(writer.clientUrl, 5000);
  const value = new Uint8Array(1024 * 1024).fill(7);
  const acknowledged: string[] = [];
  try {
    for (let i = 0; i < 400 && leader.running; i++) {
      try {
        // The same key again: the log grows, the state hardly.
        await client.put(utf8Encode(`fill/${i % 8}`), value);
        acknowledged.push(`fill/${i % 8}`);
      } catch {
        break; // The leader has just ended; what became of this write is not known.
      }
    }
    return acknowledged;
  } finally {
    client.close();
  }
}

/** Kills whoever else leads, until `wanted` does. */
async function makeLeader(cluster: ProcessCluster, wanted: ProcessMember): Promise<void> {
  for (let kills = 0; kills < 30; kills++) {
    const leader = await cluster.leader();
    if (leader === wanted) {
      return;
    }
    await leader.kill();
    await cluster.leader();
    leader.start();
  }
  throw new Error(`${wanted.name} was never elected`);
}

test("a leader whose disk fills ends with 74, and another leads at once", async (t) => {
  // So long that an ordinary election within this test would be seen.
  const cluster = await createProcessCluster({ heartbeatIntervalMs: 100, electionTimeoutMs: 3000 });
  const [small, second] = cluster.members;
  assert.ok(small !== undefined && second !== undefined);
  const problem = mountProblem(small.dataDir);
  if (problem !== null) {
    await cluster.destroy();
    t.skip(`SKIPPED: no file system of its own could be mounted: ${problem}`);
    return;
  }
  try {
    cluster.startAll();
    await makeLeader(cluster, small);
    const acknowledged = await fill(second, small);
    assert.ok(acknowledged.length > 10, `only ${acknowledged.length} writes before the end`);
    const end = await small.signal("SIGCONT"); // Wakes nobody: it only waits for the end.
    const endedMs = performance.now();
    assert.deepEqual(end, { code: 74, signal: null }, small.log().slice(-3000));
    const complaints = small
      .log()
      .split("\n")
      .filter((line) => line.startsWith("quorate: "));
    assert.equal(complaints.length, 1, small.log().slice(-3000));
    assert.match(complaints[0] ?? "", /disk is full|no space/i);

    const leader = await cluster.leader();
    assert.ok(performance.now() - endedMs < 1500, "before anybody's election time-out");
    assert.notEqual(leader, small);
    const client = new EtcdClient(leader.clientUrl, 5000);
    for (const key of new Set(acknowledged)) {
      assert.equal((await client.range({ key: utf8Encode(key) })).length, 1, key);
    }
    client.close();
  } finally {
    // Lazily: the member may have files open still.
    execFileSync("umount", ["-l", small.dataDir]);
    await cluster.destroy();
  }
});
