/** What observers are told: transfers begun and ended, snapshots begun, and totals that agree with what happened. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostEvent, toNodeId } from "@quorate/raft";
import { TestHosts } from "./cluster.ts";

const command = Uint8Array.of(1, 2, 3);

function told(events: readonly HostEvent[], prefix: string): readonly HostEvent[] {
  return events.filter(({ type }) => type.startsWith(prefix));
}

test("a transfer that succeeds is told as begun and ended; counters agree", () => {
  const hosts = new TestHosts(3);
  const { events, host } = hosts.elect(1);
  hosts.tick(2);
  host.handOver(toNodeId(3), () => {});
  hosts.tick(3);
  assert.deepEqual(told(events, "transfer"), [
    { type: "transfer-started", transferee: 3 },
    { type: "transfer-ended", transferee: 3, ok: true },
  ]);
  const { leaderChanges, transfersFailed, transfersStarted } = host.status().counters;
  assert.deepEqual([leaderChanges, transfersStarted, transfersFailed], [2, 1, 0]);
});

test("a transfer that fails is told so, once its time is over", () => {
  const hosts = new TestHosts(3);
  const { events, host } = hosts.elect(1);
  hosts.tick(2);
  hosts.network.cut(toNodeId(1), toNodeId(3));
  host.transferLeadership(toNodeId(3));
  hosts.tick(5);
  assert.deepEqual(told(events, "transfer"), [{ type: "transfer-started", transferee: 3 }]);
  hosts.tick(10);
  assert.deepEqual(told(events, "transfer").at(-1), { type: "transfer-ended", transferee: 3, ok: false });
  assert.equal(host.status().counters.transfersFailed, 1);
});

test("a snapshot is told when it is begun and when it is made, and its bytes are counted at both ends", () => {
  const hosts = new TestHosts(3, { snapshots: { entryCountMax: 10, trailingEntryCount: 0 } });
  const { events, host } = hosts.elect(1);
  hosts.network.partition([toNodeId(3)], [toNodeId(1), toNodeId(2)]);
  for (let i = 0; i < 25; i++) {
    host.propose(command, () => {});
    hosts.scheduler.runAll();
  }
  const [started, made] = told(events, "snapshot-");
  assert.ok(started?.type === "snapshot-started" && made?.type === "snapshot-made");
  assert.equal(made.snapshot.index, started.index);
  assert.equal(host.status().counters.snapshotBytesSent, 0);
  hosts.network.heal();
  hosts.tick(30);
  assert.equal(hosts.member(3).host.applied, host.applied);
  const { snapshotBytesSent } = host.status().counters;
  const { snapshotBytesReceived, snapshotsInstalled } = hosts.member(3).host.status().counters;
  assert.equal(snapshotsInstalled, 1);
  assert.ok(snapshotBytesReceived > 0 && snapshotBytesSent >= snapshotBytesReceived);
});

test("reads that are refused, and rounds that confirm the others, are counted", () => {
  const hosts = new TestHosts(3);
  const { host } = hosts.elect(1);
  for (let i = 0; i < 3; i++) {
    host.read(() => {});
  }
  hosts.scheduler.runAll();
  const before = host.status().counters;
  assert.deepEqual([before.reads, before.readRounds, before.readsByLease, before.readsRefused], [3, 1, 0, 0]);
  host.read(() => {}).abandon();
  assert.equal(host.status().counters.readsRefused, 1);
});
