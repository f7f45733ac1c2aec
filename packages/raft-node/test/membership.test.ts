/** Members that come, go and are replaced, with real disks and connections. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, RaftError, toNodeId } from "@quorate/raft";
import type { RaftNodeEvent, RaftNodeSettings } from "@quorate/raft-node";
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

async function withCluster(
  run: (cluster: Counters) => Promise<void>,
  settings: RaftNodeSettings = {},
): Promise<void> {
  const cluster = await createTestCluster<{ add: number }, number, Counter>({
    stateMachine: () => new Counter(),
    settings: { segmentBytes: 1024 * 1024, ...settings },
  });
  try {
    await run(cluster);
  } finally {
    await cluster.stop();
  }
}

const codeOf = (error: unknown): string => (error instanceof RaftError ? error.code : String(error));

/** The leader, once it has heard all others. */
async function settledLeader(cluster: Counters): Promise<ReturnType<Counters["member"]>> {
  const leader = await cluster.leader();
  await leader.node.propose({ add: 1 });
  await cluster.waitForAll();
  return leader;
}

const retired = (events: readonly RaftNodeEvent[]): boolean => events.some(({ type }) => type === "retired");

test("a learner is added, promoted by itself, takes writes, and is removed and stops", () =>
  withCluster(async (cluster) => {
    const leader = await settledLeader(cluster);
    const joiner = await cluster.join(4);
    const events: RaftNodeEvent[] = [];
    joiner.node.subscribe((event) => events.push(event));
    const added = await leader.node.changeMembers([
      { op: "add-learner", id: 4, address: "four.test:7000", label: "four", promote: true },
    ]);
    assert.deepEqual(added.confState.learners, [4]);
    const view = await joiner.node.waitForMembers(({ confState }) => confState.voters.includes(toNodeId(4)));
    assert.deepEqual(view.members.at(-1), {
      id: 4,
      address: "four.test:7000",
      label: "four",
      promote: false,
    });
    assert.equal(await joiner.node.propose({ add: 2 }), 3);
    assert.equal(await joiner.node.read(() => joiner.machine.value), 3);
    const removed = await leader.node.changeMembers([{ op: "remove", id: 4 }]);
    assert.deepEqual(removed.confState.voters, [1, 2, 3]);
    await cluster.waitFor("the removed member stops", () => joiner.node.status().state === "stopped");
    assert.ok(retired(events));
    await assert.rejects(joiner.node.propose({ add: 1 }), (error) => codeOf(error) === "RAFT_STOPPED");
    assert.equal(await leader.node.propose({ add: 1 }), 4);
  }));

test("a leader that removes itself hands over and stops", () =>
  withCluster(async (cluster) => {
    const leader = await settledLeader(cluster);
    const others = cluster.members.filter(({ id }) => id !== leader.id);
    const leaderId = leader.node.id;
    await leader.node.changeMembers([{ op: "remove", id: leaderId }]);
    await cluster.waitFor("a new leader", () => others.some(({ node }) => node.isLeader));
    await cluster.waitFor("the old one stops", () => leader.node.status().state === "stopped");
    const next = others.find(({ node }) => node.isLeader);
    assert.ok(next !== undefined);
    await next.node.waitForMembers(({ confState }) => !confState.voters.includes(leaderId));
    assert.equal(await next.node.propose({ add: 1 }), 2);
  }));

test("a dead member is replaced in one change, and learns that it was when it comes back", () =>
  withCluster(async (cluster) => {
    const leader = await settledLeader(cluster);
    const dead = cluster.members.find(({ id }) => id !== leader.id);
    assert.ok(dead !== undefined);
    await cluster.kill(dead.id);
    await cluster.join(4);
    const view = await leader.node.changeMembers([
      { op: "remove", id: dead.id },
      { op: "add-voter", id: 4, address: "four.test:7000" },
    ]);
    assert.deepEqual(view.confState.votersOutgoing, []);
    assert.ok(view.confState.voters.includes(leader.node.id) && view.confState.voters.length === 3);
    const back = await cluster.restart(dead.id);
    const events: RaftNodeEvent[] = [];
    back.node.subscribe((event) => events.push(event));
    await cluster.waitFor("it stops", () => back.node.status().state === "stopped");
    assert.ok(retired(events));
    assert.equal(await leader.node.propose({ add: 1 }), 2);
  }));

test("of two changes at once one is refused by name, and one made for another configuration too", () =>
  withCluster(async (cluster) => {
    const { node } = await settledLeader(cluster);
    const others = [1, 2, 3].filter((id) => id !== node.id);
    const expectedConfIndex = node.members.confIndex;
    const [first, second] = await Promise.allSettled(
      others.map((id) => node.changeMembers([{ op: "add-learner", id }], { expectedConfIndex })),
    );
    assert.equal(first?.status, "fulfilled");
    assert.ok(second?.status === "rejected");
    assert.equal(codeOf(second.reason), "RAFT_CONF_CHANGE_PENDING");
    await assert.rejects(
      node.changeMembers([{ op: "add-learner", id: others[1] ?? 0 }], { expectedConfIndex }),
      (error) => {
        assert.ok(
          error instanceof RaftError && error.info.code === "RAFT_CONF_CHANGE_INVALID",
          String(error),
        );
        assert.equal(error.info.refusal, "conf-index");
        assert.equal(error.info.confIndex, node.members.confIndex);
        return true;
      },
    );
  }));

