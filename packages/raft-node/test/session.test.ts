/** Sessions on real nodes: connections are cut, leaders die, answers are lost, and each command is applied once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { RaftError } from "@quorate/raft";
import type { RaftNodeSettings, RaftSession } from "@quorate/raft-node";
import { createTestCluster, type TestCluster } from "@quorate/raft-node/testing";

interface Note {
  readonly name: string;
}

class Notes {
  names: string[] = [];
  apply({ name }: Note): string {
    this.names.push(name);
    return `${name}@${this.names.length}`;
  }
  snapshot(): string[] {
    return this.names;
  }
  restore(image: string[]): void {
    this.names = image;
  }
}

type Cluster = TestCluster<Note, string, Notes>;

async function withCluster(
  run: (cluster: Cluster) => Promise<void>,
  settings: RaftNodeSettings = {},
  nodes = 3,
): Promise<void> {
  const cluster = await createTestCluster<Note, string, Notes>({
    nodes,
    stateMachine: () => new Notes(),
    settings: { segmentBytes: 1024 * 1024, ...settings },
  });
  try {
    await run(cluster);
  } finally {
    await cluster.stop();
  }
}

function codeOf(error: unknown): string {
  assert.ok(error instanceof RaftError, String(error));
  return error.code;
}

test("a session's command is applied once, and told with its result", () =>
  withCluster(async (cluster) => {
    const { node } = await cluster.leader();
    const session = await node.openSession();
    assert.equal(await session.propose({ name: "a" }), "a@1");
    assert.equal(await node.propose({ name: "plain" }), "plain@2");
    assert.equal(await session.propose({ name: "b" }), "b@3");
    await session.close();
    await session.close();
    assert.equal(session.ended, "closed");
    await assert.rejects(session.propose({ name: "c" }), (error) => codeOf(error) === "RAFT_SESSION_CLOSED");
    await cluster.waitForAll();
    for (const { machine } of cluster.members) {
      assert.deepEqual(machine.names, ["a", "plain", "b"]);
    }
  }));

test("§6.3 while links are cut and leaders die every command ends applied, once, in the order of the calls", async () => {
  const seed = 20;
  const random = new Prng(seed);
  const settings = { snapshots: { entryCountMax: 20, trailingEntryCount: 5 } };
  await withCluster(async (cluster) => {
    const leader = await cluster.leader();
    const sessions: RaftSession<Note, string>[] = [];
    for (const { node } of cluster.members) {
      sessions.push(await node.openSession());
    }
    const results: Promise<string>[] = [];
    const called: string[][] = sessions.map(() => []);
    const names: string[] = [];
    const propose = (count: number): void => {
      for (const [i, session] of sessions.entries()) {
        for (let each = 0; each < count; each++) {
          const name = `s${i}.${called[i]?.length}`;
          called[i]?.push(name);
          names.push(name);
          results.push(session.propose({ name }));
        }
      }
    };
    for (let round = 0; round < 8; round++) {
      propose(4);
      const victim = random.integer(1, 4);
      cluster.isolate(victim);
      propose(2);
      await cluster.waitFor("the others go on", () =>
        cluster.members.some(({ id, node }) => id !== victim && node.isLeader),
      );
      cluster.heal();
    }
    const told = await Promise.all(results);
    await cluster.waitForAll();
    const { machine } = cluster.member(leader.id);
    assert.equal(machine.names.length, names.length, `seed ${seed}: applied twice or never`);
    for (const [at, name] of names.entries()) {
      assert.equal(told[at], `${name}@${machine.names.indexOf(name) + 1}`, `seed ${seed}`);
    }
    for (const [i, order] of called.entries()) {
      assert.deepEqual(
        machine.names.filter((name) => name.startsWith(`s${i}.`)),
        order,
      );
    }
    for (const member of cluster.members) {
      assert.deepEqual(member.machine.names, machine.names);
    }
  }, settings);
});

test("a session outlives its leader's process, by snapshot and log", async () => {
  await withCluster(
    async (cluster) => {
      const first = await cluster.leader();
      const follower = cluster.members.find(({ id }) => id !== first.id);
      assert.ok(follower !== undefined);
      const session = await follower.node.openSession();
      for (let i = 0; i < 30; i++) {
        await session.propose({ name: `n${i}` });
      }
      await cluster.waitFor("a compaction", () => first.node.logRange.firstIndex > 1);
      await cluster.kill(first.id);
      assert.equal(await session.propose({ name: "after" }), "after@31");
      const back = await cluster.restart(first.id);
      await cluster.waitForAll();
      assert.equal(back.machine.names.length, 31);
      assert.equal(await session.propose({ name: "last" }), "last@32");
    },
    { snapshots: { entryCountMax: 10, trailingEntryCount: 2 } },
  );
});

test("an expired session is refused by its code, and nothing is applied", () =>
  withCluster(
    async (cluster) => {
      const { machine, node } = await cluster.leader();
      const first = await node.openSession();
      await node.openSession();
      await node.openSession();
      await assert.rejects(first.propose({ name: "late" }), (error) => {
        assert.ok(error instanceof RaftError);
        assert.deepEqual(error.info, {
          code: "RAFT_SESSION_EXPIRED",
          session: first.id,
          maybeCommitted: false,
        });
        return true;
      });
      assert.equal(first.ended, "expired");
      await assert.rejects(
        first.propose({ name: "again" }),
        (error) => codeOf(error) === "RAFT_SESSION_EXPIRED",
      );
      assert.deepEqual(machine.names, []);
      await first.close();
    },
    { sessions: { sessionCountMax: 2 } },
    1,
  ));

// [session-keep-alive]
test("an idle session stays alive", () =>
  withCluster(
    async (cluster) => {
      const { node } = await cluster.leader();
      const kept = await node.openSession({ keepAliveMs: 5 });
      const idle = await node.openSession({ keepAliveMs: 0 });
      const before = node.applied;
      await cluster.waitFor("a keep-alive", () => node.applied > before);
      await node.openSession();
      assert.equal(await kept.propose({ name: "kept" }), "kept@1");
      await assert.rejects(
        idle.propose({ name: "idle" }),
        (error) => codeOf(error) === "RAFT_SESSION_EXPIRED",
      );
      await kept.close();
    },
    { sessions: { sessionCountMax: 2 } },
    1,
  ));

test("who gives up learns whether the command can have been applied; the session goes on", () =>
  withCluster(async (cluster) => {
    const leader = await cluster.leader();
    const session = await leader.node.openSession();
    cluster.isolate(leader.id);
    const under = session.propose({ name: "under way" }, { deadlineMs: 50 });
    const queued = session.propose({ name: "queued" }, { deadlineMs: 5 });
    const ends = await Promise.allSettled([under, queued]);
    assert.deepEqual(
      ends.map((end) => end.status === "rejected" && end.reason instanceof RaftError && end.reason.info),
      [
        { code: "RAFT_DEADLINE", maybeCommitted: true },
        { code: "RAFT_DEADLINE", maybeCommitted: false },
      ],
    );
    cluster.heal();
    const told = await session.propose({ name: "next" });
    await cluster.waitForAll();
    const { names } = leader.machine;
    assert.equal(told, `next@${names.length}`);
    assert.ok(!names.includes("queued"));
    assert.ok(names.filter((name) => name === "under way").length <= 1);
  }));

test("a node that stops ends its sessions' commands", () =>
  withCluster(
    async (cluster) => {
      const { node } = await cluster.leader();
      const session = await node.openSession();
      await node.stop();
      await assert.rejects(session.propose({ name: "x" }), (error) => codeOf(error) === "RAFT_STOPPED");
      await session.close();
      await assert.rejects(node.openSession(), (error) => codeOf(error) === "RAFT_STOPPED");
    },
    {},
    1,
  ));
