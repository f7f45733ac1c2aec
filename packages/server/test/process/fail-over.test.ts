/** Real processes: a leader that is killed is succeeded long before the election time-out; one that is only silent is not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import {
  createProcessCluster,
  eventually,
  type ProcessCluster,
  type ProcessMember,
} from "../../src/testing/index.ts";

// So long that nothing in this file can be the work of an ordinary election unless it waits for one.
const electionTimeoutMs = 3000;
let cluster: ProcessCluster;

before(async () => {
  cluster = await createProcessCluster({ heartbeatIntervalMs: 100, electionTimeoutMs });
  cluster.startAll();
  await cluster.leader(40_000);
});
after(async () => {
  await cluster?.destroy();
});

async function putWithin(member: ProcessMember, withinMs: number): Promise<number> {
  const client = new EtcdClient(member.clientUrl, 200);
  const startMs = performance.now();
  try {
    await eventually("a write", withinMs, async () => {
      try {
        return await client.put(utf8Encode("key"), utf8Encode("value"));
      } catch {
        return undefined; // No leader yet; the last attempt counts.
      }
    });
    return performance.now() - startMs;
  } finally {
    client.close();
  }
}

async function terms(): Promise<readonly number[]> {
  const answers = await Promise.all(cluster.members.map((member) => member.status()));
  return answers.map((answer) => answer?.term ?? 0);
}

function survivorOf(dead: ProcessMember): ProcessMember {
  const [survivor] = cluster.members.filter((member) => member !== dead);
  assert.ok(survivor !== undefined);
  return survivor;
}

test("kill -9 of the leader: writes go on in a fraction of the election time-out", async () => {
  const leader = await cluster.leader();
  const killedMs = performance.now();
  await leader.kill();
  await putWithin(survivorOf(leader), electionTimeoutMs);
  const tookMs = performance.now() - killedMs;
  // An ordinary election begins one to two time-outs after the last heartbeat.
  assert.ok(tookMs < electionTimeoutMs / 2, `writes stood still for ${Math.round(tookMs)} ms`);
  const log = cluster.members.map((member) => member.log()).join("\n");
  assert.match(log, /the leader's process is gone/);
  assert.match(log, /fail-over ended: won/);
  leader.start();
  await cluster.leader();
});

test("a follower that is killed and comes back unseats nobody", async () => {
  const leader = await cluster.leader();
  const earlier = await terms();
  const follower = survivorOf(leader);
  for (let round = 0; round < 2; round++) {
    await follower.kill();
    await delay(300);
    follower.start();
    assert.equal(await cluster.leader(), leader);
  }
  assert.deepEqual(await terms(), earlier);
});

test("a leader that is stopped gives no evidence: its place is safe until the election time-out", async () => {
  const leader = await cluster.leader();
  const survivor = survivorOf(leader);
  const earlier = await survivor.status();
  leader.process?.kill("SIGSTOP");
  await delay(electionTimeoutMs / 2);
  assert.equal((await survivor.status())?.leader, earlier?.leader, "still believed in half a time-out later");
  assert.equal((await survivor.status())?.term, earlier?.term);
  leader.process?.kill("SIGCONT");
  await putWithin(survivor, electionTimeoutMs);
  assert.equal((await survivor.status())?.leader, earlier?.leader, "and it goes on as if nothing had been");
});

test("--fast-failover=false waits for the election time-out", async () => {
  const slow = await createProcessCluster({
    heartbeatIntervalMs: 100,
    electionTimeoutMs: 1500,
    flags: ["--fast-failover=false"],
  });
  try {
    slow.startAll();
    const leader = await slow.leader();
    await leader.kill();
    const [survivor] = slow.members.filter((member) => member !== leader);
    await delay(700);
    const status = await survivor?.status();
    assert.notEqual(status?.leader, "0", "the dead leader is still believed in");
    assert.ok(!slow.members.some((member) => /process is gone/.test(member.log())));
  } finally {
    await slow.destroy();
  }
});
