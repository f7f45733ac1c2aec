/** S1.9: the config builder, and what each of its fields changes in a running member; S1.10: the channel to the server is typed. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { ConfigError, type PeerFrame, RaftError, type Transport } from "@quorate/raft";
import { MemoryNetwork, MemoryStorage } from "@quorate/raft/testing";
import { RaftNode, type RaftNodeSettings } from "@quorate/raft-node";
import { eventually } from "../../support/processes.ts";
import { recordRun } from "../../support/record.ts";
import { ConfigBuilder, configDefaults, idOf, nameOf } from "../config.ts";
import { type Command, KeyValueMachine } from "../machine.ts";

function builder(): ConfigBuilder {
  return new ConfigBuilder().set("serverId", "node-aws-0");
}

interface Trio {
  readonly network: MemoryNetwork;
  readonly nodes: readonly RaftNode<Command, boolean>[];
  readonly frames: { readonly to: number; readonly frame: PeerFrame }[];
}

/** Three members without disks and sockets; what they send is kept. */
async function trio(t: TestContext, settings: RaftNodeSettings): Promise<Trio> {
  const network = new MemoryNetwork({ defer: (work) => void setImmediate(work) });
  const frames: { to: number; frame: PeerFrame }[] = [];
  const watched = (transport: Transport): Transport => ({
    start: (receiver) => transport.start(receiver),
    send: (group, to, frame) => {
      frames.push({ to, frame });
      transport.send(group, to, frame);
    },
    close: (completed) => transport.close(completed),
  });
  const start = (id: number): Promise<RaftNode<Command, boolean>> =>
    RaftNode.start<Command, boolean>({
      ...settings,
      id,
      listen: "127.0.0.1:0",
      peers: { 1: "127.0.0.1:1", 2: "127.0.0.1:2", 3: "127.0.0.1:3" },
      stateMachine: new KeyValueMachine(),
      openStorage: ({ voters }) => new MemoryStorage({ voters }),
      openTransport: ({ identity }) => watched(network.connect(identity.id)),
    });
  const nodes = await Promise.all([1, 2, 3].map(start));
  t.after(() => Promise.all(nodes.map((node) => node.stop({ transfer: false }))));
  await eventually("a leader", () => nodes.some(({ isLeader }) => isLeader));
  return { network, nodes, frames };
}

function leaderOf({ nodes }: Trio): RaftNode<Command, boolean> {
  const leader = nodes.find(({ isLeader }) => isLeader);
  assert.ok(leader !== undefined);
  return leader;
}

/** Ticks of the next leader's clock since the loss of the one before: a busy machine delays them, and changes them little. */
async function failOverTicks(t: TestContext, settings: RaftNodeSettings): Promise<number> {
  const cluster = await trio(t, settings);
  const old = leaderOf(cluster);
  const others = cluster.nodes.filter((node) => node !== old);
  // Who has not heard of a leader since its start waits less for one.
  await eventually("both follow", () => others.every(({ leader }) => leader === old.id));
  for (const { id } of others) {
    cluster.network.cut(old.id, id);
    cluster.network.cut(id, old.id);
  }
  const before = new Map(others.map((node) => [node, node.status().counters.ticks]));
  const next = (): RaftNode<Command, boolean> | undefined => others.find(({ isLeader }) => isLeader);
  await eventually("another leader", () => next() !== undefined);
  const leader = next();
  assert.ok(leader !== undefined);
  return leader.status().counters.ticks - (before.get(leader) ?? 0);
}

/** Settings that a busy machine does not upset. */
function calm(): ConfigBuilder {
  return builder().set("electionTimeoutMax", 5000).set("electionTimeout", 400).set("heartbeatInterval", 20);
}

test("S1.9 the defaults are the seed's, in milliseconds", (t) => {
  assert.deepEqual(configDefaults, {
    electionTimeout: 50,
    electionTimeoutMin: 50,
    electionTimeoutMax: 150,
    heartbeatInterval: 10,
    maxLogEntries: 100,
    maxAppendEntries: 100,
    maxPayloadSize: 30,
  });
  const settings = builder().build();
  assert.equal(settings.tickMs, 10);
  assert.equal(settings.core?.electionTimeoutTicks, 5);
  const command = 'new ConfigBuilder().set("serverId", "node-aws-0").build()';
  recordRun({ item: "S1.9", command, output: JSON.stringify(settings, null, 2), test: t });
});

