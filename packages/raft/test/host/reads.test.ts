/** Linearizable reads of a host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "@quorate/raft";
import { read } from "./bench.ts";
import { TestHosts } from "./cluster.ts";

test("§6.4 reads of a turn share one round, on the leader and on followers", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  for (const id of [1, 2]) {
    const { host } = hosts.member(id);
    const rounds = host.status().counters.readRounds;
    const outcomes = Array.from({ length: 20 }, () => read(host));
    hosts.scheduler.runAll();
    assert.ok(
      outcomes.every(([outcome]) => outcome?.kind === "ready"),
      `member ${id}`,
    );
    assert.equal(host.status().counters.readRounds, rounds + 1);
  }
});

test("§6.4 a deposed leader confirms no read; a follower's read goes to the next leader", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  const [one, two, three] = hosts.members.map(({ id }) => id) as [NodeId, NodeId, NodeId];
  hosts.network.partition([one], [two, three]);
  const stale = read(hosts.member(1).host);
  const waits = read(hosts.member(3).host);
  hosts.scheduler.runAll();
  hosts.elect(2);
  hosts.tick(20);
  assert.equal(waits[0]?.kind, "ready");
  hosts.tick(40);
  assert.deepEqual(
    stale.map((outcome) => outcome.kind === "refused" && outcome.reason),
    ["no-leader"],
  );
});
