/** Corner cases of log, storage and numbers that other Rafts have paid for; docs/raft.md lists all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes, utf8Encode } from "@quorate/base";
import { noNode, RawNode, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { progressOf } from "../../src/tracker/tracker.ts";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { accepted, append, heartbeat, install, logId } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

/** Member 3 was heard. */
const heartbeatAnswer = {
  type: "heartbeat-response",
  from: toNodeId(3),
  term: toTerm(1),
  context: emptyBytes,
} as const;

// [case-31]
test("completions that come out of order are refused, and take nothing back", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  peer.node.step(append(2, peer, 1, logId(0, 0), [entry(1, 1)]));
  const first = peer.node.ready();
  peer.node.step(append(2, peer, 1, logId(1, 1), [entry(1, 2)], 2));
  const second = peer.node.ready();
  peer.persist(first);
  peer.persist(second);
  peer.node.persisted(second.seq);
  assert.equal(peer.state.log.unstable.offset, 3, "the later one covers the earlier");
  assert.throws(() => peer.node.persisted(first.seq), /once, in order/);
  assert.equal(peer.state.log.unstable.offset, 3);
  peer.node.applied(at(0));
  assert.deepEqual(
    peer.node.ready().apply.map((one) => Number(one.index)),
    [1, 2],
  );
  peer.node.applied(at(2));
  peer.node.applied(at(1));
  assert.equal(peer.state.log.applied, 2);
});

// [case-31]
test("acknowledgements that come out of order take back neither match nor next", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  for (const text of ["a", "b", "c"]) leader.node.propose([utf8Encode(text)]);
  leader.drain();
  leader.node.step(accepted(2, leader, 1, 4));
  leader.node.step(accepted(2, leader, 1, 2));
  const progress = progressOf(leader.state.tracker, toNodeId(2));
  assert.deepEqual([Number(progress?.match), Number(progress?.next)], [4, 5]);
});

// [case-39]
test("a later term alone is synced before anything of it is answered", () => {
  const peer = loneMember(1, group3, [1]);
  peer.node.step(heartbeat(2, peer, 7));
  const ready = peer.node.ready();
  assert.deepEqual([ready.hardState, ready.entries.length], [{ term: 7, vote: 0, commit: 0 }, 0]);
  assert.equal(ready.mustSync, true);
});

// [case-36]
test("an append without entries never names a place before the log, and none matches there", () => {
  const group = new Group(group3, { inflightCountMax: 1 });
  const leader = group.elect(1);
  // One append is under way to 3, so that its window is full; then the log is compacted past it.
  for (let count = 0; count < 4; count++) leader.node.propose([utf8Encode("x")]);
  group.settle((message) => message.to !== 3 && message.from !== 3);
  leader.log.compact(5);
  const progress = progressOf(leader.state.tracker, toNodeId(3));
  assert.ok(progress?.state === "replicate" && progress.inflights.full && progress.next < 5);
  leader.node.step({ ...heartbeatAnswer, to: leader.id });
  assert.deepEqual(
    leader.drain().map((message) => message.type),
    ["install-snapshot"],
  );
  const fresh = new Peer(3, startingLog(group3, 0), { confState: group3 });
  fresh.node.step(append(1, fresh, 1, logId(0, 5)));
  const [answer] = fresh.drain();
  assert.ok(answer?.type === "append-response" && answer.rejected, "nothing stands there");
});

// [case-46]
test("a snapshot from before the compacted log is answered by what is committed, and nothing else happens", () => {
  const peer = new Peer(1, startingLog(group3, 9), {});
  const snapshot = { index: at(4), term: toTerm(1), confState: conf([1, 2]) };
  peer.node.step(install(2, peer, 1, snapshot));
  assert.deepEqual(peer.drain(), [{ ...accepted(1, peer, 1, 9), to: toNodeId(2) }]);
  assert.deepEqual(peer.node.status().confState, group3);
});

// [case-48]
test("a member whose log meets again below its image is served without the image", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  for (let count = 0; count < 4; count++) leader.node.propose([utf8Encode("x")]);
  group.settle();
  leader.log.compact(3);
  group.heal();
  leader.node.tick();
  group.settle((message) => message.type !== "install-snapshot");
  const progress = progressOf(leader.state.tracker, toNodeId(3));
  assert.deepEqual([progress?.state, Number(progress?.pendingSnapshot)], ["snapshot", 5]);
  leader.node.step(accepted(3, leader, 1, 2));
  assert.equal(progress?.state, "snapshot", "what follows 2 is gone");
  leader.node.step(accepted(3, leader, 1, 3));
  assert.deepEqual([progress?.state, Number(progress?.match)], ["replicate", 3]);
});

// [case-38]
test("the commit index that is persisted does not fall back while entries are handed out page by page", () => {
  const settings = { confState: group3, committedBytesPerReadyMax: 1 };
  const peer = new Peer(1, startingLog(group3, 0), settings);
  const entries = [1, 2, 3, 4].map((index) => entry(1, index, `${index}`));
  peer.node.step(append(2, peer, 1, logId(0, 0), entries, 4));
  const commits: number[] = [];
  const pages: number[] = [];
  while (peer.node.hasReady()) {
    const ready = peer.node.ready();
    peer.persist(ready);
    peer.apply(ready.apply);
    commits.push(peer.log.hardState.commit);
    pages.push(ready.apply.length);
    peer.node.advance();
  }
  assert.deepEqual(commits, [4, 4, 4, 4]);
  assert.deepEqual(pages, [1, 1, 1, 1]);
  peer.restart();
  peer.drain();
  assert.deepEqual(commands(peer), ["1", "2", "3", "4"]);
});

