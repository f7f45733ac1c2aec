/** Lease reads over a real network and a real clock: held by the leader, one at a time, and lost with its quorum. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "@quorate/raft";
import { createTestCluster } from "@quorate/raft-node/testing";

class Counter {
  value = 0;
  apply(command: { add: number }): number {
    this.value += command.add;
    return this.value;
  }
  snapshot(): number {
    return this.value;
  }
  restore(image: number): void {
    this.value = image;
  }
}

test("the leader holds a lease and reads by it; without its quorum it loses it", async () => {
  const cluster = await createTestCluster<{ add: number }, number, Counter>({
    stateMachine: () => new Counter(),
    settings: { readConsistency: "lease" },
  });
  try {
    const { id, machine, node } = await cluster.leader();
    await node.propose({ add: 1 });
    await cluster.waitFor("the lease is held", () => node.status().leaseHeld);
    assert.equal(await node.read(() => machine.value), 1);
    for (const member of cluster.members) {
      assert.equal(member.node.status().leaseHeld, member.id === id);
      assert.equal(await member.node.read(() => member.machine.value), 1);
    }
    for (const other of cluster.members.filter((member) => member.id !== id)) {
      await cluster.kill(other.id);
    }
    await cluster.waitFor("the lease is over", () => !node.status().leaseHeld);
  } finally {
    await cluster.stop();
  }
});

test("lease reads and fast fail-over exclude each other", async () => {
  await assert.rejects(
    createTestCluster<{ add: number }, number, Counter>({
      nodes: 1,
      stateMachine: () => new Counter(),
      settings: { readConsistency: "lease", fastFailover: true },
    }),
    ConfigError,
  );
});
