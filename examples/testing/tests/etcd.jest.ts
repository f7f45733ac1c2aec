/** A program that talks to etcd, with Jest. `npm run test:jest` */
import { expect, test } from "@jest/globals";
import { Etcd3 } from "etcd3";
import { createTestEtcd } from "quorate/testing";

test("a watcher is told of what others write", async () => {
  const etcd = await createTestEtcd({ nodes: 1 });
  const client = new Etcd3({ hosts: [...etcd.clientUrls] });
  try {
    const watcher = await client.watch().key("k").create();
    const seen = new Promise<string>((resolve) => {
      watcher.on("put", (kv) => resolve(kv.value.toString()));
    });
    await client.put("k").value("news");
    expect(await seen).toBe("news");
    await watcher.cancel();
  } finally {
    client.close();
    await etcd.close();
  }
}, 60_000);
