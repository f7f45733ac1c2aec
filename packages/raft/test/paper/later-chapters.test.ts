/** §6.4 reads and §9.6 trial elections, where they are not in extensions.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { conf, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { accepted, append, logId, voteAnswer, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

// [read-index-saved]
test("§6.4: a read waits for what was committed when it arrived, not for more", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  leader.node.readIndex(utf8Encode("r"));
  const round = leader.drain();
  leader.node.propose([utf8Encode("b")]);
  group.settle();
  assert.equal(leader.state.log.committed, 3, "before anybody has heard the round");
  assert.equal(leader.reads.length, 0);
  group.network.push(...round);
  group.settle();
  assert.deepEqual(
    leader.reads.map((read) => Number(read.index)),
    [2],
  );
});

// [read-round]
test("§6.4: a round that began before the read proves nothing for it", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.tick();
  const early = leader.drain().filter((message) => message.type === "heartbeat");
  leader.node.readIndex(utf8Encode("r"));
  leader.drain();
  for (const message of early) group.peer(message.to).node.step(message);
  group.settle((message) => message.type !== "heartbeat");
  assert.equal(leader.reads.length, 0);
  leader.node.tick();
  group.settle();
  assert.equal(leader.reads.length, 1);
});

// [read-one-round, case-55]
test("§6.4: many reads, one round", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  for (let read = 0; read < 50; read++) leader.node.readIndex(utf8Encode(`${read}`));
  const newest = leader
    .drain()
    .filter((message) => message.type === "heartbeat")
    .at(-1);
  assert.ok(newest !== undefined);
  group.peer(newest.to).node.step(newest);
  for (const answer of group.peer(newest.to).drain()) leader.node.step(answer);
  leader.drain();
  assert.equal(leader.reads.length, 50);
});

// [lease-by-heartbeats, case-54]
test("§6.4.1: leases are refused where members do not keep from electing others", () => {
  assert.throws(
    () => new Peer(1, startingLog(group3, 0), { confState: group3, readMode: "lease", checkQuorum: false }),
    /readMode lease needs checkQuorum/,
  );
  const group = new Group(group3, {
    readMode: "lease",
    checkQuorum: true,
    leaseProtected: false,
    electionTimeoutTicks: 5,
  });
  const leader = group.elect(1);
  group.isolate(1);
  for (let tick = 0; tick < 10; tick++) leader.node.tick();
  leader.drain();
  leader.node.readIndex(utf8Encode("r"));
  leader.drain();
  assert.equal(leader.reads.length, 0, "a leader that hears nobody stepped down, and answers nothing");
});

// [pre-vote-first]
test("§9.6: the term is raised only after a majority has said that it would vote", () => {
  const peer = loneMember(1, conf([1, 2, 3, 4, 5]), [1], { preVote: true });
  peer.node.campaign();
  peer.drain();
  assert.deepEqual([peer.role, peer.state.term, Number(peer.state.vote)], ["pre-candidate", 1, 0]);
  peer.node.step(voteAnswer("pre-vote-response", 2, peer, 2));
  assert.equal(peer.state.term, 1);
  peer.node.step(voteAnswer("pre-vote-response", 3, peer, 2));
  assert.deepEqual([peer.role, peer.state.term, Number(peer.state.vote)], ["candidate", 2, 1]);
});

// [pre-vote-conditions]
test("§9.6: a trial is granted to an up-to-date log by who did not hear a leader lately", () => {
  const answerTo = (peer: Peer, last: ReturnType<typeof logId>): boolean | null => {
    peer.node.step(voteRequest("pre-vote", 3, peer, 9, last));
    const [answer] = peer.drain();
    return answer?.type === "pre-vote-response" ? answer.granted : null;
  };
  const voter = (): Peer =>
    loneMember(1, group3, [1, 2], { checkQuorum: true, preVote: true, electionTimeoutTicks: 5 });
  assert.equal(answerTo(voter(), logId(2, 2)), true);
  assert.equal(answerTo(voter(), logId(1, 9)), false);
  assert.equal(answerTo(voter(), logId(2, 1)), false);
  const led = voter();
  led.node.step(append(2, led, 2, logId(2, 2)));
  led.drain();
  assert.equal(answerTo(led, logId(2, 2)), null, "not even answered");
  for (let tick = 0; tick < 4; tick++) led.node.tick();
  assert.equal(answerTo(led, logId(2, 2)), null);
});

// [pre-vote-binds-nobody]
test("§9.6: a trial is granted by who gave its vote in the present term to another, and may be granted to several", () => {
  const peer = loneMember(1, group3, [1]);
  peer.node.step(voteRequest("request-vote", 2, peer, 4, logId(1, 1)));
  peer.drain();
  assert.equal(peer.state.vote, 2);
  for (const from of [3, 2, 3]) {
    peer.node.step(voteRequest("pre-vote", from, peer, 5, logId(1, 1)));
    assert.deepEqual(
      peer.drain().map((message) => message.type === "pre-vote-response" && message.granted),
      [true],
    );
  }
  assert.deepEqual([peer.state.term, Number(peer.state.vote)], [4, 2]);
  peer.node.step(voteRequest("pre-vote", 3, peer, 4, logId(1, 1)));
  assert.equal(
    peer.drain().some((message) => message.type === "pre-vote-response" && message.granted),
    false,
  );
});

// [pre-vote-ends]
test("§9.6: a pre-candidate that hears the leader follows it in the same term", () => {
  const peer = loneMember(1, group3, [2], { preVote: true });
  peer.node.campaign();
  peer.drain();
  assert.equal(peer.role, "pre-candidate");
  peer.node.step(append(2, peer, 2, logId(2, 1)));
  assert.deepEqual([peer.role, peer.state.term, Number(peer.state.leader)], ["follower", 2, 2]);
});

// [own-write-counted, case-30]
test("§10.2.1: with its own disk slow, the leader needs a majority of the others", () => {
  const leader = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  leader.node.campaign();
  for (const message of leader.node.ready().sendAfterPersist) leader.node.step(message);
  leader.node.step(voteAnswer("vote-response", 2, leader, 1));
  const ready = leader.node.ready();
  leader.node.step(accepted(2, leader, 1, 1));
  assert.equal(leader.state.log.committed, 0);
  for (const message of ready.sendAfterPersist) leader.node.step(message);
  assert.equal(leader.state.log.committed, 1);
});
