/** Corner cases of elections that other Rafts have paid for; docs/raft.md lists all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import type { Entry } from "@quorate/raft";
import { at, commands, conf, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { change, heartbeat, logId, voteAnswer, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

// [case-6]
test("a vote of a later term is no vote for this one, and the own vote alone elects nobody", () => {
  const peer = loneMember(1, group3, [1]);
  peer.node.campaign();
  peer.drain();
  assert.deepEqual([peer.role, peer.state.term, Number(peer.state.vote)], ["candidate", 2, 1]);
  peer.node.step(voteAnswer("vote-response", 2, peer, 5, true));
  assert.deepEqual([peer.role, peer.state.term, Number(peer.state.vote)], ["follower", 5, 0]);
  const again = loneMember(1, group3, [1]);
  again.node.campaign();
  again.drain();
  again.node.step(voteAnswer("vote-response", 2, again, 1, true));
  assert.equal(again.role, "candidate", "nor is one of an earlier term");
  again.node.step(voteAnswer("vote-response", 2, again, 2, false));
  assert.equal(again.role, "candidate", "nor is a refusal in this one");
  again.node.step(voteAnswer("vote-response", 3, again, 2));
  assert.equal(again.role, "leader");
});

// [case-8]
test("members with trials and members without elect a leader together, whoever is ahead", () => {
  for (const ahead of [1, 2, 3]) {
    const group = new Group(group3, { electionTimeoutTicks: 5, checkQuorum: true });
    // Member 3 tries elections out first; the other two do not yet.
    const trying = group.peer(3);
    group.peers[2] = new Peer(3, trying.log, { ...trying.settings, preVote: true });
    const peer = group.peer(ahead);
    peer.node.step(voteRequest("request-vote", 9, peer, 7, logId(0, 0)));
    peer.drain();
    for (let round = 0; round < 60 && !group.peers.some((one) => one.role === "leader"); round++) {
      group.peer(3).node.tick();
      if (round % 2 === 0) group.peer(1).node.tick();
      if (round % 3 === 0) group.peer(2).node.tick();
      group.settle();
    }
    assert.ok(
      group.peers.some((one) => one.role === "leader"),
      `member ${ahead} ahead`,
    );
  }
});

// [case-8]
test("a member that holds a trial itself grants one to others at once, though it has only just lost its leader", () => {
  const peer = loneMember(1, group3, [1], { preVote: true, checkQuorum: true, electionTimeoutTicks: 5 });
  peer.node.step(heartbeat(3, peer, 1));
  for (let tick = 0; tick < 5; tick++) peer.node.tick();
  peer.drain();
  assert.equal(peer.role, "pre-candidate");
  assert.equal(peer.node.step(voteRequest("pre-vote", 2, peer, 2, logId(1, 1))).status, "accepted");
  assert.deepEqual(
    peer.drain().map((message) => [message.type, message.to, "granted" in message && message.granted]),
    [["pre-vote-response", 2, true]],
  );
});

// [case-8]
test("a trial of an earlier term is told the present one, in which its member then takes part", () => {
  const ahead = loneMember(1, group3, [5], { preVote: true, checkQuorum: true });
  ahead.node.step(voteRequest("pre-vote", 2, ahead, 3, logId(1, 1)));
  const [answer] = ahead.drain();
  assert.ok(answer?.type === "pre-vote-response");
  assert.deepEqual([answer.granted, Number(answer.term)], [false, 5]);
  const behind = loneMember(2, group3, [1], { preVote: true, checkQuorum: true });
  behind.node.campaign();
  behind.drain();
  behind.node.step(answer);
  assert.deepEqual([behind.role, Number(behind.state.term)], ["follower", 5]);
});

// [case-9]
test("late answers to a trial neither begin an election nor unseat a leader", () => {
  const peer = loneMember(1, group3, [1], { preVote: true });
  peer.node.campaign();
  peer.drain();
  peer.node.step(voteAnswer("pre-vote-response", 2, peer, 2));
  peer.drain();
  peer.node.step(voteAnswer("pre-vote-response", 3, peer, 2));
  assert.deepEqual([peer.role, peer.state.term], ["candidate", 2]);
  peer.node.step(voteAnswer("pre-vote-response", 3, peer, 2, false));
  peer.node.step(voteAnswer("vote-response", 2, peer, 2));
  assert.equal(peer.role, "leader");
  for (const granted of [true, false]) {
    peer.node.step(voteAnswer("pre-vote-response", 3, peer, 2, granted));
    assert.deepEqual([peer.role, peer.state.term], ["leader", 2]);
  }
});

// [case-12]
test("a read that is asked for while leadership is handed over is not confirmed by a leader that lost it", () => {
  const group = new Group(group3, { checkQuorum: true });
  const leader = group.elect(1);
  assert.equal(leader.node.transferLeadership(group.peer(2).id), "started");
  const [timeoutNow] = leader.drain();
  assert.equal(timeoutNow?.type, "timeout-now");
  leader.node.readIndex(utf8Encode("r"));
  const round = leader.drain();
  if (timeoutNow !== undefined) group.peer(2).node.step(timeoutNow);
  group.settle((message) => message.to !== 1 && message.from !== 1);
  assert.equal(group.peer(2).role, "leader");
  for (const message of round) {
    const peer = group.peer(message.to);
    peer.node.step(message);
    for (const answer of peer.drain()) if (answer.to === 1) leader.node.step(answer);
  }
  leader.drain();
  assert.equal(leader.reads.length, 0);
});

// [case-17]
test("a change waits until the one before it is applied, not only committed", () => {
  const peer = new Peer(1, startingLog(conf([1]), 0), { confState: conf([1]), asyncStorage: true });
  const turn = (): readonly Entry[] => {
    const ready = peer.node.ready();
    peer.persist(ready);
    for (const message of ready.sendAfterPersist) peer.node.step(message);
    peer.node.persisted(ready.seq);
    return ready.apply;
  };
  peer.node.campaign();
  turn();
  turn();
  peer.apply(turn());
  peer.node.applied(at(1));
  assert.equal(peer.role, "leader");
  assert.ok(peer.node.proposeConfChange(change("v2"), "single").ok);
  turn();
  const apply = turn();
  assert.deepEqual([Number(peer.state.log.committed), Number(peer.state.log.applied)], [2, 1]);
  const early = peer.node.proposeConfChange(change("l3"), "single");
  assert.ok(!early.ok && early.reason === "conf-change" && early.refusal === "pending");
  peer.apply(apply);
  peer.node.applied(at(2));
  assert.deepEqual(peer.node.status().confState, conf([1, 2]));
});

// [case-25]
test("of two members one is removed and dies with the news: the other goes on", () => {
  for (const removed of [1, 2]) {
    const group = new Group(conf([1, 2]), { electionTimeoutTicks: 5 });
    const leader = group.elect(1);
    leader.node.proposeConfChange(change(`r${removed}`), "single");
    // The removal is committed by both; what would tell member 2 that it is, gets lost.
    group.settle((message) => message.to !== 2 || message.type !== "append-entries" || message.commit < 2);
    const stays = group.peer(removed === 1 ? 2 : 1);
    for (let tick = 0; tick < 12; tick++) {
      for (const peer of group.peers) peer.node.tick();
      group.settle();
    }
    assert.deepEqual([stays.role, stays.node.status().confState], ["leader", conf([Number(stays.id)])]);
    stays.node.propose([utf8Encode("alone")]);
    stays.drain();
    assert.deepEqual(commands(stays), ["alone"]);
  }
});

// [case-27]
test("a restarted member has the members of its snapshot and of the entries behind it", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.proposeConfChange(change("v4"), "single");
  group.settle();
  leader.node.proposeConfChange(change("r2 l3", "explicit"), "joint");
  group.settle((message) => message.from !== 4);
  const before = leader.node.status().confState;
  assert.deepEqual(before.votersOutgoing, [1, 2, 3, 4]);
  leader.restart();
  leader.drain();
  assert.deepEqual(leader.node.status().confState, before);
  const restored = new Peer(1, startingLog(before, 3), {});
  assert.deepEqual(restored.node.status().confState, before, "and those of a snapshot need no entries");
  restored.node.campaign();
  restored.drain();
  restored.node.step(voteAnswer("vote-response", 4, restored, 2));
  assert.equal(restored.role, "candidate", "a majority of the new half alone elects nobody");
  restored.node.step(voteAnswer("vote-response", 2, restored, 2));
  assert.equal(restored.role, "leader");
});
