/**
 * Three members on disks in memory, one of which rots while its member is down. No acknowledged command is ever lost; the member
 * is repaired from the leader by its own request; where nobody holds a whole log, all of them halt and say so.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { type HostEvent, type HostOptions, type NodeId, RaftHost, toNodeId } from "@quorate/raft";
import { MemoryNetwork, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";
import { openWal, type WalStorage } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { now } from "./support.ts";

const segmentBytes = 4096;
const ids = [1, 2, 3].map(toNodeId);

interface Member {
  readonly id: NodeId;
  fs: MemoryFileSystem;
  storage: WalStorage;
  machine: RecordingMachine;
  host: RaftHost<number> | null;
  readonly events: HostEvent[];
}

class Cluster {
  readonly scheduler: TurnScheduler = new TurnScheduler();
  readonly network: MemoryNetwork = new MemoryNetwork(this.scheduler);
  readonly members: Member[];
  readonly #random: Prng = new Prng(3);
  readonly #options: Partial<HostOptions<number>>;

  constructor(options: Partial<HostOptions<number>> = {}) {
    this.#options = options;
    this.members = ids.map((id) => this.#begin(id, new MemoryFileSystem(), []));
  }

  #begin(id: NodeId, fs: MemoryFileSystem, events: HostEvent[]): Member {
    const storage = now<WalStorage>((completed) =>
      openWal(
        {
          fileSystem: fs,
          clusterId: 9,
          nodeId: id,
          onDamage: "set-aside",
          segmentBytes,
          windowBytesMax: 2000,
          bootstrap: {
            storeId: new Uint8Array(16).fill(id),
            confState: { voters: ids, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
            application: new Uint8Array(0),
          },
        },
        completed,
      ),
    );
    const machine = new RecordingMachine();
    const host = new RaftHost<number>({
      id,
      storage,
      transport: this.network.connect(id),
      scheduler: this.scheduler,
      stateMachine: machine,
      random: (low, high) => this.#random.integer(low, high),
      core: { appendBytesMax: 1500 },
      onEvent: (event) => events.push(event),
      onFatal: (error) => {
        throw error;
      },
      ...this.#options,
    });
    host.start((error) => assert.equal(error, null));
    this.scheduler.runAll();
    return { id, fs, storage, machine, host, events };
  }

  member(id: number): Member {
    const member = this.members[id - 1];
    assert.ok(member !== undefined);
    return member;
  }

  host(id: number): RaftHost<number> {
    const { host } = this.member(id);
    assert.ok(host !== null, `member ${id} is down`);
    return host;
  }

  /** An orderly end, after which the whole log is marked durable. */
  down(id: number): void {
    const member = this.member(id);
    member.host?.halt();
    member.host = null;
    this.network.connect(member.id);
    now((completed) => member.storage.close(completed));
  }

  up(id: number): Member {
    const { events, fs } = this.member(id);
    const member = this.#begin(toNodeId(id), fs, events);
    this.members[id - 1] = member;
    return member;
  }

  tick(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const { host } of this.members) {
        host?.tick();
      }
      this.scheduler.runAll();
    }
  }

  elect(id: number): void {
    for (let i = 0; i < 60 && this.host(id).role !== "leader"; i++) {
      this.host(id).campaign();
      this.tick(1);
    }
    assert.equal(this.host(id).role, "leader");
  }

  /** Proposes and waits; what was answered counts as acknowledged. */
  write(id: number, count: number): number {
    let acknowledged = 0;
    for (let i = 0; i < count; i++) {
      this.host(id).propose(new Uint8Array(60).fill(i + 1), ({ kind }) => {
        acknowledged += kind === "applied" ? 1 : 0;
      });
      this.scheduler.runAll();
      this.tick(1);
    }
    return acknowledged;
  }

  /** Flips a bit inside the payload of the entry in the middle of the log. */
  rot(id: number, part = 0.5): void {
    const { fs } = this.member(id);
    const segments = fs.files().filter((path) => path.startsWith("wal/") && path.endsWith(".log"));
    const path = segments[Math.floor(segments.length * part)] ?? "";
    fs.flipBit(path, (512 + 400) * 8);
  }

  /** A damaged member that has everything again. */
  assertRepaired(id: number, commands: number): void {
    const { events, machine, storage } = this.member(id);
    assert.ok(
      events.some(({ type }) => type === "log-damaged"),
      "the damage was told",
    );
    assert.ok(
      events.some(({ type }) => type === "log-repaired"),
      "the end of the repair was told",
    );
    assert.equal(storage.voteFloor, null);
    assert.equal(this.host(id).status().voteFloor, null);
    assert.equal(machine.commands.length, commands);
  }
}

test("a member that comes back to a leader which knows it: repaired by its own request, match never regresses", () => {
  const cluster = new Cluster();
  cluster.elect(1);
  assert.equal(cluster.write(1, 60), 60);
  const match = (): number =>
    cluster
      .host(1)
      .status()
      .progress.find(({ id }) => id === 2)?.match ?? 0;
  const before = match();
  cluster.down(2);
  cluster.rot(2);
  const { storage } = cluster.up(2);
  assert.ok(storage.lastIndex < before - 10, "a large part is gone");
  assert.notEqual(storage.voteFloor, null);
  for (let i = 0; i < 200 && cluster.host(2).status().voteFloor !== null; i++) {
    assert.ok(match() >= before, "match went back");
    cluster.tick(1);
  }
  cluster.tick(5);
  cluster.assertRepaired(2, 60);
  assert.ok(cluster.host(2).status().counters.entriesRepaired > 10, "it asked for them");
  assert.equal(cluster.host(1).role, "leader");
  assert.equal(cluster.write(1, 3), 3);
  cluster.assertRepaired(2, 63);
});

