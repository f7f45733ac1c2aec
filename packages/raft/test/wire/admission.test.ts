import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Hello,
  helloOf,
  judgeHello,
  judgeStoreId,
  judgeWelcome,
  type NodeId,
  type PeerIdentity,
  type PeerKnowledge,
  toNodeId,
  welcomeOf,
} from "@quorate/raft";

const one: PeerIdentity = {
  id: toNodeId(1),
  clusterId: 7,
  storeId: new Uint8Array(16).fill(1),
  bootId: new Uint8Array(16).fill(11),
};
const two: PeerIdentity = { ...one, id: toNodeId(2), storeId: new Uint8Array(16).fill(2) };
const wiped = new Uint8Array(16).fill(3);

function knows(noted: ReadonlyMap<NodeId, Uint8Array>, removed: readonly NodeId[] = []): PeerKnowledge {
  return {
    isPeer: (id) => id === one.id || id === two.id,
    isRemoved: (id) => removed.includes(id),
    judge: (id, storeId) => judgeStoreId(noted.get(id) ?? null, storeId),
  };
}

const strangers = knows(new Map());
const acquainted = knows(new Map([[one.id, one.storeId]]));

test("a stranger of the same cluster is admitted, and so is whoever comes back with its disk", () => {
  assert.equal(judgeHello(two, strangers, helloOf(one, two.id, null)), null);
  assert.equal(judgeHello(two, acquainted, helloOf(one, two.id, two.storeId)), null);
  assert.equal(judgeWelcome(one.id, acquainted, welcomeOf(one)), null);
});

test("each wrong word of a hello is refused by its cause", () => {
  const cases: readonly [string, Partial<Hello>, PeerKnowledge][] = [
    ["version", { versionMin: 2, versionMax: 9 }, acquainted],
    ["version", { versionMin: 0, versionMax: 0 }, acquainted],
    ["cluster", { clusterId: 8 }, acquainted],
    ["node", { to: toNodeId(3) }, acquainted],
    ["unknown-peer", { from: toNodeId(9) }, acquainted],
    ["removed", {}, knows(new Map(), [one.id])],
    ["store", { storeId: wiped }, acquainted],
    ["store", { expectedStoreId: wiped }, acquainted],
  ];
  for (const [cause, wrong, knowledge] of cases) {
    const hello: Hello = { ...helloOf(one, two.id, two.storeId), ...wrong };
    assert.equal(judgeHello(two, knowledge, hello)?.cause, cause, JSON.stringify(wrong));
  }
});

test("who dials refuses another member at the address, and the member with another disk", () => {
  assert.equal(judgeWelcome(one.id, acquainted, welcomeOf(two))?.cause, "node");
  const refusal = judgeWelcome(one.id, acquainted, welcomeOf({ ...one, storeId: wiped }));
  assert.equal(refusal?.cause, "store");
  assert.match(refusal?.detail ?? "", /member 1 comes with another store id than before/);
});