test("S1.9 validate() names every wrong field", (t) => {
  const wrong = new ConfigBuilder()
    .set("electionTimeout", 10)
    .set("heartbeatInterval", 0)
    .set("maxLogEntries", -1)
    .set("maxAppendEntries", 1.5)
    .set("maxPayloadSize", Number.NaN);
  const problems = wrong.validate();
  for (const field of [
    "serverId",
    "electionTimeout",
    "heartbeatInterval",
    "maxLogEntries",
    "maxAppendEntries",
    "maxPayloadSize",
  ]) {
    assert.equal(
      problems.filter((problem) => problem.startsWith(field)).length,
      1,
      `${field}: ${problems.join()}`,
    );
  }
  assert.throws(() => wrong.build(), ConfigError);
  const range = builder().set("electionTimeoutMin", 200).validate();
  assert.deepEqual(range, ["electionTimeoutMin 200 exceeds electionTimeoutMax 150"]);
  assert.deepEqual(builder().set("maxPayloadSize", 20_000).validate(), [
    "maxPayloadSize 20000 exceeds 16384 KiB",
  ]);
  assert.match(
    builder().set("heartbeatInterval", 30).validate().join(),
    /heartbeatInterval 30 is not below half/,
  );
  assert.deepEqual(builder().validate(), []);
  recordRun({ item: "S1.9", command: "validate()", output: problems.join("\n"), test: t });
});

test("S1.9 serverId says who the member is", () => {
  assert.match(new ConfigBuilder().validate().join(), /serverId is required/);
  assert.match(builder().set("serverId", "aws-0").validate().join(), /serverId aws-0 is not of the form/);
  assert.equal(idOf("node-aws-0"), 1);
  assert.equal(nameOf(1), "node-aws-0");
  assert.equal(idOf("node-aws-00"), null);
});

test("S1.9 electionTimeoutMin and electionTimeoutMax say which electionTimeout is taken", () => {
  assert.match(builder().set("electionTimeout", 40).validate().join(), /40 lies outside 50 to 150/);
  assert.deepEqual(builder().set("electionTimeout", 40).set("electionTimeoutMin", 30).validate(), []);
  assert.match(builder().set("electionTimeout", 200).validate().join(), /200 lies outside 50 to 150/);
  assert.deepEqual(builder().set("electionTimeout", 200).set("electionTimeoutMax", 300).validate(), []);
});

test("S1.9 electionTimeout: a lost leader is replaced after it, not before", async (t) => {
  const short = await failOverTicks(t, calm().set("electionTimeout", 200).build());
  const long = await failOverTicks(t, calm().set("electionTimeout", 2000).build());
  // Members last heard of the leader at most one heartbeat of 20 ms before.
  assert.ok(short >= 9 && short < 99, `200 ms: ${short} ticks of 20 ms`);
  assert.ok(long >= 99, `2000 ms: ${long} ticks of 20 ms`);
});

test("S1.9 heartbeatInterval: so often the leader says that it lives", async (t) => {
  const beats = async (interval: number): Promise<number> => {
    const cluster = await trio(
      t,
      calm().set("electionTimeout", 2000).set("heartbeatInterval", interval).build(),
    );
    const { id } = leaderOf(cluster);
    await eventually("the first heartbeats", () => count() > 0);
    cluster.frames.length = 0;
    const startedMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 600));
    return (count() * 1000) / (performance.now() - startedMs);
    function count(): number {
      return cluster.frames.filter(
        ({ frame }) =>
          frame.kind === "message" && frame.message.type === "heartbeat" && frame.message.from === id,
      ).length;
    }
  };
  const [often, rarely] = [await beats(20), await beats(300)];
  // A second, to two members.
  assert.ok(rarely <= 14, `every 300 ms: ${rarely}`);
  assert.ok(often > 2 * rarely, `every 20 ms: ${often}, every 300 ms: ${rarely}`);
});

test("S1.9 maxLogEntries: after so many the log is compacted", async (t) => {
  const filled = async (entries: number): Promise<RaftNode<Command, boolean>> => {
    const leader = leaderOf(await trio(t, calm().set("maxLogEntries", entries).build()));
    for (let i = 0; i < 60; i++) {
      await leader.propose({ op: "set", key: `${i}`, value: "1" });
    }
    return leader;
  };
  const short = await filled(10);
  await eventually("the log is compacted", () => short.logRange.firstIndex > 10);
  assert.equal((await filled(100)).logRange.firstIndex, 1);
});