test("one damaged and one down: nobody is elected below the floor, and nothing acknowledged is lost", () => {
  const cluster = new Cluster();
  cluster.elect(1);
  cluster.write(1, 20);
  cluster.down(3);
  assert.equal(cluster.write(1, 40), 40, "acknowledged by 1 and 2 alone");
  cluster.down(1);
  cluster.down(2);
  cluster.rot(2, 0.3);
  cluster.up(2);
  cluster.up(3);
  // Member 3 lacks forty commands, member 2 has lost most of them: the two could elect each other, and must not.
  cluster.tick(300);
  assert.equal(cluster.host(2).role, "follower");
  assert.notEqual(cluster.host(3).role, "leader");
  const waits = cluster.member(2).events.filter(({ type }) => type === "log-repair-waits");
  assert.ok(waits.length > 0, "it says what it waits for");
  cluster.up(1);
  cluster.tick(100);
  assert.equal(cluster.host(1).role, "leader", "the only one with everything");
  cluster.tick(50);
  cluster.assertRepaired(2, 60);
  assert.equal(cluster.member(3).machine.commands.length, 60);
});

test("the damaged member's vote is enough to elect one that has everything", () => {
  const cluster = new Cluster();
  cluster.elect(1);
  assert.equal(cluster.write(1, 60), 60);
  cluster.down(1);
  cluster.down(2);
  cluster.down(3);
  cluster.rot(2);
  cluster.up(1);
  cluster.up(2);
  cluster.tick(200);
  assert.equal(cluster.host(1).role, "leader");
  cluster.assertRepaired(2, 60);
  assert.equal(cluster.write(1, 2), 2);
});

test("a leader that was damaged comes back as one that neither campaigns nor takes over, and is repaired", () => {
  const cluster = new Cluster();
  cluster.elect(1);
  assert.equal(cluster.write(1, 50), 50);
  cluster.down(1);
  cluster.rot(1);
  cluster.up(1);
  assert.equal(cluster.host(1).campaign(), false);
  cluster.tick(200);
  cluster.assertRepaired(1, 50);
  assert.notEqual(cluster.host(1).role, "leader");
});

test("a majority damaged: they wait for the third; without it they halt and say so", () => {
  const cluster = new Cluster();
  cluster.elect(1);
  assert.equal(cluster.write(1, 50), 50);
  for (const id of [1, 2, 3]) {
    cluster.down(id);
  }
  cluster.rot(1, 0.3);
  cluster.rot(2, 0.6);
  cluster.up(1);
  cluster.up(2);
  cluster.tick(400);
  for (const id of [1, 2]) {
    assert.equal(cluster.host(id).role, "follower");
    assert.ok(cluster.member(id).events.some(({ type }) => type === "log-repair-waits"));
  }
  cluster.up(3);
  cluster.tick(300);
  assert.equal(cluster.host(3).role, "leader");
  cluster.assertRepaired(1, 50);
  cluster.assertRepaired(2, 50);
});

test("an unknown floor: no vote at all, until a leader that was elected without it has repaired the log", () => {
  const cluster = new Cluster();
  cluster.elect(1);
  assert.equal(cluster.write(1, 50), 50);
  for (const id of [1, 2, 3]) {
    cluster.down(id);
  }
  const { fs } = cluster.member(2);
  fs.flipBit(fs.files().findLast((path) => path.startsWith("wal/")) ?? "", 9);
  cluster.up(2);
  assert.equal(cluster.member(2).storage.voteFloor, "unknown");
  cluster.up(1);
  cluster.tick(200);
  assert.notEqual(cluster.host(1).role, "leader", "its vote could have come from a log that forgot");
  cluster.up(3);
  cluster.tick(300);
  cluster.assertRepaired(2, 50);
});

test("what the leader has compacted comes as a snapshot", () => {
  const cluster = new Cluster({ snapshots: { entryCountMax: 20, trailingEntryCount: 2 } });
  cluster.elect(1);
  assert.equal(cluster.write(1, 30), 30);
  cluster.down(2);
  for (const path of cluster.member(2).fs.files()) {
    if (path.startsWith("wal/") || path.startsWith("snap/")) {
      cluster.member(2).fs.remove(path);
    }
  }
  assert.equal(cluster.write(1, 30), 30);
  cluster.up(2);
  cluster.tick(200);
  cluster.assertRepaired(2, 60);
  assert.ok(cluster.host(2).status().counters.snapshotsInstalled > 0);
});

test("a repair interrupted by a loss of power goes on where it was", () => {
  const random = new Prng(11);
  const cluster = new Cluster();
  cluster.elect(1);
  assert.equal(cluster.write(1, 60), 60);
  cluster.down(2);
  cluster.rot(2, 0.2);
  const from = cluster.up(2).storage.lastIndex;
  const member = cluster.member(2);
  // Turn by turn, until the first part of the repair is on the disk.
  for (let turn = 0; turn < 500 && member.storage.lastIndex === from; turn++) {
    for (const { host } of cluster.members) {
      host?.tick();
    }
    cluster.scheduler.runTurn();
  }
  assert.ok(member.storage.lastIndex > from, "something was repaired");
  assert.notEqual(member.storage.voteFloor, null);
  member.host?.halt();
  member.host = null;
  member.fs = member.fs.crash(random, "random");
  const reopened = cluster.up(2);
  assert.ok(reopened.storage.lastIndex > from, "what was repaired is durable");
  cluster.tick(200);
  cluster.assertRepaired(2, 60);
});
