/** A leader that lives, behind links that are reset again and again, keeps its place; one whose node stops is succeeded at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { RaftNodeEvent } from "@quorate/raft-node";
import { createTestCluster } from "@quorate/raft-node/testing";

class Counter {
  value = 0;

  apply({ add }: { readonly add: number }): number {
    this.value += add;
    return this.value;
  }

  snapshot(): number {
    return this.value;
  }

  restore(image: number): void {
    this.value = image;
  }
}

test("a live leader with flapping links is not deposed", async () => {
  const events: RaftNodeEvent[] = [];
  const cluster = await createTestCluster<{ add: number }, number, Counter>({
    stateMachine: () => new Counter(),
    settings: {
      // An election time-out of two seconds: only evidence could unseat the leader in the gaps below.
      tickMs: 50,
      core: { electionTimeoutTicks: 40 },
      transport: { reconnectMsMin: 5, reconnectMsMax: 20 },
      onEvent: (event) => events.push(event),
    },
  });
  try {
    const leader = await cluster.leader();
    await leader.node.propose({ add: 1 });
    const { term } = leader.node.status().hardState;
    const resets = (): number => events.filter(({ type }) => type === "disconnected").length;
    const before = resets();
    for (let round = 0; round < 25; round++) {
      cluster.isolate(leader.id);
      await delay(10);
      cluster.heal();
      await delay(40);
    }
    assert.ok(resets() >= before + 50, `the links were reset: ${resets() - before} ends of connections`);
    await leader.node.propose({ add: 1 }, { deadlineMs: 5000 });
    assert.equal(leader.node.status().hardState.term, term, "nobody campaigned");
    assert.ok(leader.node.isLeader);
    assert.ok(!events.some(({ type }) => type === "peer-gone" || type === "fail-over-started"));
  } finally {
    await cluster.stop();
  }
});
