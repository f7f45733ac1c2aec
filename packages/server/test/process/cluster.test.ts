/** Three members as real processes: any member answers, a dead leader is replaced, a restarted one catches up. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { utf8Decode, utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { createProcessCluster, eventually, type ProcessCluster } from "../../src/testing/index.ts";

const electionTimeoutMs = 500;
let cluster: ProcessCluster;

before(async () => {
  cluster = await createProcessCluster({ heartbeatIntervalMs: 50, electionTimeoutMs });
  cluster.startAll();
  await cluster.leader();
});
after(async () => {
  await cluster?.destroy();
});

async function readValue(url: string, key: string): Promise<string | null> {
  const client = new EtcdClient(url);
  try {
    const [kv] = await client.range({ key: utf8Encode(key) });
    return kv === undefined ? null : utf8Decode(kv.value);
  } finally {
    client.close();
  }
}

async function put(url: string, key: string, value: string, timeoutMs = 5000): Promise<number> {
  const client = new EtcdClient(url, timeoutMs);
  try {
    return await client.put(utf8Encode(key), utf8Encode(value));
  } finally {
    client.close();
  }
}

test("a write through any member is read on every member at once", async () => {
  for (const writer of cluster.members) {
    await put(writer.clientUrl, `by ${writer.name}`, writer.name);
    for (const reader of cluster.members) {
      assert.equal(await readValue(reader.clientUrl, `by ${writer.name}`), writer.name);
    }
  }
});

test("kill -9 of the leader: writes go on within two election timeouts, the dead member catches up", async (t) => {
  const leader = await cluster.leader();
  const [survivor] = cluster.members.filter((member) => member !== leader);
  assert.ok(survivor !== undefined);
  const killedAt = performance.now();
  await leader.kill();
  await eventually("a write after the kill", 10_000, async () => {
    try {
      return await put(survivor.clientUrl, "after the kill", "x", 100);
    } catch {
      return undefined; // No leader yet; the last attempt counts.
    }
  });
  const gapMs = performance.now() - killedAt;
  t.diagnostic(`writes resumed after ${gapMs.toFixed(0)} ms`);
  assert.ok(gapMs < 2 * electionTimeoutMs, `${gapMs} ms\n${cluster.logs()}`);

  leader.start();
  await cluster.leader();
  assert.equal(await readValue(leader.clientUrl, "after the kill"), "x");
});

test("each member lists all members with names and URLs", async () => {
  const expected = cluster.members
    .map((member) => `${member.name} ${member.peerUrl} ${member.clientUrl}`)
    .toSorted();
  for (const { clientUrl } of cluster.members) {
    const client = new EtcdClient(clientUrl);
    const list = await eventually("all members have published themselves", 10_000, async () => {
      const members = await client.memberList();
      return members.every((member) => member.name !== "") ? members : undefined;
    });
    client.close();
    const found = list.map((member) => `${member.name} ${member.peerUrls} ${member.clientUrls}`);
    assert.deepEqual(found.toSorted(), expected);
  }
});

test("SIGTERM of the leader moves leadership; of all, each ends with 0", async () => {
  const leader = await cluster.leader();
  assert.deepEqual(await leader.stop(), { code: 0, signal: null }, leader.log());
  const next = await cluster.leader();
  assert.notEqual(next, leader);
  const rest = cluster.members.filter((member) => member !== leader);
  const ends = await Promise.all(rest.map((member) => member.stop()));
  assert.deepEqual(ends, [
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
});
