/** Cases that other Rafts have paid for, each named by what goes wrong without its rule. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { noNode, toNodeId, toTerm } from "@quorate/raft";
import { progressOf } from "../../src/tracker/tracker.ts";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { change } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

test("a leader's own word counts among the confirmations of a read", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.readIndex(utf8Encode("r"));
  group.settle();
  assert.equal(leader.reads.length, 1);
});

// [case-55]
test("reads that were not confirmed are forgotten with the leadership, and free their memory", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(1);
  leader.node.readIndex(utf8Encode("r"));
  group.settle();
  assert.equal(leader.state.reads.unconfirmed.length, 1);
  group.elect(2);
  group.heal();
  group.peer(2).node.tick();
  group.settle();
  group.elect(1);
  assert.equal(leader.state.reads.unconfirmed.length, 0);
  assert.equal(leader.reads.length, 0);
});

// [case-53]
test("a context that was never sent confirms no read", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.readIndex(utf8Encode("r"));
  leader.drain();
  const answer = { type: "heartbeat-response", from: toNodeId(2), to: leader.id, term: toTerm(1) } as const;
  leader.node.step({ ...answer, context: new Uint8Array(8).fill(255) });
  leader.node.step({ ...answer, context: utf8Encode("r") });
  assert.equal(leader.drain().length >= 0, true);
  assert.equal(leader.reads.length, 0);
  leader.node.step({ ...answer, context: new Uint8Array([200, 0, 0, 0, 0, 0, 0, 0]) });
  leader.drain();
  assert.equal(
    leader.reads.length,
    1,
    "a position from the future confirms what was asked so far, and no more",
  );
  assert.equal(leader.state.reads.confirmed, 1);
});

// [joint-left-after-commit, case-21]
test("an implicit joint configuration is left by exactly one entry, also while others are applied one by one", () => {
  const group = new Group(group3, { committedBytesPerReadyMax: 1 });
  const leader = group.elect(1);
  leader.node.proposeConfChange(change("r2 r3"), "joint");
  leader.node.propose([utf8Encode("behind")]);
  group.settle();
  assert.deepEqual(
    leader.log.all().map((one) => [one.type, one.data.length > 0]),
    [
      ["normal", false],
      ["conf-change-v2", true],
      ["normal", true],
      ["conf-change-v2", false],
    ],
  );
});

// [case-21]
test("the joint configuration is left later when a transfer was under way, and failed", () => {
  const group = new Group(group3, { electionTimeoutTicks: 5 });
  const leader = group.elect(1);
  leader.node.proposeConfChange(change("r3 l4"), "joint");
  leader.node.transferLeadership(toNodeId(2));
  group.settle((message) => message.type !== "timeout-now");
  assert.equal(leader.node.status().confState.votersOutgoing.length, 3, "no proposal while handing over");
  for (let tick = 0; tick < 5; tick++) leader.node.tick();
  assert.equal(leader.state.transferee, noNode);
  leader.node.propose([utf8Encode("next")]);
  group.settle();
  leader.node.propose([utf8Encode("last")]);
  group.settle();
  assert.deepEqual(leader.node.status().confState, conf([1, 2], [4]));
});

test("nobody campaigns while a snapshot is being restored", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  const snapshot = { index: at(7), term: toTerm(1), confState: group3 };
  peer.node.step({ type: "install-snapshot", from: toNodeId(2), to: peer.id, term: toTerm(1), snapshot });
  assert.equal(peer.node.campaign(), false);
  const ready = peer.node.ready();
  assert.equal(peer.node.campaign(), false);
  peer.persist(ready);
  peer.node.persisted(ready.seq);
  assert.equal(peer.node.campaign(), true);
});

// [case-41]
test("a member that has everything does not stay a probe after a lost message", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.reportUnreachable(toNodeId(2));
  const progress = progressOf(leader.state.tracker, toNodeId(2));
  assert.equal(progress?.state, "probe");
  leader.node.tick();
  group.settle();
  assert.equal(progress?.state, "replicate");
});

// [case-3]
test("a candidate's own vote that comes back after the election was lost elects nobody", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  peer.node.campaign();
  const ready = peer.node.ready();
  peer.node.step({
    type: "append-entries",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(1),
    previous: { term: toTerm(0), index: at(0) },
    entries: [],
    commit: at(0),
  });
  assert.equal(peer.role, "follower");
  for (const message of ready.sendAfterPersist) peer.node.step(message);
  assert.equal(peer.role, "follower");
});

// [case-3]
test("the own vote of a trial does not count in the election that follows", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true, preVote: true });
  peer.node.campaign();
  const trial = peer.node.ready();
  const granted = { to: peer.id, term: toTerm(1), granted: true } as const;
  peer.node.step({ ...granted, type: "pre-vote-response", from: toNodeId(2) });
  peer.node.step({ ...granted, type: "pre-vote-response", from: toNodeId(3) });
  assert.equal(peer.role, "candidate");
  for (const message of trial.sendAfterPersist) peer.node.step(message);
  assert.equal(peer.role, "candidate");
  peer.node.step({ ...granted, type: "vote-response", from: toNodeId(2) });
  assert.equal(peer.role, "candidate", "one of three is no majority");
  for (const message of peer.node.ready().sendAfterPersist) peer.node.step(message);
  assert.equal(peer.role, "leader");
});

// [case-44]
test("a single member that restarts serves nothing before an entry of its own term is committed", () => {
  const peer = loneMember(1, conf([1]), [1, 1]);
  peer.log.hardState = { ...peer.log.hardState, commit: at(1) };
  peer.restart();
  assert.equal(peer.state.log.committed, 1);
  peer.node.campaign();
  peer.drain();
  assert.equal(peer.role, "leader");
  assert.equal(peer.state.log.committed, 3);
  assert.equal(peer.state.log.term(peer.state.log.committed), peer.state.term);
});

// [case-28]
test("answers of a member that was removed change nothing", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.proposeConfChange(change("r3"), "single");
  group.settle();
  const before = leader.state.log.committed;
  const result = leader.node.step({
    type: "append-response",
    from: toNodeId(3),
    to: leader.id,
    term: toTerm(9),
    rejected: false,
    index: at(1),
  });
  assert.equal(result.status, "unknown-peer");
  assert.equal(leader.role, "leader");
  assert.equal(leader.state.log.committed, before);
});

// [case-13]
test("a learner that was promoted without knowing it yet makes the difference in an election", () => {
  // Members 2 and 3 know that 1 is a voter now; 1 does not.
  const learner = new Peer(1, startingLog(conf([2, 3], [1]), 0), { confState: conf([2, 3], [1]) });
  const candidate = new Peer(3, startingLog(group3, 0), { confState: group3 });
  candidate.node.campaign();
  for (const message of candidate.drain()) {
    if (message.to === 1) learner.node.step(message);
  }
  for (const message of learner.drain()) candidate.node.step(message);
  assert.equal(candidate.role, "leader");
});

// [case-22]
test("a demoted voter counts in the old half until the joint configuration is left", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.proposeConfChange(change("l2 l3", "explicit"), "joint");
  group.settle();
  assert.deepEqual(leader.node.status().confState.learnersNext, [2, 3]);
  group.isolate(2);
  group.isolate(3);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  assert.deepEqual(commands(leader), [], "the old half has no majority");
  group.heal();
  leader.node.tick();
  group.settle();
  leader.node.tick();
  group.settle();
  assert.equal(commands(leader).join(), "a");
  leader.node.proposeConfChange(change(""), "joint");
  group.settle();
  assert.deepEqual(leader.node.status().confState, conf([1], [2, 3]));
});

// [case-36]
test("a member that is behind the compacted log is sent the snapshot, not an empty append that would match by accident", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  for (let count = 0; count < 5; count++) leader.node.propose([utf8Encode("x")]);
  group.settle();
  leader.log.compact(5);
  group.heal();
  leader.node.tick();
  const types: string[] = [];
  group.settle((message) => {
    if (message.to === 3) types.push(message.type);
    return true;
  });
  assert.ok(types.includes("install-snapshot"));
  assert.equal(group.peer(3).state.log.applied, group.peer(1).state.log.applied);
});

// [case-48]
test("a follower whose image arrived by other means is served again at once", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.propose([utf8Encode("x")]);
  group.settle();
  leader.log.compact(2);
  group.heal();
  leader.node.tick();
  group.settle((message) => message.type !== "install-snapshot");
  const progress = progressOf(leader.state.tracker, toNodeId(3));
  assert.equal(progress?.state, "snapshot");
  const response = {
    type: "append-response",
    from: toNodeId(3),
    to: leader.id,
    term: toTerm(1),
    rejected: false,
  } as const;
  leader.node.step({ ...response, index: at(2) });
  assert.equal(progress?.state, "replicate");
});

// [case-8]
test("two candidates with and without trials do not block each other for ever", () => {
  const group = new Group(group3, { preVote: true, electionTimeoutTicks: 5 });
  const ahead = group.peer(3);
  ahead.node.step({
    type: "request-vote",
    from: toNodeId(2),
    to: toNodeId(3),
    term: toTerm(6),
    last: { term: toTerm(0), index: at(0) },
    leadershipTransfer: false,
  });
  ahead.drain();
  assert.equal(ahead.state.term, 6);
  for (let round = 0; round < 40 && !group.peers.some((peer) => peer.role === "leader"); round++) {
    group.peer(1).node.tick();
    if (round % 2 === 0) group.peer(2).node.tick();
    group.settle();
  }
  assert.ok(group.peers.some((peer) => peer.role === "leader" && peer.state.term > 6));
});

// [case-35]
test("an append that was delayed by a whole leadership does not bring back what was replaced", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(1);
  leader.node.propose([utf8Encode("lost")]);
  const late = leader.drain();
  group.elect(2);
  group.peer(2).node.propose([utf8Encode("kept")]);
  group.settle();
  for (const message of late) {
    if (message.to === 3) group.peer(3).node.step(message);
  }
  group.heal();
  group.peer(2).node.tick();
  group.settle();
  for (const peer of group.peers) assert.deepEqual(commands(peer), ["kept"]);
  assert.deepEqual(leader.log.all().at(-1), { ...entry(2, 3, "kept") });
});

test("a transfer has a whole election time-out, counted from its beginning", () => {
  const group = new Group(group3, { electionTimeoutTicks: 5 });
  const leader = group.elect(1);
  group.isolate(3);
  for (let tick = 0; tick < 4; tick++) leader.node.tick();
  leader.node.transferLeadership(toNodeId(3));
  for (let tick = 0; tick < 4; tick++) leader.node.tick();
  assert.equal(leader.state.transferee, 3);
  leader.node.tick();
  assert.equal(leader.state.transferee, noNode);
});

test("a member that refused its vote does not grant it by a second answer", () => {
  const peer = new Peer(1, startingLog(conf([1, 2, 3, 4, 5]), 0), { confState: conf([1, 2, 3, 4, 5]) });
  peer.node.campaign();
  peer.drain();
  const answer = { type: "vote-response", to: peer.id, term: toTerm(1) } as const;
  peer.node.step({ ...answer, from: toNodeId(2), granted: false });
  peer.node.step({ ...answer, from: toNodeId(2), granted: true });
  peer.node.step({ ...answer, from: toNodeId(3), granted: true });
  assert.equal(peer.role, "candidate");
});

test("a new member is probed as soon as it is one, without waiting for a heartbeat", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.applyConfChange(change("l4"));
  assert.deepEqual(
    leader.drain().map((message) => [message.type, message.to]),
    [["append-entries", 4]],
  );
});

test("leadership is not handed to a member that is removed meanwhile", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.proposeConfChange(change("r3"), "single");
  leader.node.transferLeadership(toNodeId(3));
  assert.equal(leader.state.transferee, 3);
  group.settle();
  assert.deepEqual(leader.node.status().confState.voters, [1, 2]);
  assert.equal(leader.state.transferee, noNode);
  assert.ok(leader.node.propose([utf8Encode("a")]).ok);
});

test("diverged logs meet after one refusal for each term, not for each entry", () => {
  const meet = (leaderTerms: number[], followerTerms: number[]): number => {
    const group = new Group(group3);
    const install = (peer: Peer, terms: number[]): void => {
      peer.log.append(terms.map((term, place) => entry(term, place + 1)));
      peer.log.hardState = { ...peer.log.hardState, term: toTerm(terms.at(-1) ?? 0) };
      peer.restart();
    };
    install(group.peer(1), leaderTerms);
    install(group.peer(2), followerTerms);
    let refusals = 0;
    group.peer(1).node.campaign();
    group.settle((message) => {
      if (message.type === "append-response" && message.from === 2 && message.rejected) refusals++;
      return true;
    });
    assert.deepEqual(
      group
        .peer(2)
        .log.all()
        .map((one) => one.term),
      group
        .peer(1)
        .log.all()
        .map((one) => one.term),
    );
    return refusals;
  };
  assert.equal(
    meet([1, 3, 3, 3, 5, 5, 5, 5, 5], [1, 1, 1, 1, 2, 2]),
    1,
    "the leader skips what cannot agree",
  );
  assert.equal(meet([1, 3, 3, 3, 3, 3, 3, 3, 7], [1, 3, 3, 4, 4, 5, 5, 5, 6]), 2, "and so does the follower");
});