test("S1.9 maxAppendEntries: one append carries at most so many of the largest entries", async (t) => {
  const largest = async (entries: number): Promise<number> => {
    const settings = calm().set("maxPayloadSize", 1).set("maxAppendEntries", entries).build();
    const { frames, nodes } = await trio(t, settings);
    const leader = nodes.find(({ isLeader }) => isLeader);
    const value = "v".repeat(900);
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => leader?.propose({ op: "set", key: `${i}`, value })),
    );
    return Math.max(
      ...frames.map(({ frame }) =>
        frame.kind === "message" && frame.message.type === "append-entries"
          ? frame.message.entries.length
          : 0,
      ),
    );
  };
  assert.ok((await largest(4)) <= 4);
  assert.ok((await largest(100)) > 4);
});

test("S1.9 maxPayloadSize: a larger command is refused, certainly not stored", async (t) => {
  const leader = leaderOf(await trio(t, calm().set("maxPayloadSize", 1).build()));
  const large = { op: "set", key: "k", value: "v".repeat(2000) } as const;
  await assert.rejects(
    leader.propose(large),
    (error) => error instanceof RaftError && error.code === "RAFT_PROPOSAL_DROPPED" && !error.maybeCommitted,
  );
  const roomy = leaderOf(await trio(t, calm().set("maxPayloadSize", 4).build()));
  assert.equal(await roomy.propose(large), false, "there was no such key before");
});

test("S1.9 a learner receives the log and does not vote; S1.10 the channel to the server is typed", async (t) => {
  const cluster = await trio(t, calm().build());
  const leader = leaderOf(cluster);
  const applied: boolean = await leader.propose({ op: "set", key: "k", value: "v" });
  assert.equal(applied, false);
  const other = cluster.nodes.find((node) => node !== leader);
  assert.ok(other !== undefined);
  const { confState } = await leader.changeMembers([{ op: "add-learner", id: other.id }]);
  assert.deepEqual(confState.learners, [other.id], "a voter became a learner");
  await leader.propose({ op: "set", key: "k2", value: "v" });
  await eventually("the learner has it", () => other.applied >= leader.committed);
  await assert.rejects(leader.transferLeadership(other.id), /RAFT_TRANSFER_REFUSED.*learner/);
  const third = cluster.nodes.find((node) => node !== leader && node !== other);
  const next: number = await leader.transferLeadership(third?.id);
  assert.equal(next, third?.id);
  const command = "await node.propose(…); await node.changeMembers(…); await node.transferLeadership(…)";
  const output = `applied: ${applied}\nlearners: ${confState.learners.map(nameOf).join()}\nleader: ${nameOf(next)}`;
  recordRun({ item: "S1.10", command, output, test: t });
});

test("S1.8 one cluster, three stores: memory, LMDB and the own log", async (t) => {
  const { lmdbStorage } = await import("@quorate/storage-lmdb");
  const folder = await mkdtemp(join(tmpdir(), "kv-http-"));
  const network = new MemoryNetwork({ defer: (work) => void setImmediate(work) });
  const machines = [1, 2, 3].map(() => new KeyValueMachine());
  const stores: Partial<RaftNodeSettings>[] = [
    { openStorage: ({ voters }) => new MemoryStorage({ voters }) },
    { openStorage: lmdbStorage() },
    {},
  ];
  const nodes = await Promise.all(
    machines.map((stateMachine, i) =>
      RaftNode.start<Command, boolean>({
        ...calm().build(),
        ...stores[i],
        id: i + 1,
        dataDir: join(folder, String(i)),
        listen: "127.0.0.1:0",
        peers: { 1: "127.0.0.1:1", 2: "127.0.0.1:2", 3: "127.0.0.1:3" },
        stateMachine,
        openTransport: network.transport(),
      }),
    ),
  );
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.stop({ transfer: false })));
    await rm(folder, { recursive: true, force: true });
  });
  await Promise.all(nodes.map((node) => node.waitForLeader()));
  for (const [i, node] of nodes.entries()) {
    await node.propose({ op: "set", key: `from-${i}`, value: "1" });
  }
  for (const [i, node] of nodes.entries()) {
    assert.equal(await node.read(() => machines[i]?.pairs.length), 3);
  }
});
