/** What schedules of messages do not see, and must never break. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import {
  type AppendAccepted,
  checkInvariants,
  type Entry,
  RawNode,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { progressOf } from "../../src/tracker/tracker.ts";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";

const group3 = conf([1, 2, 3]);

function accepted(from: number, to: number, term: number, index: number): AppendAccepted {
  return {
    type: "append-response",
    from: toNodeId(from),
    to: toNodeId(to),
    term: toTerm(term),
    rejected: false,
    index: at(index),
  };
}

function append(to: Peer, term: number, previous: [number, number], entries: Entry[], commit = 0): void {
  to.node.step({
    type: "append-entries",
    from: toNodeId(2),
    to: to.id,
    term: toTerm(term),
    previous: { term: toTerm(previous[0]), index: at(previous[1]) },
    entries,
    commit: at(commit),
  });
}

// [case-29]
test("ABA: an append that became durable after its term was left marks nothing durable", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  append(peer, 1, [0, 0], [entry(1, 1, "old")]);
  const first = peer.node.ready();
  assert.deepEqual(first.stable, { term: 1, index: 1 });
  // A leader of term 2 replaces the entry, then one of term 3 writes (1, 1) back, as the first leader's heir.
  append(peer, 2, [0, 0], [entry(2, 1, "other")]);
  const second = peer.node.ready();
  append(peer, 3, [0, 0], [entry(1, 1, "old")]);
  peer.persist(first);
  peer.node.persisted(first.seq);
  assert.equal(peer.state.log.unstable.offset, 1, "the write of term 1 was overwritten by that of term 2");
  peer.persist(second);
  peer.node.persisted(second.seq);
  assert.equal(peer.state.log.unstable.offset, 1);
  const third = peer.node.ready();
  peer.persist(third);
  peer.node.persisted(third.seq);
  assert.equal(peer.state.log.unstable.offset, 2);
  checkInvariants(peer.state);
});

// [case-29]
test("ABA: within a term, an acknowledgement covers only what the batch carried", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  append(peer, 1, [0, 0], [entry(1, 1)]);
  const first = peer.node.ready();
  append(peer, 1, [1, 1], [entry(1, 2)]);
  peer.node.persisted(first.seq);
  assert.equal(peer.state.log.unstable.offset, 2);
  assert.deepEqual(
    peer.node.ready().entries.map((one) => one.index),
    [2],
  );
});

// [case-34]
test("a follower commits only as far as the append has verified", () => {
  // Entries 2 and 3 are leftovers of a deposed leader; the new leader has verified only up to 1.
  const peer = loneMember(1, group3, [1, 1, 1]);
  append(peer, 2, [1, 1], [], 3);
  assert.equal(peer.state.log.committed, 1);
  append(peer, 2, [1, 1], [entry(2, 2)], 9);
  assert.equal(peer.state.log.committed, 2);
});

// [case-34, case-42]
test("a leader's heartbeat names no commit index beyond what the follower is known to have", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  group.heal();
  leader.node.tick();
  const sent = leader.drain().filter((message) => message.type === "heartbeat");
  const commits = new Map(sent.map((message) => [message.to as number, message.commit as number]));
  assert.equal(commits.get(2), 2);
  assert.equal(commits.get(3), 1);
});

test("a stale refusal does not rewind a follower that has matched since", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.propose([utf8Encode("a"), utf8Encode("b")]);
  group.settle();
  const progress = progressOf(leader.state.tracker, toNodeId(2));
  assert.ok(progress !== null);
  assert.deepEqual([progress.match, progress.next, progress.state], [3, 4, "replicate"]);
  leader.node.step({
    type: "append-response",
    from: toNodeId(2),
    to: leader.id,
    term: leader.state.term,
    rejected: true,
    index: at(2),
    hint: { term: toTerm(0), index: at(0) },
  });
  assert.deepEqual([progress.match, progress.next, progress.state], [3, 4, "replicate"]);
  assert.deepEqual(leader.drain(), []);
});

// [case-24]
test("removing a member whose answer was missing commits at once", () => {
  const group = new Group(conf([1, 2]));
  const leader = group.elect(1);
  const removal = {
    transition: "auto" as const,
    changes: [{ op: "remove" as const, id: toNodeId(2) }],
    context: new Uint8Array(0),
  };
  assert.ok(leader.node.proposeConfChange(removal, "single").ok);
  leader.node.propose([utf8Encode("behind")]);
  // The follower acknowledges the change only, not what stands behind it.
  const sent = leader.drain();
  assert.ok(sent.length > 0);
  leader.node.step(accepted(2, 1, 1, 2));
  assert.equal(leader.state.log.committed, 2);
  leader.drain();
  // Applied: member 1 alone is the quorum now, and has everything.
  assert.deepEqual(leader.node.status().confState.voters, [1]);
  assert.equal(leader.state.log.committed, 3);
  assert.deepEqual(commands(leader), ["behind"]);
});

// [case-40]
test("the limit on uncommitted bytes refuses, and returns to zero when all is applied", () => {
  const group = new Group(group3, { uncommittedBytesMax: 10 });
  const leader = group.elect(1);
  assert.equal(leader.state.uncommittedBytes, 0, "the no-op counts nothing");
  assert.ok(
    leader.node.propose([new Uint8Array(20)]).ok,
    "a single large one passes when nothing is uncommitted",
  );
  assert.deepEqual(leader.node.propose([new Uint8Array(1)]), {
    ok: false,
    reason: "uncommitted-limit",
    leader: 0,
  });
  assert.ok(leader.node.propose([new Uint8Array(0)]).ok, "an empty one always passes");
  group.settle();
  assert.equal(leader.state.uncommittedBytes, 0);
  assert.ok(leader.node.propose([new Uint8Array(4), new Uint8Array(4)]).ok);
  assert.equal(leader.state.uncommittedBytes, 8);
  group.settle();
  assert.equal(leader.state.uncommittedBytes, 0);
  assert.equal(leader.state.applyingBytes, 0);
});

test("the bytes of a lost leadership are not counted against the next one", () => {
  const group = new Group(group3, { uncommittedBytesMax: 10 });
  const leader = group.elect(1);
  group.isolate(1);
  assert.ok(leader.node.propose([new Uint8Array(10)]).ok);
  group.settle();
  group.elect(2);
  group.heal();
  group.peer(2).node.tick();
  group.settle();
  assert.equal(leader.role, "follower");
  group.elect(1);
  assert.equal(leader.state.uncommittedBytes, 0);
  assert.ok(leader.node.propose([new Uint8Array(10)]).ok);
});

// [case-40]
test("bytes under way do not leak when a member falls back to probing", () => {
  const group = new Group(group3, { inflightBytesMax: 100, inflightCountMax: 100, appendBytesMax: 100 });
  const leader = group.elect(1);
  group.isolate(2);
  const progress = progressOf(leader.state.tracker, toNodeId(2));
  assert.ok(progress !== null);
  for (let round = 0; round < 5; round++) {
    leader.node.propose([new Uint8Array(60)]);
    leader.node.propose([new Uint8Array(60)]);
    group.settle();
    assert.equal(progress.inflights.full, true);
    assert.equal(progress.inflights.bytes, 120);
    leader.node.reportUnreachable(toNodeId(2));
    assert.equal(progress.inflights.bytes, 0);
    group.heal();
    leader.node.tick();
    group.settle();
    assert.equal(progress.match, leader.state.log.lastIndex);
    assert.equal(progress.inflights.bytes, 0);
    group.isolate(2);
  }
});

// [case-33]
test("an entry is applied only once it is durable here, where storage is asynchronous", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  append(peer, 1, [0, 0], [entry(1, 1)], 1);
  const first = peer.node.ready();
  assert.equal(first.hardState?.commit, 1);
  assert.deepEqual(first.apply, []);
  assert.equal(peer.node.hasReady(), false);
  peer.persist(first);
  peer.node.persisted(first.seq);
  assert.deepEqual(
    peer.node.ready().apply.map((one) => one.index),
    [1],
  );
});

test("with synchronous storage, committed entries are applied in the batch that writes them", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: false });
  append(peer, 1, [0, 0], [entry(1, 1)], 1);
  const ready = peer.node.ready();
  assert.deepEqual(ready.apply, ready.entries);
});

test("a snapshot that became durable counts, whatever the term is by then", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  const snapshot = { index: at(7), term: toTerm(1), confState: group3 };
  peer.node.step({ type: "install-snapshot", from: toNodeId(2), to: peer.id, term: toTerm(1), snapshot });
  const first = peer.node.ready();
  assert.equal(first.snapshot, snapshot);
  append(peer, 5, [1, 7], []);
  peer.persist(first);
  peer.node.persisted(first.seq);
  assert.equal(peer.state.log.unstable.snapshot, null);
  assert.equal(peer.state.log.applied, 7);
  checkInvariants(peer.state);
});

// [case-32]
test("a second snapshot that arrives while the first is being written is not taken for durable", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  const send = (index: number): void => {
    const snapshot = { index: at(index), term: toTerm(1), confState: group3 };
    peer.node.step({ type: "install-snapshot", from: toNodeId(2), to: peer.id, term: toTerm(1), snapshot });
  };
  send(7);
  const first = peer.node.ready();
  send(9);
  peer.node.persisted(first.seq);
  assert.equal(peer.state.log.unstable.snapshot?.index, 9);
  const second = peer.node.ready();
  assert.equal(second.snapshot?.index, 9);
  peer.persist(second);
  peer.node.persisted(second.seq);
  assert.equal(peer.state.log.applied, 9);
});

test("members that lost what they acknowledged say so instead of stopping the others", () => {
  const peer = loneMember(1, group3, [1]);
  const result = peer.node.step({
    type: "heartbeat",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(1),
    commit: toLogIndex(5),
    context: new Uint8Array(0),
  });
  assert.equal(result.status, "inconsistent");
  assert.equal(peer.state.log.committed, 0);
  const group = new Group(group3);
  const leader = group.elect(1);
  assert.equal(leader.node.step(accepted(2, 1, 1, 99)).status, "inconsistent");
  assert.ok(leader.node instanceof RawNode);
});
