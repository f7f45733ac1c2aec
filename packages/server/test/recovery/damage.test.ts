/**
 * Disks that rot, with real processes. A bit is flipped in the middle of one member's log while it is down; another member may be
 * down as well. No acknowledged write is lost, and the damaged member is repaired from the leader.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createProcessCluster, type ProcessCluster } from "../../src/testing/index.ts";
import { flipBitInLog, putMany, readCopy, within } from "./support.ts";

async function clusterOf(t: TestContext, memberCount = 3): Promise<ProcessCluster> {
  const cluster = await createProcessCluster({ memberCount });
  t.after(() => cluster.destroy());
  cluster.startAll();
  await cluster.leader();
  return cluster;
}

const writeCount = 300;

/** Waits until a member has said so. */
async function logged(member: { log(): string }, line: RegExp): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  while (!line.test(member.log())) {
    assert.ok(Date.now() < deadlineMs, `not logged in a minute: ${line}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("all members up: the damaged one repairs itself, and all hold the same", async (t) => {
  const cluster = await clusterOf(t);
  const [first, second, third] = cluster.members;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const acknowledged = await putMany(first, writeCount);
  await within(cluster, async () => {
    await second.stop();
    await flipBitInLog(second);
    second.start();
    await cluster.leader();
    for (const member of cluster.members) {
      assert.deepEqual(await readCopy(member), acknowledged, member.name);
    }
    await logged(second, /the log is repaired/); // Noted at a tick: what was repaired may be read before.
    assert.match(second.log(), /the log is damaged/);
    assert.match(second.log(), /set aside in cut\//);
  });
});

test("one log damaged and another member down: nothing acknowledged is lost", async (t) => {
  const cluster = await clusterOf(t);
  const [first, second, third] = cluster.members;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await third.stop(); // It lacks everything that follows.
  await within(cluster, async () => {
    const acknowledged = await putMany(first, writeCount);
    await first.stop();
    await second.stop();
    await flipBitInLog(second);
    // The third has nothing, the second has lost most: together they are a majority that must elect nobody.
    second.start();
    third.start();
    await logged(second, /the log is damaged/);
    await logged(third, /peer connected/);
    // Two election time-outs in which a leader would have been found.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    for (const member of [second, third]) {
      assert.notEqual((await member.status())?.role, "leader", member.name);
    }
    first.start();
    await cluster.leader();
    for (const member of cluster.members) {
      assert.deepEqual(await readCopy(member), acknowledged, member.name);
    }
    await logged(second, /the log is repaired/);
  });
});

test("the damaged member and one that has everything are enough: it votes for that one and is repaired", async (t) => {
  const cluster = await clusterOf(t);
  const [first, second, third] = cluster.members;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await within(cluster, async () => {
    const acknowledged = await putMany(first, writeCount);
    await Promise.all(cluster.members.map((member) => member.stop()));
    await flipBitInLog(second);
    first.start();
    second.start();
    const leader = await cluster.leader();
    assert.equal(leader.name, first.name, "the damaged one does not campaign");
    for (const member of [first, second]) {
      assert.deepEqual(await readCopy(member), acknowledged, member.name);
    }
  });
});

test("a member alone refuses to start, names file and offset, and the command that goes on", async (t) => {
  const cluster = await clusterOf(t, 1);
  const [only] = cluster.members;
  assert.ok(only !== undefined);
  await putMany(only, 20);
  await only.stop();
  await flipBitInLog(only);
  only.start();
  const end = await only.process?.ended;
  assert.equal(end?.code, 1);
  assert.match(only.log(), /member.wal|wal\/\d+-\d+\.log at byte \d+/);
  assert.match(only.log(), /quorate recover --data-dir .* --discard-damaged --dry-run/);
});
