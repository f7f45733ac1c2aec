/** A program that talks to etcd, with node:test. `node --test tests/etcd.node.ts` */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Etcd3 } from "etcd3";
import { createTestEtcd } from "quorate/testing";

test("a key survives the death of the leader", async () => {
  await using etcd = await createTestEtcd({ nodes: 3 });
  const leader = await etcd.leader();
  const others = etcd.members.filter((member) => member !== leader);
  const client = new Etcd3({ hosts: others.map(({ clientUrl }) => clientUrl) });
  try {
    await client.put("k").value("v");
    await leader.kill();
    await etcd.leader();
    assert.equal(await client.get("k").string(), "v");
    await leader.start();
    await etcd.ready();
  } finally {
    client.close();
  }
});
