/** What the peer port tells over HTTP, on connections that a node hands over; anything else ends there as before. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { RaftNode } from "@quorate/raft-node";
import { type PeerPages, servePeerPages } from "../../src/services/peer-pages.ts";

test("members and version over HTTP beside the members' own protocol", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-pages-"));
  const pages: PeerPages = { membership: null, etcdVersion: "3.7.0", clusterVersion: () => "3.6.0" };
  const node = await RaftNode.start({
    id: 1,
    dataDir: folder,
    listen: "127.0.0.1:0",
    peers: { 1: "127.0.0.1:0" },
    stateMachine: { apply: () => null, snapshot: () => null, restore: () => {} },
    onHttp: servePeerPages(pages),
  });
  try {
    const url = `http://127.0.0.1:${node.address.port}`;
    assert.equal((await fetch(`${url}/members`)).status, 503, "not before the member runs");
    const common = { peerUrls: ["http://p:1"], isLearner: false };
    pages.membership = {
      clusterId: 0xabc,
      members: () => [
        { ...common, id: 5, name: "a", clientUrls: ["http://c:1"] },
        { ...common, id: 6, name: "", clientUrls: [], isLearner: true },
      ],
    };
    const answer = await fetch(`${url}/members`);
    assert.equal(answer.headers.get("x-etcd-cluster-id"), "abc");
    assert.deepEqual(await answer.json(), [
      { id: 5, peerURLs: ["http://p:1"], name: "a", clientURLs: ["http://c:1"] },
      { id: 6, peerURLs: ["http://p:1"], isLearner: true },
    ]);
    const version = (await (await fetch(`${url}/version`)).json()) as unknown;
    assert.deepEqual(version, { etcdserver: "3.7.0", etcdcluster: "3.6.0", storage: "3.6.0" });
    assert.equal((await fetch(`${url}/raft`)).status, 404);
    const stranger = connect(node.address.port, "127.0.0.1");
    const closed = new Promise((resolve) => stranger.once("close", resolve));
    stranger.write("POST /members HTTP/1.1\r\n\r\n");
    await closed;
  } finally {
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