// [case-45]
test("numbers beyond 2^53, negative ones, fractions and NaN are refused at the door", () => {
  for (const value of [2 ** 53, 2 ** 64, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const check of [toTerm, toLogIndex, toNodeId]) {
      assert.throws(() => check(value), /ids: not a/, String(value));
    }
    const config = {
      id: toNodeId(1),
      log: startingLog(group3, 0),
      confState: group3,
      applied: at(0),
      random: (low: number) => low,
    };
    const hardState = { term: toTerm(0), vote: noNode, commit: at(0) };
    for (const field of ["term", "vote", "commit"] as const) {
      assert.throws(
        () => new RawNode({ ...config, hardState: { ...hardState, [field]: value } }),
        /hardState/,
        `${field} ${value}`,
      );
    }
  }
  assert.throws(() => toNodeId(0));
  assert.deepEqual([toTerm(2 ** 53 - 1), toLogIndex(0)], [2 ** 53 - 1, 0]);
});

// [case-42]
test("a heartbeat is answered also by a member whose log has nothing in common with the leader's", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step(heartbeat(2, peer, 9));
  assert.deepEqual(
    peer.drain().map((message) => [message.type, message.term]),
    [["heartbeat-response", 9]],
  );
  assert.equal(peer.state.log.committed, 0);
});

// [case-47]
test("a leader whose log is compacted to its end brings up a member that has nothing", () => {
  const group = new Group(group3);
  group.isolate(3);
  const leader = group.elect(1);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  leader.log.compact(leader.state.log.lastIndex);
  assert.equal(leader.state.log.firstIndex, leader.state.log.lastIndex + 1);
  const fresh = group.peer(3);
  group.heal();
  for (let round = 0; round < 3; round++) {
    leader.node.tick();
    group.settle();
  }
  assert.equal(fresh.state.log.applied, 2);
  assert.equal(progressOf(leader.state.tracker, toNodeId(3))?.state, "replicate");
  leader.node.propose([utf8Encode("b")]);
  group.settle();
  assert.deepEqual(commands(fresh), ["b"], "what came before is in the snapshot");
});

// [case-58]
test("nothing to oneself is handed to the network, and what is for others is not taken", () => {
  const group = new Group(group3, { asyncStorage: false });
  const leader = group.peer(1);
  leader.node.campaign();
  const check = (): void => {
    while (leader.node.hasReady()) {
      const ready = leader.node.ready();
      for (const message of ready.sendNow) assert.notEqual(message.to, leader.id, message.type);
      for (const message of ready.sendAfterPersist) {
        if (message.to === leader.id) assert.match(message.type, /^(vote|append)-response$/);
        else group.network.push(message);
      }
      group.network.push(...ready.sendNow);
      leader.persist(ready);
      leader.apply(ready.apply);
      leader.node.advance();
    }
  };
  check();
  group.settle();
  leader.node.propose([utf8Encode("a")]);
  leader.node.readIndex(utf8Encode("r"));
  leader.node.tick();
  check();
  const before = leader.state.term;
  const other = { ...append(2, leader, 99, logId(0, 0)), to: toNodeId(3) };
  assert.equal(leader.node.step(other).status, "misdirected");
  const own = { ...append(1, leader, 99, logId(0, 0)), to: leader.id };
  assert.equal(leader.node.step(own).status, "inconsistent", "nor does anybody ask itself");
  assert.equal(leader.state.term, before);
});

// [case-53]
test("a context that was confirmed once confirms no later read that carries it again", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.readIndex(utf8Encode("same"));
  const round = leader.drain();
  leader.node.propose([utf8Encode("a")]);
  group.settle((message) => message.type !== "heartbeat");
  const answers = round.flatMap((message) => {
    group.peer(message.to).node.step(message);
    return group.peer(message.to).drain();
  });
  for (const answer of answers) leader.node.step(answer);
  leader.drain();
  assert.deepEqual(
    leader.reads.map((read) => Number(read.index)),
    [1],
  );
  leader.node.readIndex(utf8Encode("same"));
  leader.drain();
  for (const answer of answers) leader.node.step(answer);
  leader.drain();
  assert.equal(leader.reads.length, 1, "the answers to the first do not speak for the second");
});

// [case-53]
test("positions that nobody was sent, echoed by a majority, confirm what was asked and nothing that comes later", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.readIndex(utf8Encode("r"));
  leader.drain();
  const context = new Uint8Array([200, 0, 0, 0, 0, 0, 0, 0]);
  for (const from of [2, 3]) {
    leader.node.step({ ...heartbeatAnswer, from: toNodeId(from), to: leader.id, context });
  }
  leader.node.readIndex(utf8Encode("s"));
  leader.drain();
  assert.equal(leader.reads.length, 1);
});

// [case-55]
test("confirmed reads leave nothing behind, and the next round is as small as the first", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  for (let round = 1; round <= 20; round++) {
    for (const text of ["x", "y", "z"]) leader.node.readIndex(utf8Encode(text));
    group.settle();
    assert.equal(leader.reads.length, 3 * round);
    assert.deepEqual([leader.state.reads.unconfirmed.length, leader.state.reads.acked.size], [0, 3]);
  }
});
