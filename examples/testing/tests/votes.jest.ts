/** With Jest. `npm run test:jest` */
import { expect, test } from "@jest/globals";
import { createTestCluster } from "@quorate/raft-node/testing";
import { type Command, Votes } from "../votes.ts";

test("the death of all members loses no vote", async () => {
  const cluster = await createTestCluster<Command, boolean, Votes>({
    storage: "memory",
    stateMachine: () => new Votes(),
  });
  try {
    const leader = await cluster.leader();
    await leader.node.propose({ voter: "ann", choice: "yes" });
    for (const { id } of cluster.members) {
      await cluster.kill(id);
    }
    for (const id of [1, 2, 3]) {
      await cluster.restart(id);
    }
    const { machine, node } = await cluster.leader();
    expect(await node.read(() => machine.count("yes"))).toBe(1);
  } finally {
    await cluster.stop();
  }
});
