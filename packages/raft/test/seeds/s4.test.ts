/** The mistakes of an earlier cluster of containers, each made impossible here: one test for each, named after it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestHosts } from "../host/cluster.ts";
import { conf, Group } from "../support/group.ts";
import { voteAnswer } from "../support/messages.ts";

test("S4 mistake: in a cluster of two, one vote elects", () => {
  const group = new Group(conf([1, 2]));
  const peer = group.peer(1);
  peer.node.campaign();
  peer.drain();
  assert.notEqual(peer.role, "leader", "its own vote is one of two");
  peer.node.step(voteAnswer("vote-response", 2, peer, peer.state.term));
  peer.drain();
  assert.equal(peer.role, "leader");
});

test("S4 mistake: in a cluster of four, two votes elect", () => {
  const group = new Group(conf([1, 2, 3, 4]));
  const peer = group.peer(1);
  peer.node.campaign();
  peer.drain();
  peer.node.step(voteAnswer("vote-response", 2, peer, peer.state.term));
  peer.drain();
  assert.notEqual(peer.role, "leader", "half is no majority: the other half could elect another");
  peer.node.step(voteAnswer("vote-response", 3, peer, peer.state.term));
  peer.drain();
  assert.equal(peer.role, "leader");
});

test("S4 mistake: a follower ignores that its timer was reset", () => {
  const hosts = new TestHosts(3);
  const leader = hosts.elect(1);
  const { term } = leader.host;
  hosts.tick(200);
  assert.equal(leader.host.term, term, "many election time-outs, and heartbeats in each: no election");
  assert.equal(leader.host.role, "leader");
  assert.deepEqual(
    [2, 3].map((id) => hosts.member(id).host.role),
    ["follower", "follower"],
  );
});

test("S4 mistake: nothing is replicated, nothing persists, no client is answered", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  const answers: string[] = [];
  hosts.member(2).host.propose(Uint8Array.of(9), ({ kind }) => answers.push(kind));
  hosts.tick(10);
  assert.deepEqual(answers, ["applied"], "a follower's client is answered");
  for (const id of [1, 2, 3]) {
    assert.deepEqual([...(hosts.member(id).machine.commands[0] ?? [])], [9], `member ${id} has it`);
  }
  for (const id of [1, 2, 3]) {
    hosts.restart(id);
  }
  hosts.elect(3);
  hosts.tick(10);
  assert.deepEqual([...(hosts.member(1).machine.commands[0] ?? [])], [9], "also after all were restarted");
});
