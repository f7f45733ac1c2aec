/** A program that talks to etcd, with Vitest. `npx vitest run` */
import { Etcd3 } from "etcd3";
import { createTestEtcd, type TestEtcd } from "quorate/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

let etcd: TestEtcd;
let client: Etcd3;

beforeAll(async () => {
  etcd = await createTestEtcd({ nodes: 1, flags: ["--max-txn-ops=2"] });
  client = new Etcd3({ hosts: [...etcd.clientUrls] });
}, 60_000);

afterAll(async () => {
  client.close();
  await etcd.close();
});

test("a transaction has a limit, which a flag sets", async () => {
  const txn = (count: number) =>
    client
      .if("none", "Version", "==", 0)
      .then(...Array.from({ length: count }, (_, i) => client.put(`k${i}`).value("v")))
      .commit();
  expect((await txn(2)).succeeded).toBe(true);
  await expect(txn(3)).rejects.toThrow("too many operations in txn request");
});
