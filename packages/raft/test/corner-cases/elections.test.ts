/** Corner cases of elections that other Rafts have paid for; docs/raft.md lists all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { commands, conf, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { change, logId, voteAnswer, voteRequest } from "../support/messages.ts";

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
  assert.equal(startingLog(before, 3).stored.confState, before, "and those of a snapshot need no entries");
});
