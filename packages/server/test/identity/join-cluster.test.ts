/** A joiner asks again: members that lag may not know of it yet, and all may be down for a moment. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { resolveConfig } from "../../src/config/resolve.ts";
import { askCluster, clusterIdHeader } from "../../src/identity/join-cluster.ts";

const own = "http://127.0.0.1:1";

/** A member's page that does not list the joiner before it was asked `lagging` times. */
async function memberPage(lagging: number): Promise<{ url: string; asked: () => number; close: () => void }> {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const members = [
      { id: 5, name: "m1", peerURLs: [url] },
      { id: 6, name: "", peerURLs: [own] },
    ];
    response.setHeader(clusterIdHeader, "7");
    response.end(JSON.stringify(asked > lagging ? members : members.slice(0, 1)));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked: () => asked, close: () => server.close() };
}

const configOf = (url: string) =>
  resolveConfig({
    argv: [
      "--name=m2",
      `--initial-cluster=m1=${url},m2=${own}`,
      `--initial-advertise-peer-urls=${own}`,
      "--initial-cluster-state=existing",
    ],
    environment: {},
  }).config;

test("a member that lags is asked again, until it knows of the joiner", async () => {
  const page = await memberPage(2);
  try {
    const found = await askCluster(configOf(page.url), null, 60_000);
    assert.equal(found?.clusterId, 7);
    assert.equal(page.asked(), 3);
  } finally {
    page.close();
  }
});

test("without patience the last answer stands: a cluster that does not know it, or nobody", async () => {
  const page = await memberPage(100);
  await assert.rejects(
    askCluster(configOf(page.url), null, 0),
    /the cluster has no member at .*add it first/,
  );
  assert.equal(page.asked(), 1);
  page.close();
  assert.equal(await askCluster(configOf("http://127.0.0.1:2"), null, 0), null);
});
