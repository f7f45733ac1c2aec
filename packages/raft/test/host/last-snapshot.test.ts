/** The snapshot of a member that stops: when there is one, of what, and that the next start applies nothing again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostOptions, SnapshotMetadata, StateMachineImage } from "@quorate/raft";
import { RecordingMachine } from "@quorate/raft/testing";
import { TestHosts } from "./cluster.ts";

const policy = { trailingEntryCount: 2, stopLogBytesMin: 1000 };

function started(options: Partial<HostOptions<number>>, commandCount: number): TestHosts {
  const hosts = new TestHosts(1, options);
  hosts.elect(1);
  for (let i = 0; i < commandCount; i++) {
    hosts.member(1).host.propose(new Uint8Array(100).fill(i + 1), () => {});
    hosts.scheduler.runAll();
  }
  return hosts;
}

function snapshotOf(hosts: TestHosts): SnapshotMetadata | null {
  const snapshot = hosts.member(1).storage.snapshot();
  assert.ok(snapshot !== "pending");
  return snapshot;
}

function stop(hosts: TestHosts): void {
  const closed: (Error | null)[] = [];
  hosts.member(1).host.stop({}, (error) => closed.push(error));
  for (let i = 0; i < 10 && closed.length === 0; i++) {
    hosts.tick();
  }
  assert.deepEqual(closed, [null]);
}

test("a member with enough to apply again makes one when it stops, and starts from it", () => {
  const hosts = started({ snapshots: policy }, 20);
  const { applied } = hosts.member(1).host;
  stop(hosts);
  const snapshot = snapshotOf(hosts);
  assert.ok(snapshot !== null);
  assert.equal(snapshot.index, applied);
  assert.deepEqual(snapshot.confState.voters, [1]);
  assert.equal(
    hosts.member(1).storage.firstIndex,
    applied - 1,
    "the log behind it goes, but for two entries",
  );
  hosts.restart(1);
  assert.equal(hosts.member(1).machine.commands.length, 20);
  assert.equal(hosts.member(1).host.status().counters.entriesApplied, 0);
  hosts.elect(1);
  assert.equal(hosts.member(1).fatal.length, 0);
});

test("one with less does not, nor one that was never told to", () => {
  for (const [options, count] of [
    [{ snapshots: policy }, 9],
    [{ snapshots: { trailingEntryCount: 2 } }, 20],
    [{}, 20],
  ] as const) {
    const hosts = started(options, count);
    stop(hosts);
    assert.equal(snapshotOf(hosts), null);
  }
});

test("the next stop has nothing new to say", () => {
  const hosts = started({ snapshots: policy }, 20);
  stop(hosts);
  const first = snapshotOf(hosts);
  hosts.restart(1);
  stop(hosts);
  assert.deepEqual(snapshotOf(hosts), first);
});

test("a machine that has a form for it is asked for that one", () => {
  const made: string[] = [];
  class Machine extends RecordingMachine {
    override snapshot(): StateMachineImage {
      made.push("pinned");
      return super.snapshot();
    }
    lastSnapshot(): StateMachineImage {
      made.push("last");
      return super.snapshot();
    }
  }
  const machine = new Machine();
  const hosts = started({ snapshots: { ...policy, entryCountMax: 15 }, stateMachine: machine }, 26);
  assert.deepEqual(made, ["pinned"]);
  stop(hosts);
  assert.deepEqual(made, ["pinned", "last"]);
  assert.equal(snapshotOf(hosts)?.index, 27);
});

test("one that is being made is finished first", () => {
  const hosts = started({ snapshots: { ...policy, entryCountMax: 1000 } }, 30);
  hosts.member(1).host.demandSnapshot();
  stop(hosts);
  assert.equal(snapshotOf(hosts)?.index, 31);
  assert.equal(hosts.member(1).host.status().counters.snapshotsMade, 1);
});

test("a policy that makes no sense is refused", () => {
  assert.throws(
    () => new TestHosts(1, { snapshots: { stopLogBytesMin: 0 } }),
    /snapshots\.stopLogBytesMin must be at least 1/,
  );
});