test("a change is refused where it would lose the quorum, where nobody leads, and where the address is none", () =>
  withCluster(async (cluster) => {
    const { id: leader, node } = await settledLeader(cluster);
    const [dead, other] = cluster.members.filter(({ id }) => id !== leader);
    assert.ok(dead !== undefined && other !== undefined);
    // The refusal of the leader, asked through a follower.
    await assert.rejects(other.node.changeMembers([{ op: "remove", id: 9 }]), (error) => {
      assert.ok(error instanceof RaftError && error.info.code === "RAFT_CONF_CHANGE_INVALID", String(error));
      assert.equal(error.info.problem, "there is no member 9");
      return true;
    });
    await assert.rejects(node.changeMembers([{ op: "add-learner", id: 4, address: "nowhere" }]), ConfigError);
    await cluster.kill(dead.id);
    await cluster.waitFor("the leader misses it", () => node.status().activePeers.length === 1);
    await assert.rejects(node.changeMembers([{ op: "remove", id: other.id }]), (error) => {
      assert.ok(error instanceof RaftError && error.info.code === "RAFT_CONF_CHANGE_INVALID", String(error));
      assert.equal(error.info.refusal, "quorum");
      return true;
    });
  }));

test("a restarted cluster has its members, their addresses, and refuses the ids of former ones", () =>
  withCluster(
    async (cluster) => {
      const leader = await settledLeader(cluster);
      await cluster.join(4);
      await leader.node.changeMembers([{ op: "add-learner", id: 4, address: "four.test:7000" }]);
      await leader.node.changeMembers([{ op: "update", id: 4, address: "four.test:7001", label: "four" }]);
      for (let i = 0; i < 30; i++) {
        await leader.node.propose({ add: 1 });
      }
      await cluster.waitForAll();
      const view = leader.node.members;
      for (const { id } of cluster.members) {
        await cluster.kill(id);
      }
      await Promise.all([1, 2, 3, 4].map((id) => cluster.restart(id)));
      const next = await settledLeader(cluster);
      for (const { node } of cluster.members) {
        assert.deepEqual(node.members, view);
      }
      await cluster.waitFor(
        "the learner is back",
        () => cluster.member(4).machine.value === next.machine.value,
      );
      await next.node.changeMembers([{ op: "remove", id: 4 }]);
      await assert.rejects(
        next.node.changeMembers([{ op: "add-learner", id: 4, address: "four.test:7000" }]),
        /member 4 was removed; a new member needs a new id/,
      );
    },
    { snapshots: { entryCountMax: 10, trailingEntryCount: 2 } },
  ));

test("leadership is handed over on request; a target that cannot take it is refused", () =>
  withCluster(async (cluster) => {
    const { id, node } = await settledLeader(cluster);
    const target = cluster.members.find((member) => member.id !== id);
    assert.ok(target !== undefined);
    await assert.rejects(node.transferLeadership(9), (error) => {
      assert.ok(error instanceof RaftError);
      assert.deepEqual(error.info, {
        code: "RAFT_TRANSFER_REFUSED",
        transferee: 9,
        reason: "not-a-member",
      });
      return true;
    });
    assert.equal(await node.transferLeadership(target.id), target.id);
    await cluster.waitFor("it leads", () => target.node.isLeader);
    await target.node.verifyLeader();
    await assert.rejects(node.verifyLeader(), (error) => codeOf(error) === "RAFT_NOT_LEADER");
    await cluster.waitFor("the old one knows", () => node.leader === target.id);
    assert.equal(await node.transferLeadership(id), id, "asked of a follower, for itself");
  }));

test("barrier() resolves with what is applied; at a learner too", () =>
  withCluster(async (cluster) => {
    const { node } = await settledLeader(cluster);
    const learner = await cluster.join(4);
    await node.changeMembers([{ op: "add-learner", id: 4, address: "four.test:7000" }]);
    await cluster.waitFor("it hears the leader", () => learner.node.leader !== 0);
    await node.propose({ add: 5 });
    const index = await learner.node.barrier();
    assert.ok(learner.node.applied >= index);
    assert.equal(learner.machine.value, 6);
  }));

test("waitForApplied() resolves when the index is applied here, and ends with the deadline or the node", () =>
  withCluster(async (cluster) => {
    const { id, node } = await settledLeader(cluster);
    const other = cluster.members.find((member) => member.id !== id);
    assert.ok(other !== undefined);
    const target = node.applied + 3;
    const reached = other.node.waitForApplied(target);
    for (let i = 0; i < 3; i++) {
      await node.propose({ add: 1 });
    }
    await reached;
    assert.ok(other.node.applied >= target);
    await other.node.waitForApplied(1);
    const late = other.node.waitForApplied(target + 1_000, { deadlineMs: 5 });
    await assert.rejects(late, (error) => codeOf(error) === "RAFT_READ_DEADLINE");
    const stopped = other.node.waitForApplied(target + 1_000);
    await Promise.all([
      assert.rejects(stopped, (error) => codeOf(error) === "RAFT_STOPPED"),
      other.node.stop(),
    ]);
  }));
