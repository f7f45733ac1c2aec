/** With Vitest. `npx vitest run` */
import { createTestCluster, type TestCluster } from "@quorate/raft-node/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Command, Votes } from "../votes.ts";

let cluster: TestCluster<Command, boolean, Votes>;

beforeEach(async () => {
  cluster = await createTestCluster({ storage: "memory", stateMachine: () => new Votes() });
});

afterEach(() => cluster.stop());

test("a leader that is cut off acknowledges nothing", async () => {
  const old = await cluster.leader();
  cluster.isolate(old.id);
  await expect(old.node.propose({ voter: "ann", choice: "no" }, { deadlineMs: 200 })).rejects.toThrow(
    "RAFT_",
  );
  await cluster.waitFor("another leader", () =>
    cluster.members.some(({ id, node }) => id !== old.id && node.isLeader),
  );
  cluster.heal();
  await cluster.waitForAll();
  const counts = cluster.members.map(({ machine }) => machine.count("no"));
  expect(new Set(counts).size).toBe(1);
});
