/** Chapter 4 of the dissertation: membership, where it is not in extensions.test.ts; and §5.3, the receiving of snapshots. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { noNode, toNodeId } from "@quorate/raft";
import { changeConf } from "../../src/conf/changer.ts";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { accepted, append, change, install, logId, voteAnswer, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);
const start = logId(0, 0);

// [single-overlap]
test("§4.1: without a joint configuration one voter at most changes", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  assert.ok(changeConf(group3, change("v4")).ok);
  assert.ok(changeConf(group3, change("l3")).ok);
  assert.ok(leader.node.proposeConfChange(change("v4 r2"), "joint").ok);
  group.settle((message) => message.from === 1 || message.from === 3);
  // Two voters changed, so a joint configuration came between, and each half was asked.
  assert.equal(leader.log.all().filter((one) => one.type !== "normal").length, 2);
});

// [conf-from-append]
test("§4.1: a change counts from when it is applied, on every member", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(1);
  assert.ok(leader.node.proposeConfChange(change("r3"), "single").ok);
  leader.drain();
  assert.deepEqual(leader.node.status().confState.voters, [1, 2, 3]);
  group.heal();
  leader.node.tick();
  group.settle();
  assert.deepEqual(leader.node.status().confState.voters, [1, 2]);
  assert.deepEqual(group.peer(2).node.status().confState.voters, [1, 2]);
});

// [conf-falls-back, case-26]
test("§4.1: a change that is cut from the log again was never in force", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(1);
  assert.ok(leader.node.proposeConfChange(change("v4"), "single").ok);
  leader.drain();
  const heir = group.elect(2);
  group.heal();
  heir.node.tick();
  group.settle();
  assert.equal(leader.log.all().filter((one) => one.type !== "normal").length, 0);
  for (const peer of group.peers) assert.deepEqual(peer.node.status().confState, group3);
  assert.equal(leader.state.pendingConfIndex, 0);
  assert.ok(heir.node.proposeConfChange(change("l4"), "single").ok, "nothing is pending");
});

// [append-from-stranger]
test("§4.1: a member takes the appends of a leader that it does not know", () => {
  for (const confState of [conf([]), conf([1, 2, 3])]) {
    const peer = new Peer(1, startingLog(confState, 0), { confState });
    peer.node.step(append(9, peer, 4, start, [entry(4, 1, "a")], 1));
    peer.drain();
    assert.deepEqual([peer.state.leader, commands(peer)], [9, ["a"]]);
  }
});

// [vote-for-stranger]
test("§4.1: a member votes for a candidate that it does not know", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step(voteRequest("request-vote", 9, peer, 1, start));
  assert.deepEqual(peer.drain(), [voteAnswer("vote-response", 1, { id: toNodeId(9) } as Peer, 1)]);
});

// [joiner-found-empty]
test("§4.2.1: one refusal tells that a new member's log is empty", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  for (let count = 0; count < 20; count++) leader.node.propose([utf8Encode("x")]);
  group.settle();
  group.join(4);
  leader.node.proposeConfChange(change("l4"), "single");
  let refusals = 0;
  group.settle((message) => {
    if (message.type === "append-response" && message.rejected) refusals++;
    return true;
  });
  assert.equal(refusals, 1);
  assert.equal(commands(group.peer(4)).length, 20);
});

// [removed-leader-uncounted, case-23]
test("§4.2.2: a leader that leaves does not count in the new majority", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  assert.ok(leader.node.proposeConfChange(change("r1", "explicit"), "joint").ok);
  group.settle();
  assert.deepEqual(leader.node.status().confState.voters, [2, 3]);
  leader.node.propose([utf8Encode("a")]);
  leader.drain();
  leader.node.step(accepted(2, leader, 1, 3));
  assert.deepEqual(
    commands(leader),
    [],
    "1 and 2 are a majority of the old three, but 2 alone not of the new two",
  );
  leader.node.step(accepted(3, leader, 1, 3));
  leader.drain();
  assert.deepEqual(commands(leader), ["a"]);
});

// [removed-campaigns]
test("§4.2.2: a removed member campaigns until its removal is applied, and no more", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  const removed = group.peer(3);
  leader.node.proposeConfChange(change("r3"), "single");
  leader.drain();
  removed.node.step(append(1, removed, 1, logId(1, 1), [leader.log.all()[1] ?? entry(1, 2)], 1));
  removed.drain();
  assert.equal(removed.node.campaign(), true, "what is in the log is not in force");
  removed.drain();
  const third = new Peer(3, startingLog(group3, 0), { confState: group3 });
  third.node.applyConfChange(change("r3"));
  assert.equal(third.node.campaign(), false);
});

// [joint-both-elect, joint-any-leader]
test("§4.3: while joint, both majorities elect, and members of either half may lead", () => {
  const joint = { ...conf([3, 4, 5]), votersOutgoing: [1, 2, 3].map(toNodeId) };
  for (const id of [1, 4]) {
    const peer = new Peer(id, startingLog(joint, 1), { confState: joint });
    peer.node.campaign();
    const asked = peer.drain().map((message) => Number(message.to));
    assert.deepEqual(
      asked,
      [1, 2, 3, 4, 5].filter((other) => other !== id),
    );
    const [own, other] = id === 1 ? [2, 4] : [5, 1];
    peer.node.step(voteAnswer("vote-response", own, peer, 2));
    assert.equal(peer.role, "candidate", "its own half alone does not elect it");
    peer.node.step(voteAnswer("vote-response", other, peer, 2));
    assert.equal(peer.role, "candidate");
    peer.node.step(voteAnswer("vote-response", 3, peer, 2));
    assert.equal(peer.role, "leader");
  }
});

// [joint-replicates-to-all]
test("§4.3: while joint, entries go to the members of both halves", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.proposeConfChange(change("r2 r3 v4 l5", "explicit"), "joint");
  group.settle();
  for (const id of [4, 5]) group.join(id);
  leader.node.tick();
  group.settle();
  leader.node.propose([utf8Encode("a")]);
  const receivers = leader.drain().filter((message) => message.type === "append-entries");
  assert.deepEqual(
    receivers.map((message) => Number(message.to)),
    [2, 3, 4, 5],
  );
});

// [joint-left-after-commit]
test("§4.3: the joint configuration cannot be left before it is in force", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  assert.ok(leader.node.proposeConfChange(change("v4 r3", "explicit"), "joint").ok);
  const early = leader.node.proposeConfChange(change(""), "joint");
  assert.ok(!early.ok && early.reason === "conf-change" && early.refusal === "pending");
});

// [joint-from-simple]
test("§4.3: a joint configuration does not begin in another one", () => {
  const joint = { ...conf([1, 2]), votersOutgoing: [1, 2, 3].map(toNodeId) };
  const outcome = changeConf(joint, change("v4", "explicit"));
  assert.equal(outcome.ok ? "" : outcome.problem, "the configuration is joint already");
});

// [snapshot-stale-term]
test("§5.3: a snapshot of an earlier term changes nothing", () => {
  const peer = loneMember(1, group3, [1, 5]);
  peer.node.step(install(2, peer, 3, { ...logId(3, 9), confState: group3 }));
  assert.deepEqual(peer.drain(), []);
  assert.deepEqual([peer.state.term, Number(peer.state.log.lastIndex), peer.state.leader], [5, 2, noNode]);
});

// [snapshot-restarts-timeout]
test("§5.3: a snapshot restarts the election time-out, and tells who leads", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, electionTimeoutTicks: 5 });
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  peer.node.step(install(2, peer, 1, { ...logId(1, 0), confState: group3 }));
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  assert.deepEqual([peer.role, Number(peer.state.leader)], ["follower", 2]);
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  // Within the same term, too.
  const again = new Peer(1, startingLog(group3, 0), { confState: group3, electionTimeoutTicks: 5 });
  again.node.step(append(2, again, 1, start));
  for (let tick = 0; tick < 4; tick++) again.node.tick();
  again.node.step(install(2, again, 1, { ...logId(1, 0), confState: group3 }));
  assert.equal(again.state.electionElapsedTicks, 0);
});

// [snapshot-replaces]
test("§5.3: a snapshot that the log does not contain replaces all of it", () => {
  for (const [index, term] of [
    [2, 4],
    [9, 3],
  ] as const) {
    const peer = loneMember(1, group3, [1, 3, 3]);
    const confState = conf([1, 2, 4]);
    peer.node.step(install(2, peer, 5, { ...logId(term, index), confState }));
    peer.drain();
    assert.deepEqual([peer.log.all().length, Number(peer.state.log.lastIndex)], [0, index]);
    assert.deepEqual(peer.state.log.lastId(), logId(term, index));
    assert.deepEqual(peer.node.status().confState, confState);
    assert.equal(peer.state.log.applied, at(index));
  }
});
