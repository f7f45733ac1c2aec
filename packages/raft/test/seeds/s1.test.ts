/**
 * The mistakes of an earlier replicated key-value database, each made impossible here: one test for each, named after it, on the host or
 * the core that ships.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ProposalOutcome, toNodeId } from "@quorate/raft";
import { TestHosts } from "../host/cluster.ts";
import { commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import {
  accepted,
  append,
  heartbeat,
  logId,
  rejected,
  voteAnswer,
  voteRequest,
} from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

/** A follower with entries of these terms is elected by member 2's vote. */
function leaderOf(terms: readonly number[]): Peer {
  const peer = loneMember(1, group3, terms);
  peer.node.campaign();
  peer.drain();
  peer.node.step(voteAnswer("vote-response", 2, peer, peer.node.term));
  peer.drain();
  assert.equal(peer.role, "leader");
  return peer;
}

test("S1 mistake: time-outs meant as milliseconds are used as seconds", () => {
  const electionTimeoutTicks = 5;
  const hosts = new TestHosts(3, { core: { electionTimeoutTicks } });
  const ticksToLeader = (): number => {
    for (let ticks = 0; ; ticks++) {
      if (hosts.members.some(({ host }) => host.role === "leader")) {
        return ticks;
      }
      assert.ok(ticks < 1000, "a leader after all");
      hosts.tick();
    }
  };
  const took = ticksToLeader();
  assert.ok(took >= electionTimeoutTicks, `nobody campaigns before the time-out (${took} ticks)`);
  // A split vote costs one more time-out; a factor of 1,000 would show.
  assert.ok(took <= 8 * electionTimeoutTicks, `the time-out is what was configured (${took} ticks)`);
});

test("S1 mistake: a write is answered before it is committed", () => {
  const hosts = new TestHosts(3);
  const leader = hosts.elect(1);
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  const outcomes: ProposalOutcome<number>[] = [];
  leader.host.propose(Uint8Array.of(7), (outcome) => outcomes.push(outcome));
  hosts.scheduler.runAll();
  assert.equal(leader.storage.lastIndex, 2, "it is on the leader's disk");
  assert.deepEqual(outcomes, [], "and nobody is told so");
  hosts.network.heal();
  hosts.tick(3);
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    ["applied"],
  );
  assert.equal(leader.machine.commands.length, 1, "applied here before the answer");
});

test("S1 mistake: a leader never steps down", () => {
  const told = leaderOf([1]);
  told.node.step(append(3, told, 9, logId(1, 1)));
  assert.equal(told.role, "follower", "a newer term is the end of a leadership");
  assert.equal(told.node.term, 9);
  const hosts = new TestHosts(3);
  const alone = hosts.elect(1);
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  hosts.tick(40);
  assert.equal(alone.host.role === "leader", false, "one that hears no majority gives up by itself");
});

test("S1 mistake: a new leader assumes that the followers' logs match its own, and commits what they lack", () => {
  const leader = leaderOf([1, 1]);
  const last = leader.log.all().length;
  assert.equal(last, 3, "two entries of before and its own");
  for (const { id, match } of leader.node.status().progress) {
    assert.equal(match, id === 1 ? last : 0, `nothing is known of member ${id}`);
  }
  // Member 2 has none of it and says so; member 3 is silent.
  leader.node.step(rejected(2, leader, leader.node.term, 2, logId(0, 0)));
  leader.drain();
  assert.equal(leader.node.committed, 0, "a refusal counts for nothing");
  leader.node.step(accepted(2, leader, leader.node.term, 1));
  leader.drain();
  assert.equal(leader.node.committed, 0, "neither does a part");
  leader.node.step(accepted(2, leader, leader.node.term, last));
  assert.equal(leader.node.committed, last);
});

test("S1 mistake: entries of an earlier term are committed by counting", () => {
  const leader = leaderOf([1, 2]);
  leader.node.step(accepted(2, leader, leader.node.term, 2));
  leader.drain();
  assert.equal(leader.node.committed, 0, "a majority has entry 2, and another leader may still replace it");
  leader.node.step(accepted(2, leader, leader.node.term, 3));
  assert.equal(leader.node.committed, 3, "the leader's own entry takes those before it along");
});

test("S1 mistake: a heartbeat advances the commit index without a look at the log", () => {
  const leader = leaderOf([1, 1]);
  leader.node.step(accepted(2, leader, leader.node.term, 3));
  leader.drain();
  assert.equal(leader.node.committed, 3);
  leader.node.tick();
  const beats = leader.drain().filter((message) => message.type === "heartbeat");
  const commitFor = (id: number): number | undefined => beats.find(({ to }) => to === id)?.commit;
  assert.equal(commitFor(2), 3, "what member 2 is known to have");
  assert.equal(commitFor(3), 0, "of member 3's log nothing is known, so it is told of no commit");

  const follower = loneMember(1, group3, [1, 1]);
  follower.node.step(append(2, follower, 3, logId(2, 2), [entry(3, 3)], 3));
  follower.drain();
  assert.equal(follower.node.committed, 0, "an append that does not fit moves nothing");
  follower.node.step(append(2, follower, 3, logId(1, 1), [entry(3, 2)], 2));
  follower.drain();
  assert.equal(follower.node.committed, 2, "one that does moves it as far as it reaches");
});

test("S1 mistake: the test whether a leader is alive is inverted", () => {
  const electionTimeoutTicks = 10;
  const settings = { confState: group3, checkQuorum: true, electionTimeoutTicks };
  const vote = (peer: Peer): unknown => {
    peer.node.step(voteRequest("request-vote", 3, peer, 5, logId(5, 9)));
    return peer.drain().find((message) => message.type === "vote-response" && message.granted);
  };
  const follower = new Peer(1, startingLog(group3, 0), settings);
  follower.node.step(heartbeat(2, follower, 1));
  follower.drain();
  assert.equal(vote(follower), undefined, "while a leader is heard, nobody else gets a vote");
  assert.equal(follower.node.term, 1, "and no term is taken over");
  const left = new Peer(1, startingLog(group3, 0), settings);
  left.node.step(heartbeat(2, left, 1));
  left.drain();
  for (let tick = 0; tick < electionTimeoutTicks; tick++) {
    left.node.tick();
    left.drain();
  }
  assert.notEqual(vote(left), undefined, "once it was silent for a time-out, others do");
});

test("S1 mistake: a single node never commits", () => {
  const group = new Group(conf([1]));
  const only = group.elect(1);
  only.node.propose([Uint8Array.of(65)]);
  group.settle();
  assert.equal(only.node.committed, 2, "its own entry and the command");
  assert.deepEqual(commands(only), ["A"]);
});

test("S1 mistake: an entry counts as applied before the state machine ran", () => {
  const hosts = new TestHosts(3);
  const leader = hosts.elect(1);
  leader.host.propose(Uint8Array.of(1), () => {});
  leader.host.propose(Uint8Array.of(2), () => {});
  hosts.tick(3);
  assert.equal(leader.machine.commands.length, 2);
  // A crash takes the state machine; the disk remembers what is committed, and not that it was applied.
  hosts.restart(1);
  hosts.elect(2);
  hosts.tick(3);
  assert.equal(
    hosts.member(1).machine.commands.length,
    2,
    "everything is applied again, nothing is passed over",
  );
});
