/** Members with much to apply again leave an image when they are stopped, and start from it. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { createProcessCluster } from "../../src/testing/index.ts";

const valueBytes = 1024 * 1024;

test("three members with 18 MiB of log each leave an image at their end, and go on from it", async () => {
  const cluster = await createProcessCluster({ memberCount: 3 });
  try {
    cluster.startAll();
    const images = (): number[] =>
      cluster.members.map(
        ({ dataDir }) =>
          readdirSync(join(dataDir, "member", "snap")).filter((name) => name.endsWith(".snap")).length,
      );
    let client = new EtcdClient((await cluster.leader()).clientUrl);
    for (let i = 0; i < 18; i++) {
      await client.put(utf8Encode(`key ${i}`), new Uint8Array(valueBytes).fill(i));
    }
    client.close();
    assert.deepEqual(images(), [0, 0, 0]);
    await Promise.all(cluster.members.map((member) => member.stop()));
    assert.deepEqual(images(), [1, 1, 1]);

    cluster.startAll();
    client = new EtcdClient((await cluster.leader()).clientUrl);
    await client.put(utf8Encode("more"), utf8Encode("1"));
    for (let i = 0; i < 18; i++) {
      const [found] = await client.range({ key: utf8Encode(`key ${i}`) });
      assert.deepEqual(found?.value, new Uint8Array(valueBytes).fill(i));
      assert.equal(found?.modRevision, i + 2);
    }
    client.close();
    // One put is not worth an image.
    await Promise.all(cluster.members.map((member) => member.stop()));
    assert.deepEqual(images(), [1, 1, 1]);
  } finally {
    await cluster.destroy();
  }
});
