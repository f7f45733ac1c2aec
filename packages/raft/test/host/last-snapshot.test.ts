/** The snapshot of a member that stops: when there is one, of what, and that the next start applies nothing again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodePlainEntry,
  encodeSessionCommand,
  type HostOptions,
  plainEntryCodec,
  type SnapshotMetadata,
  type SnapshotSink,
  type StateMachine,
  type StateMachineImage,
  StorageError,
  toLogIndex,
  toTerm,
  withEntryCodec,
  withSessions,
} from "@quorate/raft";
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

const full = new StorageError({ code: "STORAGE_FULL", syscall: "write", file: "snap/last" });

/** A sink whose `call`-th call fails, and what was asked of it. */
function failing(sink: SnapshotSink, call: number, calls: string[]): SnapshotSink {
  const pass = (name: string, go: (completed: (error: Error | null) => void) => void) => {
    calls.push(name);
    return calls.length === call ? (completed: (error: Error | null) => void) => completed(full) : go;
  };
  return {
    write: (chunk, completed) => pass("write", (done) => sink.write(chunk, done))(completed),
    finish: (completed) => pass("finish", (done) => sink.finish(done))(completed),
    abort: () => {
      calls.push("abort");
      sink.abort();
    },
  };
}

for (const [call, expected] of [
  [1, ["write", "abort"]],
  [2, ["write", "write", "abort"]],
  [4, ["write", "write", "write", "finish", "abort"]],
] as const) {
  test(`a last one that fails at call ${call} is dropped, told, and missed by nobody`, () => {
    const hosts = started({ snapshots: policy }, 20);
    const { storage } = hosts.member(1);
    const { applied } = hosts.member(1).host;
    const create = storage.createSnapshot.bind(storage);
    const calls: string[] = [];
    storage.createSnapshot = (metadata) => failing(create(metadata), call, calls);
    const closed: (Error | null)[] = [];
    hosts.member(1).host.stop({}, (error) => closed.push(error));
    hosts.tick(10);
    assert.deepEqual(closed, [full]);
    assert.deepEqual(calls, expected);
    assert.equal(snapshotOf(hosts), null);
    assert.equal(storage.firstIndex, 1, "nothing of the log has gone");
    assert.equal(hosts.member(1).host.status().counters.snapshotsMade, 0);
    assert.equal(hosts.member(1).fatal.length, 0, "the member had stopped already");

    hosts.restart(1);
    hosts.elect(1);
    assert.equal(hosts.member(1).machine.commands.length, 20);
    assert.ok(hosts.member(1).host.applied > applied);
    stop(hosts);
    assert.ok((snapshotOf(hosts)?.index ?? 0) > applied, "and the next stop makes it");
  });
}

test("one that fails while others are served is dropped as well", () => {
  const hosts = started({ snapshots: policy }, 20);
  const { storage } = hosts.member(1);
  const create = storage.createSnapshot.bind(storage);
  const calls: string[] = [];
  storage.createSnapshot = (metadata) => failing(create(metadata), 2, calls);
  hosts.member(1).host.demandSnapshot();
  hosts.tick(2);
  assert.deepEqual(calls, ["write", "write", "abort"]);
  assert.deepEqual(hosts.member(1).fatal, [full]);
});

test("sessions and stored forms pass a machine's own form on", () => {
  const made: string[] = [];
  class Machine extends RecordingMachine {
    lastSnapshot(): StateMachineImage {
      made.push("last");
      return super.snapshot();
    }
  }
  const results = { encode: (n: number) => Uint8Array.of(n), decode: (bytes: Uint8Array) => bytes[0] ?? 0 };
  const command = encodeSessionCommand({ kind: "plain", command: Uint8Array.of(7) });
  const context = { index: toLogIndex(1), term: toTerm(1) };
  const around = (machine: StateMachine<number>): StateMachine =>
    withEntryCodec(withSessions(machine, { results }), plainEntryCodec);
  const outer = around(new Machine());
  outer.apply(encodePlainEntry(command), context);
  const image = outer.lastSnapshot?.();
  assert.ok(image !== undefined);
  assert.deepEqual(made, ["last"]);
  const restored = new RecordingMachine();
  const restore = around(restored).restore();
  for (let chunk = image.read(3); chunk !== null; chunk = image.read(3)) {
    restore.write(chunk);
  }
  restore.finish();
  assert.deepEqual(restored.commands, [Uint8Array.of(7)]);
  assert.ok(around(new RecordingMachine()).lastSnapshot?.() !== undefined, "or a pinned one");
});

test("a policy that makes no sense is refused", () => {
  assert.throws(
    () => new TestHosts(1, { snapshots: { stopLogBytesMin: 0 } }),
    /snapshots\.stopLogBytesMin must be at least 1/,
  );
});
