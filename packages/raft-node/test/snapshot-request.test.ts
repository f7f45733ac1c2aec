/** A state machine that is doubted, restored from the leader over real connections and disks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RaftNodeEvent } from "@quorate/raft-node";
import { createTestCluster } from "@quorate/raft-node/testing";
import { until } from "./tcp/cluster-of-transports.ts";

class Texts {
  texts: string[] = [];
  apply(text: string): number {
    return this.texts.push(text);
  }
  snapshot(): readonly string[] {
    return [...this.texts];
  }
  restore(image: readonly string[]): void {
    this.texts = [...image];
  }
}

test("requestSnapshot(): a follower takes the leader's state in place of its own, while writes go on", async () => {
  const cluster = await createTestCluster<string, number, Texts>({
    stateMachine: () => new Texts(),
    settings: { segmentBytes: 1024 * 1024, limits: { snapshotChunkBytes: 4096 } },
  });
  try {
    const leader = await cluster.leader();
    const text = "x".repeat(500);
    await Promise.all(Array.from({ length: 200 }, (_, at) => leader.node.propose(`${at} ${text}`)));
    const follower = cluster.members.find(({ id }) => id !== leader.id);
    assert.ok(follower !== undefined);
    await until("the follower has all", () => follower.machine.texts.length === 200);
    follower.machine.texts[7] = "not what the log says";
    const events: RaftNodeEvent["type"][] = [];
    follower.node.subscribe(({ type }) => events.push(type));
    const later = Array.from({ length: 50 }, (_, write) => leader.node.propose(`later ${write}`));
    const index = await follower.node.requestSnapshot({ deadlineMs: 20_000 });
    await Promise.all(later);
    assert.ok(index > 200);
    await follower.node.barrier();
    assert.equal(follower.machine.texts.length, 250);
    assert.deepEqual(follower.machine.texts, leader.machine.texts);
    assert.equal(follower.node.status().snapshotRequestIndex, null);
    assert.ok(events.includes("snapshot-requested") && events.includes("snapshot-request-ended"));
    await assert.rejects(leader.node.requestSnapshot(), /RAFT_SNAPSHOT_REFUSED.*is-leader/);
  } finally {
    await cluster.stop();
  }
});
