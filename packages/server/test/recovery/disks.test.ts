/** Disks that are wiped, cloned or set back under a member's old id, with real processes: each is refused by name. */
import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { test } from "node:test";
import { createProcessCluster, eventually } from "../../src/testing/index.ts";
import { putMany, readCopy, within } from "./support.ts";

test("a wiped disk under an old id is refused by every member, and the cluster goes on without it", async (t) => {
  const cluster = await createProcessCluster();
  t.after(() => cluster.destroy());
  cluster.startAll();
  const [first, second, third] = cluster.members;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await cluster.leader();
  await within(cluster, async () => {
    const acknowledged = await putMany(first, 20);
    await third.kill();
    rmSync(third.dataDir, { recursive: true });
    third.start();
    await eventually("both refuse it", 15_000, () =>
      [first, second].every((member) => /another store id than before.*remove/.test(member.log()))
        ? true
        : undefined,
    );
    await eventually("it is told so", 15_000, () =>
      /a peer refused this member/.test(third.log()) ? true : undefined,
    );
    assert.deepEqual(await readCopy(second), acknowledged);
    assert.equal((await putMany(second, 5, "more-")).size, 5);
    assert.notEqual((await third.status())?.role, "leader");
  });
});

test("another member's folder is refused by the member that is started on it", async (t) => {
  const cluster = await createProcessCluster();
  t.after(() => cluster.destroy());
  cluster.startAll();
  const [first, second, third] = cluster.members;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await cluster.leader();
  await within(cluster, async () => {
    await second.stop();
    await third.stop();
    rmSync(third.dataDir, { recursive: true });
    cpSync(second.dataDir, third.dataDir, { recursive: true });
    third.start();
    assert.equal((await third.process?.ended)?.code, 1);
    assert.match(third.log(), /belongs to member "m2", not to "m3" of the same cluster/);
  });
});

test("a disk set back to an older copy: the member stops as soon as the leader's word proves it", async (t) => {
  const cluster = await createProcessCluster();
  t.after(() => cluster.destroy());
  cluster.startAll();
  const leader = await cluster.leader();
  const follower = cluster.members.find((member) => member !== leader);
  assert.ok(follower !== undefined);
  await within(cluster, async () => {
    await putMany(leader, 10);
    await follower.stop();
    const older = `${follower.dataDir}.older`;
    cpSync(follower.dataDir, older, { recursive: true });
    follower.start();
    const acknowledged = await putMany(leader, 20);
    assert.deepEqual(await readCopy(follower), acknowledged);
    await follower.kill();
    rmSync(follower.dataDir, { recursive: true });
    cpSync(older, follower.dataDir, { recursive: true });
    follower.start();
    const end = await follower.process?.ended;
    assert.notEqual(end?.code, 0);
    assert.match(follower.log(), /set back to an older copy; remove this member and add it again/);
    assert.deepEqual(await readCopy(leader), acknowledged);
  });
});
