/** Small rules that no schedule makes visible: messages handed on, what is refused at the door, what a change of mind leaves behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, utf8Encode } from "@quorate/base";
import { noNode, toNodeId, toTerm } from "@quorate/raft";
import { decodeConfChange } from "../../src/conf/codec.ts";
import { Inflights } from "../../src/tracker/inflights.ts";
import { progressOf } from "../../src/tracker/tracker.ts";
import { at, conf, entry, Group, loneMember } from "../support/group.ts";
import { append, heartbeat, install, logId } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

test("a follower hands on a read and a wish to transfer that reach it, to the leader and in the present term", () => {
  const group = new Group(group3);
  group.elect(1);
  const follower = group.peer(2);
  const context = utf8Encode("r");
  follower.node.step({
    type: "read-index",
    from: toNodeId(3),
    to: follower.id,
    term: toTerm(0),
    context,
  });
  follower.node.step({
    type: "transfer-leadership",
    from: toNodeId(3),
    to: follower.id,
    term: follower.state.term,
  });
  assert.deepEqual(
    follower.drain().map(({ type, from, to, term }) => [type, from, to, term]),
    [
      ["read-index", 3, 1, 0],
      ["transfer-leadership", 3, 1, 1],
    ],
  );
});

test("without a leader they go nowhere", () => {
  const peer = loneMember(2, group3, [1]);
  const head = { from: toNodeId(3), to: peer.id, term: peer.state.term } as const;
  assert.equal(peer.node.step({ ...head, type: "read-index", context: utf8Encode("r") }).status, "accepted");
  assert.equal(peer.node.step({ ...head, type: "transfer-leadership" }).status, "accepted");
  assert.deepEqual(peer.drain(), []);
});

test("a leader that is asked to hand over to itself ends the transfer that was under way", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(2);
  assert.equal(leader.node.transferLeadership(toNodeId(2)), "started");
  assert.equal(leader.node.propose([utf8Encode("a")]).ok, false);
  assert.equal(leader.node.transferLeadership(leader.id), "already-leader");
  assert.equal(leader.state.transferee, noNode);
  assert.equal(leader.node.propose([utf8Encode("a")]).ok, true);
});

test("a snapshot that cannot be is refused, and changes nothing", () => {
  const peer = loneMember(1, group3, [1, 1]);
  const impossible = { ...conf([]), learners: [toNodeId(1)] };
  for (const snapshot of [
    { index: at(9), term: toTerm(1), confState: impossible },
    { index: at(9), term: toTerm(2), confState: group3 },
    { index: at(9), term: toTerm(0), confState: group3 },
  ]) {
    const result = peer.node.step(install(2, peer, 1, snapshot));
    assert.equal(result.status, "inconsistent");
    assert.deepEqual([peer.state.log.lastIndex, peer.state.log.committed], [2, 0]);
    assert.deepEqual(peer.node.status().confState, group3);
  }
  assert.equal(
    peer.node.step(install(2, peer, 1, { index: at(9), term: toTerm(1), confState: group3 })).status,
    "accepted",
  );
  assert.equal(peer.state.log.lastIndex, 9);
});

test("entries of a term later than their leader's, or with a gap, are refused, and change nothing", () => {
  const peer = loneMember(1, group3, [1, 1]);
  for (const entries of [
    [entry(3, 3)],
    [entry(2, 4)],
    [entry(2, 3), entry(2, 5)],
    [entry(2, 3), entry(1, 4)],
  ]) {
    assert.equal(peer.node.step(append(2, peer, 2, logId(1, 2), entries)).status, "inconsistent");
    assert.equal(peer.state.log.lastIndex, 2);
  }
  assert.equal(peer.node.step(append(2, peer, 2, logId(1, 2), [entry(2, 3)])).status, "accepted");
});

test("a configuration change that names member 0 does not decode, and breaks nothing", () => {
  assert.throws(() => decodeConfChange(new Uint8Array([1, 0, 1, 0, 0, 0])), DecodeError);
});

test("a window that grew while its ring had turned keeps its order", () => {
  const window = new Inflights(16, 1_000);
  let last = 0;
  const add = (): void => window.add(at(++last), 1);
  for (let count = 0; count < 4; count++) add();
  window.freeTo(at(2));
  for (let count = 0; count < 6; count++) add();
  assert.deepEqual(window.lastIndexes(), [3, 4, 5, 6, 7, 8, 9, 10]);
  window.freeTo(at(5));
  for (let count = 0; count < 9; count++) add();
  assert.deepEqual(window.lastIndexes(), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  window.freeTo(at(18));
  assert.deepEqual([window.count, window.bytes], [1, 1]);
});

test("a heartbeat tells less than appends did, so that the commit index is told again by the next append", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  leader.node.tick();
  leader.drain();
  const lagging = progressOf(leader.state.tracker, toNodeId(3));
  assert.equal(lagging?.sentCommit, lagging?.match, "what a heartbeat may say");
  assert.ok((lagging?.match ?? 9) < leader.state.log.committed);
});

test("a new leadership forgets that a member waits for entries out of the store", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  const progress = progressOf(leader.state.tracker, toNodeId(3));
  assert.ok(progress !== null);
  progress.waitsForLog = true;
  group.elect(2);
  group.elect(1);
  assert.equal(progress.waitsForLog, false);
  leader.node.logLoaded();
  assert.deepEqual(leader.drain(), [], "nothing is sent on behalf of an earlier leadership");
});

test("a request that names this member as its sender is refused, and changes nothing", () => {
  const peer = loneMember(1, group3, [1, 1]);
  const head = { from: peer.id, to: peer.id, term: toTerm(9) } as const;
  const last = logId(9, 9);
  for (const message of [
    append(1, peer, 9, logId(1, 2), [entry(9, 3)]),
    heartbeat(1, peer, 9),
    install(1, peer, 9, { index: at(9), term: toTerm(1), confState: group3 }),
    { ...head, type: "request-vote", last, leadershipTransfer: false },
    { ...head, type: "pre-vote", last, leadershipTransfer: false },
    { ...head, type: "timeout-now" },
  ] as const) {
    assert.equal(peer.node.step(message).status, "inconsistent", message.type);
    assert.deepEqual([peer.state.term, peer.state.log.lastIndex, peer.state.leader], [1, 2, noNode]);
  }
  assert.deepEqual(peer.drain(), []);
});
