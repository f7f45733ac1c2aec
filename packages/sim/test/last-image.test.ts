/** The image that a member leaves at a stop: made, cut short by the power, or by a disk that is full; the member comes back each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must, Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import { Trace, World } from "@quorate/sim";
import { Cluster } from "../src/cluster.ts";
import { FaultCount, type FaultKind } from "../src/fault-count.ts";
import type { StopTrouble } from "../src/stop-trouble.ts";
import { healedNetwork, type SeedPlan, swarm } from "../src/swarm.ts";
import { Watch } from "../src/watch.ts";

interface Stopped {
  readonly events: readonly string[];
  readonly count: (kind: FaultKind) => number;
}

/** Three members at peace with some commands; one follower is stopped, meets that, and comes back. */
function stopped(trouble: StopTrouble | null, changes: Partial<SeedPlan> = {}): Stopped {
  const root = new Prng(3);
  const drawn = swarm(3, root);
  const plan: SeedPlan = {
    ...drawn,
    nodeCount: 3,
    sessions: false,
    mixedVersions: false,
    buggified: [],
    electionTimeoutTicks: 10,
    heartbeatTicks: 2,
    snapshotEntryCount: 1000,
    stopLogBytesMin: 50,
    snapshotChunkBytes: 65536,
    network: { ...healedNetwork(drawn.network), delayMsMin: 2, delayMsMax: 4 },
    disk: { writeMsMax: 0, syncMsMin: 1, syncMsMax: 2, slowMsMax: 100 },
    membership: null,
    etcd: null,
    ...changes,
  };
  const events: string[] = [];
  const world = new World(root, new Trace((_, text) => events.push(text)));
  const watch = new Watch();
  const faults = new FaultCount();
  const cluster = new Cluster(world, plan, faults, watch);
  const until = (what: string, done: () => boolean): void => {
    world.runUntil(world.nowMs + 60_000, () => watch.violation !== null || done());
    assert.equal(watch.violation, null, String(watch.violation?.stack));
    assert.ok(done(), `${what}: not within a minute; ${cluster.describe()}`);
  };
  cluster.startAll();
  until("a leader", () => cluster.leader() !== null && cluster.isCaughtUp());
  const leader = must(cluster.leader(), "test: no leader");
  for (let i = 0; i < 10; i++) {
    const operation = cluster.oracle.history.begin("put", "k", `v${i}`, world.nowMs);
    let isApplied = false;
    cluster.put(leader, "k", `v${i}`, (answer) => {
      assert.ok(answer.kind === "applied");
      cluster.oracle.history.putApplied(operation, answer.index);
      isApplied = true;
    });
    until("a put", () => isApplied);
  }
  until("all have all", () => cluster.isCaughtUp());
  const follower: NodeId = must(
    cluster.nodes.find((node) => node !== leader),
    "test: no follower",
  );
  events.length = 0;
  assert.ok(cluster.stop(follower, trouble));
  until("it stops", () => !cluster.runs(follower));
  until("it is back", () => cluster.runs(follower) && cluster.isCaughtUp());
  cluster.checkEqualStates();
  return { events, count: (kind) => faults.get(kind) };
}

const kinds = ["last-image", "last-image-failed", "crash-in-last-image"] as const;

test("one that meets nothing is there, and the member starts behind it", () => {
  for (const sessions of [false, true]) {
    const { count, events } = stopped(null, { sessions });
    assert.deepEqual(kinds.map(count), [1, 0, 0]);
    assert.ok(events.some((text) => text.startsWith("exit ")));
  }
});

test("there is none where none is wanted, nor where little would have to be applied again", () => {
  for (const stopLogBytesMin of [null, 100_000]) {
    const { count, events } = stopped(null, { stopLogBytesMin });
    assert.deepEqual(kinds.map(count), [0, 0, 0]);
    assert.ok(!events.some((text) => text.startsWith("last image")));
  }
});

test("the power goes out at any of its disk calls: the member comes back from what it had, or from the image", () => {
  const outcomes = new Set<string>();
  for (const moment of ["before", "after"] as const) {
    for (let calls = 1; calls <= 50; calls += 3) {
      const { count, events } = stopped({ kind: "power", calls, moment });
      const [made, failed, cut] = kinds.map(count);
      assert.equal(failed, 0);
      assert.equal((made ?? 0) + (cut ?? 0), 1, `call ${calls}`);
      outcomes.add(
        made === 1 ? (events.some((text) => text.startsWith("exit")) ? "exit" : "behind it") : "within it",
      );
    }
  }
  assert.deepEqual([...outcomes].sort(), ["behind it", "exit", "within it"]);
});

test("no room for it: the member says so and ends, and comes back from its log", () => {
  for (const roomBytes of [0, 100_000, 1_000_000]) {
    const { count, events } = stopped({ kind: "full", roomBytes });
    assert.deepEqual(kinds.map(count), [0, 1, 0]);
    assert.ok(
      events.some((text) => /^fatal \d STORAGE_FULL /.test(text)),
      events.join("\n"),
    );
  }
});
