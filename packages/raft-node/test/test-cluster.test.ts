/** The cluster for tests, in memory and on disk: what users of it rely on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestCluster, type TestCluster } from "@quorate/raft-node/testing";

class Counter {
  value = 0;
  apply({ add }: { add: number }): number {
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

type Counters = TestCluster<{ add: number }, number, Counter>;

function cluster(storage: "memory" | "disk", nodes = 3): Promise<Counters> {
  return createTestCluster<{ add: number }, number, Counter>({
    nodes,
    storage,
    stateMachine: () => new Counter(),
    settings: { segmentBytes: 1024 * 1024, snapshots: { entryCountMax: 20, trailingEntryCount: 4 } },
  });
}

for (const storage of ["memory", "disk"] as const) {
  test(`${storage}: what was acknowledged outlives the death of any member and of all`, async () => {
    await using members = await cluster(storage);
    let total = 0;
    for (let round = 1; round <= 3; round++) {
      const leader = await members.leader();
      // In flight when it dies: may be applied or not, and nobody was told that it was.
      const acknowledged = await leader.node.propose({ add: 1 });
      total = acknowledged;
      const lost = leader.node.propose({ add: 100 }).then(
        (value) => value,
        () => null,
      );
      await members.kill(leader.id);
      const answer = await lost;
      total = answer ?? total;
      await members.restart(leader.id);
      await members.waitForAll();
      const [value = 0] = new Set(members.members.map(({ machine }) => machine.value));
      assert.ok(value === total || (answer === null && value === total + 100), `${value} after ${total}`);
      total = value;
    }
    for (const { id } of members.members) {
      await members.kill(id);
    }
    for (const id of [1, 2, 3]) {
      await members.restart(id);
    }
    const leader = await members.leader();
    assert.equal(await leader.node.read(() => leader.machine.value), total);
  });

  test(`${storage}: a killed member says nothing more, and its store keeps only what it had`, async () => {
    await using members = await cluster(storage, 1);
    const { node } = await members.leader();
    assert.equal(await node.propose({ add: 1 }), 1);
    const late = node.propose({ add: 10 }).then(
      () => "acknowledged",
      () => "not acknowledged",
    );
    await members.kill(1);
    assert.equal(await late, "not acknowledged");
    const again = await members.restart(1);
    await again.node.waitForLeader();
    const value = await again.node.read(() => again.machine.value);
    assert.ok(value === 1 || value === 11, String(value));
  });

  test(`${storage}: a partition leaves one side without a leader, and heals`, async () => {
    await using members = await cluster(storage, 5);
    const old = await members.leader();
    await old.node.propose({ add: 1 });
    const rest = [1, 2, 3, 4, 5].filter((id) => id !== old.id);
    const minority = [old.id, rest[0] ?? 0];
    members.partition(minority, rest.slice(1));
    await assert.rejects(old.node.propose({ add: 1 }, { deadlineMs: 300 }), /RAFT_/);
    await members.waitFor("a leader on the other side", () =>
      rest.slice(1).some((id) => members.member(id).node.isLeader),
    );
    members.heal();
    await members.waitForAll();
    assert.equal(new Set(members.members.map(({ machine }) => machine.value)).size, 1);
  });
}

test("memory: snapshots, a member that joins, and one that was away", async () => {
  await using members = await cluster("memory");
  const leader = await members.leader();
  const away = members.members.find(({ id }) => id !== leader.id)?.id ?? 0;
  await members.kill(away);
  for (let i = 0; i < 60; i++) {
    await leader.node.propose({ add: 1 });
  }
  assert.ok(leader.node.logRange.firstIndex > 1, "the log is compacted");
  await members.restart(away);
  await members.waitForAll();
  await members.join(4);
  await leader.node.changeMembers([{ op: "add-voter", id: 4, address: "127.0.0.1:4" }]);
  await members.waitForAll();
  assert.deepEqual(
    members.members.map(({ machine }) => machine.value),
    [60, 60, 60, 60],
  );
});
