/** With node:test. `node --test tests/votes.node.ts` */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestCluster, jsonMachineSuite } from "@quorate/raft-node/testing";
import { type Command, Votes } from "../votes.ts";

// What every state machine promises.
jsonMachineSuite<Command, boolean>(test, {
  create: () => new Votes(),
  commands: ["ann", "bob", "cy", "dee"].map((voter) => ({ voter, choice: "yes" })),
});

test("a vote counts once, whoever leads", async () => {
  await using cluster = await createTestCluster<Command, boolean, Votes>({
    storage: "memory",
    stateMachine: () => new Votes(),
  });
  const first = await cluster.leader();
  assert.equal(await first.node.propose({ voter: "ann", choice: "yes" }), true);

  await cluster.kill(first.id);
  const second = await cluster.leader();
  assert.equal(await second.node.propose({ voter: "ann", choice: "no" }), false);

  const back = await cluster.restart(first.id);
  assert.equal(await back.node.read(() => back.machine.count("yes")), 1);
});
