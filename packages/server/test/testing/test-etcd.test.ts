/** The cluster inside a test's process: real members, killed and started again, and nothing left behind. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { utf8Decode, utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { createTestEtcd, eventually, TestEtcd } from "../../src/testing/index.ts";

async function put(url: string, key: string, value: string): Promise<void> {
  const client = new EtcdClient(url, 30_000);
  try {
    await client.put(utf8Encode(key), utf8Encode(value));
  } finally {
    client.close();
  }
}

async function get(url: string, key: string): Promise<string | null> {
  const client = new EtcdClient(url, 30_000);
  try {
    const [kv] = await client.range({ key: utf8Encode(key) });
    return kv === undefined ? null : utf8Decode(kv.value);
  } finally {
    client.close();
  }
}

test("three members serve; the leader is killed, another one leads, the first comes back with all", async () => {
  await using etcd: TestEtcd = await createTestEtcd({ nodes: 3 });
  assert.equal(etcd.clientUrls.length, 3);
  const [first = ""] = etcd.clientUrls;
  await put(first, "k", "before");
  const killed = await etcd.leader();
  await killed.kill();
  assert.equal(killed.running, false);
  await assert.rejects(killed.kill(), /does not run/);
  const next = await etcd.leader();
  assert.notEqual(next, killed);
  await eventually("the others write again", 60_000, () =>
    put(next.clientUrl, "k", "after").then(
      () => true,
      () => undefined,
    ),
  );
  await killed.start();
  await etcd.ready();
  assert.equal(await get(killed.clientUrl, "k"), "after");
  await assert.rejects(killed.start(), /runs already/);
});

test("what was acknowledged is there after all were killed, and after all were stopped", async () => {
  await using etcd = await createTestEtcd({ nodes: 3 });
  const [first = ""] = etcd.clientUrls;
  for (const end of ["kill", "stop"] as const) {
    await put(first, end, "kept");
    await Promise.all(etcd.members.map((member) => member[end]()));
    await Promise.all(etcd.members.map((member) => member.start()));
    await etcd.ready();
    assert.equal(await get(first, end), "kept");
  }
});

test("flags reach every member; wrong ones are named, and nothing is left", async () => {
  await using etcd = await createTestEtcd({ nodes: 1, flags: ["--max-request-bytes=1000"] });
  const [url = ""] = etcd.clientUrls;
  await assert.rejects(put(url, "k", "v".repeat(2000)), /request is too large/);
  await assert.rejects(
    createTestEtcd({ nodes: 1, flags: ["--max-txn-ops=no"] }),
    /--max-txn-ops: needs a whole number/,
  );
  await assert.rejects(createTestEtcd({ nodes: 0 }), /nodes: a whole number from 1 on, not 0/);
});

test("the data is gone at the end, the ports are free, and closing twice is closing once", async () => {
  const etcd = await createTestEtcd({ nodes: 1 });
  const [member] = etcd.members;
  const { folder } = etcd;
  assert.ok(existsSync(folder));
  await etcd.close();
  await etcd.close();
  assert.equal(existsSync(folder), false);
  await assert.rejects(fetch(`${member?.clientUrl}/version`), /fetch failed/);
});

test("without a majority there is no leader, which is told with the members' last lines", async () => {
  await using etcd = await createTestEtcd({ nodes: 3 });
  const leader = await etcd.leader();
  const [left, other] = etcd.members.filter((member) => member !== leader);
  await Promise.all([leader.kill(), other?.stop()]);
  const late = new TestEtcd(etcd.members, etcd.folder, 300);
  await assert.rejects(late.leader(), /not within 300 ms: a leader\n--- m1(.|\n)*has a leader/);
  await assert.rejects(leader.ready(), /does not run/);
  assert.equal(left?.running, true);
});
