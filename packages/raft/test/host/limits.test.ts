/** Each limit of a host, with a run that differs by it: docs/options.md names these tests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  type CoreSettings,
  type HostLimits,
  type SnapshotPolicy,
  toNodeId,
} from "@quorate/raft";
import { MemoryTransport } from "@quorate/raft/testing";
import { TestHosts } from "./cluster.ts";

function propose(hosts: TestHosts, count: number, bytes: number): string[] {
  const outcomes: string[] = [];
  for (let i = 0; i < count; i++) {
    hosts.member(1).host.propose(new Uint8Array(bytes).fill(1), (outcome) => {
      outcomes.push(outcome.kind === "refused" ? outcome.reason : outcome.kind);
    });
  }
  return outcomes;
}

const isolated = (options: { core?: CoreSettings; limits?: Partial<HostLimits> }): TestHosts => {
  const hosts = new TestHosts(3, options);
  hosts.elect(1);
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  return hosts;
};

test("uncommittedBytesMax: a leader without a majority refuses what would exceed it", () => {
  const refusedOf = (uncommittedBytesMax: number): number => {
    const hosts = isolated({ core: { uncommittedBytesMax } });
    const outcomes: string[] = [];
    for (let i = 0; i < 10; i++) {
      hosts.member(1).host.propose(new Uint8Array(100).fill(1), (outcome) => {
        outcomes.push(outcome.kind === "refused" ? outcome.reason : outcome.kind);
      });
      hosts.scheduler.runAll();
    }
    assert.ok(outcomes.every((outcome) => outcome === "uncommitted-limit"));
    return outcomes.length;
  };
  assert.equal(refusedOf(10_000), 0);
  assert.ok(refusedOf(500) >= 5);
});

test("pendingProposalBytesMax and pendingProposalCountMax: a member holds no more proposals than that", () => {
  const limited = isolated({ limits: { pendingProposalBytesMax: 550 } });
  assert.deepEqual(propose(limited, 10, 100), Array(5).fill("uncommitted-limit"));
  const counted = isolated({ limits: { pendingProposalCountMax: 3 } });
  assert.equal(propose(counted, 10, 1).length, 7);
});

test("inflightBytesMax: no more than that is sent to a member that does not answer", () => {
  const sentTo3 = (inflightBytesMax: number): number => {
    const hosts = new TestHosts(3, { core: { inflightBytesMax, appendBytesMax: 100 } });
    const leader = hosts.elect(1);
    propose(hosts, 1, 10);
    hosts.tick(3);
    hosts.network.cut(toNodeId(3), toNodeId(1));
    const send = MemoryTransport.prototype.send;
    let bytes = 0;
    MemoryTransport.prototype.send = function (this: MemoryTransport, group, to, frame): void {
      if (this.id === 1 && to === 3 && frame.kind === "message" && frame.message.type === "append-entries") {
        bytes += frame.message.entries.reduce((sum, { data }) => sum + data.length, 0);
      }
      send.call(this, group, to, frame);
    };
    try {
      for (let i = 0; i < 40; i++) {
        propose(hosts, 1, 100);
        hosts.scheduler.runAll();
      }
    } finally {
      MemoryTransport.prototype.send = send;
    }
    assert.ok(leader.host.committed >= 40, "the others carry it");
    return bytes;
  };
  const small = sentTo3(1000);
  assert.ok(small > 0 && small <= 1000, `${small} bytes`);
  assert.ok(sentTo3(100_000) > 3000);
});

/** Turns from a full log until all of it is applied. */
function turnsToApply(options: { core?: CoreSettings; limits?: Partial<HostLimits> }): number {
  const hosts = new TestHosts(1, options);
  hosts.elect(1);
  propose(hosts, 64, 100);
  for (let turns = 1; turns < 10_000; turns++) {
    hosts.scheduler.runTurn();
    if (hosts.member(1).machine.commands.length === 64) {
      return turns;
    }
  }
  throw new Error("never applied");
}

test("committedBytesPerReadyMax, applyBytesPerTurnMax, applyCountPerTurnMax: what is committed is applied in pages", () => {
  const usual = turnsToApply({});
  assert.ok(usual < 20, `${usual} turns`);
  assert.ok(turnsToApply({ core: { committedBytesPerReadyMax: 300 } }) > usual + 8);
  assert.ok(turnsToApply({ limits: { applyBytesPerTurnMax: 200 } }) > usual + 8);
  assert.ok(turnsToApply({ limits: { applyCountPerTurnMax: 2 } }) > usual + 8);
});

interface Compacted {
  readonly snapshots: number;
  readonly firstIndex: number;
  readonly lastSnapshot: number;
}

function compact(snapshots: SnapshotPolicy): Compacted {
  const hosts = new TestHosts(1, { snapshots });
  const { events, storage } = hosts.elect(1);
  for (let i = 0; i < 100; i++) {
    propose(hosts, 1, 100);
    hosts.tick();
  }
  const made = events.filter((event) => event.type === "snapshot-made");
  const last = made.at(-1);
  return {
    snapshots: made.length,
    firstIndex: storage.firstIndex,
    lastSnapshot: last?.type === "snapshot-made" ? last.snapshot.index : 0,
  };
}

test("snapshots.entryCountMax, logBytesMin and liveBytes say when, trailingEntryCount what is kept", () => {
  assert.equal(compact({}).snapshots, 0);
  const counted = compact({ entryCountMax: 10, trailingEntryCount: 0 });
  assert.ok(counted.snapshots >= 9 && counted.snapshots <= 10, `${counted.snapshots}`);
  assert.equal(counted.firstIndex, counted.lastSnapshot + 1);
  const kept = compact({ entryCountMax: 10, trailingEntryCount: 7 });
  assert.equal(kept.firstIndex, kept.lastSnapshot - 7 + 1);
  const sized = compact({ logBytesMin: 2_000 }).snapshots;
  assert.ok(sized >= 3 && sized <= 5, `${sized}`);
  assert.equal(compact({ logBytesMin: 2_000, liveBytes: () => 6_000 }).snapshots, 1);
});

test("limits that cannot work are refused by name", () => {
  const problemOf = (options: ConstructorParameters<typeof TestHosts>[1]): string => {
    try {
      new TestHosts(1, options);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.message;
    }
    return "";
  };
  const limits: (keyof HostLimits)[] = [
    "commandBytesMax",
    "pendingProposalCountMax",
    "pendingProposalBytesMax",
    "applyCountPerTurnMax",
    "applyBytesPerTurnMax",
    "persistingCountMax",
    "snapshotChunkBytes",
    "snapshotWindowCount",
    "snapshotSendCountMax",
    "snapshotSendBytesPerTickMax",
  ];
  for (const name of limits) {
    assert.match(problemOf({ limits: { [name]: 0 } }), new RegExp(name));
  }
  assert.match(problemOf({ snapshots: { entryCountMax: 0 } }), /entryCountMax/);
  assert.match(problemOf({ snapshots: { logBytesMin: Number.NaN } }), /logBytesMin/);
  assert.match(problemOf({ snapshots: { trailingEntryCount: -1 } }), /trailingEntryCount/);
  for (const core of ["uncommittedBytesMax", "inflightBytesMax", "committedBytesPerReadyMax"] as const) {
    assert.match(problemOf({ core: { [core]: -1 } }), new RegExp(core));
  }
});
