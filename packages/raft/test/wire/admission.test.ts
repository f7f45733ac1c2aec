import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type HandshakeRefusal,
  type Hello,
  helloOf,
  judgeHello as judge,
  judgeStoreId,
  judgeWelcome,
  mayRemoteSend,
  type NodeId,
  type PeerIdentity,
  type PeerKnowledge,
  Remotes,
  toNodeId,
  welcomeOf,
} from "@quorate/raft";
import fc from "fast-check";
import { peerFrame } from "./arbitraries.ts";

const one: PeerIdentity = {
  id: toNodeId(1),
  clusterId: 7,
  storeId: new Uint8Array(16).fill(1),
  bootId: new Uint8Array(16).fill(11),
  address: "one.test:7000",
};
const two: PeerIdentity = { ...one, id: toNodeId(2), storeId: new Uint8Array(16).fill(2) };
const wiped = new Uint8Array(16).fill(3);

function knows(
  noted: ReadonlyMap<NodeId, Uint8Array>,
  removed: readonly NodeId[] = [],
  remotes: Remotes<string> = new Remotes(2, (_id, address) => (address.includes(":") ? address : null)),
): PeerKnowledge {
  return {
    hasMetAnybody: () => true,
    remoteProblem: (hello) => remotes.problem(hello),
    isPeer: (id) => id === one.id || id === two.id,
    isRemoved: (id) => removed.includes(id),
    judge: (id, storeId) => judgeStoreId(noted.get(id) ?? null, storeId),
  };
}

/** The refusal, or as what the caller is admitted. */
function judgeHello(self: PeerIdentity, knowledge: PeerKnowledge, hello: Hello): HandshakeRefusal | string {
  const verdict = judge(self, knowledge, hello);
  return verdict.status === "refused" ? verdict.refusal : verdict.status;
}

const causeOf = (verdict: HandshakeRefusal | string): string =>
  typeof verdict === "string" ? verdict : verdict.cause;

const strangers = knows(new Map());
const acquainted = knows(new Map([[one.id, one.storeId]]));

test("a stranger of the same cluster is admitted, and so is whoever comes back with its disk", () => {
  assert.equal(judgeHello(two, strangers, helloOf(one, two.id, null)), "member");
  assert.equal(judgeHello(two, acquainted, helloOf(one, two.id, two.storeId)), "member");
  assert.equal(judgeWelcome(one.id, acquainted, welcomeOf(one)), null);
});

test("each wrong word of a hello is refused by its cause", () => {
  const cases: readonly [string, Partial<Hello>, PeerKnowledge][] = [
    ["version", { versionMin: 2, versionMax: 9 }, acquainted],
    ["version", { versionMin: 0, versionMax: 0 }, acquainted],
    ["cluster", { clusterId: 8 }, acquainted],
    ["node", { to: toNodeId(3) }, acquainted],
    ["node", { from: two.id }, acquainted],
    ["unknown-peer", { from: toNodeId(9), address: "" }, acquainted],
    ["unknown-peer", { from: toNodeId(9), address: "nowhere" }, acquainted],
    ["cluster", { from: toNodeId(9), clusterId: 8 }, acquainted],
    ["store", { from: toNodeId(9), expectedStoreId: wiped }, acquainted],
    ["store", { from: toNodeId(9) }, knows(new Map([[toNodeId(9), wiped]]))],
    ["removed", { from: toNodeId(9) }, knows(new Map(), [toNodeId(9)])],
    ["removed", {}, knows(new Map(), [one.id])],
    ["store", { storeId: wiped }, acquainted],
    ["store", { expectedStoreId: wiped }, acquainted],
  ];
  for (const [cause, wrong, knowledge] of cases) {
    const hello: Hello = { ...helloOf(one, two.id, two.storeId), ...wrong };
    assert.equal(causeOf(judgeHello(two, knowledge, hello)), cause, JSON.stringify(wrong));
  }
});

test("who dials refuses another member at the address, and the member with another disk", () => {
  assert.equal(judgeWelcome(one.id, acquainted, welcomeOf(two))?.cause, "node");
  const refusal = judgeWelcome(one.id, acquainted, welcomeOf({ ...one, storeId: wiped }));
  assert.equal(refusal?.cause, "store");
  assert.match(refusal?.detail ?? "", /member 1 comes with another store id than before/);
});

const callOf = (from: number, store: number = from): Hello => ({
  ...helloOf(one, two.id, null),
  from: toNodeId(from),
  storeId: new Uint8Array(16).fill(store),
  address: `host${from}:7000`,
});

test("§4.1 a caller that no configuration here names is admitted as a remote, and dialled where it says", () => {
  const remotes = new Remotes<string>(2, (id, address) => `${id}@${address}`);
  const knowledge = knows(new Map(), [], remotes);
  assert.equal(judgeHello(two, knowledge, callOf(4)), "remote");
  assert.equal(remotes.add(callOf(4)), "4@host4:7000");
  assert.equal(judgeHello(two, knowledge, callOf(4)), "remote", "it may come again");
  assert.equal(
    causeOf(judgeHello(two, knowledge, callOf(4, 99))),
    "unknown-peer",
    "another disk in its name",
  );
});

test("remotes are bounded, and one that goes makes room for another", () => {
  const remotes = new Remotes<string>(2, (_id, address) => address);
  const knowledge = knows(new Map(), [], remotes);
  remotes.add(callOf(4));
  remotes.add(callOf(5));
  const refused = judgeHello(two, knowledge, callOf(6));
  assert.equal(
    typeof refused === "string" ? "" : refused.detail,
    "this member knows of no member 6 in this cluster, and 2 others of whom that is true are connected",
  );
  assert.equal(judgeHello(two, knowledge, callOf(5)), "remote", "whoever has its place keeps it");
  assert.ok(remotes.delete(toNodeId(5)) && !remotes.delete(toNodeId(5)));
  assert.equal(judgeHello(two, knowledge, callOf(6)), "remote");
  assert.throws(() => {
    remotes.add(callOf(6));
    remotes.add(callOf(7));
  }, /against the rules/);
  assert.equal(remotes.count, 2);
});

test("a remote may lead, stand for election and answer, but not ask what members ask of their leader", () => {
  const refused = fc
    .sample(peerFrame, { seed: 1, numRuns: 2_000 })
    .filter((frame) => !mayRemoteSend(frame))
    .map((frame) => (frame.kind === "message" ? frame.message.type : frame.kind));
  assert.deepEqual([...new Set(refused)].sort(), [
    "forward-proposal",
    "propose",
    "read-index",
    "repair-request",
    "request",
    "transfer-leadership",
  ]);
});

// Found by simulation: a member that came after the wipe has no note of the former disk.
test("a member that has met nobody yet takes in no remote; those it knows it admits", () => {
  const blank: PeerKnowledge = { ...knows(new Map()), hasMetAnybody: () => false };
  const refused = judgeHello(two, blank, callOf(4));
  assert.equal(causeOf(refused), "unknown-peer");
  assert.match(typeof refused === "string" ? "" : refused.detail, /its disk may be new/);
  assert.equal(judgeHello(two, blank, helloOf(one, two.id, null)), "member");
});
