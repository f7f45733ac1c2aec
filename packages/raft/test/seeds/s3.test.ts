/** The mistakes of earlier command-line clusters, each made impossible here: one test for each, named after it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { toNodeId } from "@quorate/raft";
import { TestHosts } from "../host/cluster.ts";
import { conf, Group } from "../support/group.ts";
import { voteAnswer } from "../support/messages.ts";

test("S3 mistake: the first timer to fire wins, without votes", () => {
  const group = new Group(conf([1, 2, 3, 4, 5]));
  const first = group.peer(1);
  first.node.campaign();
  first.drain();
  const term = first.state.term;
  assert.notEqual(first.role, "leader", "its timer fired first, and nobody has answered");
  first.node.step(voteAnswer("vote-response", 2, first, term));
  first.drain();
  assert.notEqual(first.role, "leader", "two votes of five, its own among them, are no majority");
  first.node.step(voteAnswer("vote-response", 2, first, term));
  first.drain();
  assert.notEqual(first.role, "leader", "one voter's answer counts once, however often it comes");
  first.node.step(voteAnswer("vote-response", 3, first, term));
  first.drain();
  assert.equal(first.role, "leader", "three of five are");
});

test("S3 mistake: two nodes lead at once", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const hosts = new TestHosts(5, {}, seed);
    const random = new Prng(seed);
    const leaders = new Map<number, number>();
    const members = [1, 2, 3, 4, 5].map((id) => hosts.member(id));
    for (let round = 0; round < 30; round++) {
      const leading = members.find(({ host }) => host.role === "leader")?.host.id ?? toNodeId(1);
      if (random.chance(0.3)) {
        hosts.network.heal();
        hosts.network.partition(
          [leading],
          members.map(({ host }) => host.id).filter((id) => id !== leading),
        );
      }
      hosts.tick(random.integer(1, 40));
      for (const { host } of members.filter((member) => member.host.role === "leader")) {
        const known = leaders.get(host.term) ?? host.id;
        assert.equal(known, host.id, `seed ${seed}: two leaders in term ${host.term}`);
        leaders.set(host.term, host.id);
      }
    }
    assert.ok(leaders.size > 1, `seed ${seed}: leadership moved`);
  }
});

test("S3 mistake: nobody takes over from a dead leader", () => {
  const hosts = new TestHosts(3);
  const first = hosts.elect(1);
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  hosts.tick(60);
  const next = [2, 3].map((id) => hosts.member(id)).find(({ host }) => host.role === "leader");
  assert.ok(next !== undefined, "the election time-outs of the others passed by themselves");
  assert.ok(next.host.term > 1);
  assert.notEqual(first.host.role, "leader", "and the old one has given up");
});
