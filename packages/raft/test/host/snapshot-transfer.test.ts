/** Transfers of images between hosts over memory ports: interrupted, mixed, damaged, throttled, in turns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, toHex } from "@quorate/base";
import { type HostEvent, type NodeId, type PeerFrame, type ProposalOutcome, toNodeId } from "@quorate/raft";
import { MemoryTransport } from "@quorate/raft/testing";
import { ImageCheck, imageSealBytes } from "../../src/host/snapshot-seal.ts";
import { TestHosts } from "./cluster.ts";

type Chunk = PeerFrame & { readonly kind: "snapshot-chunk" };

const limits = { snapshotChunkBytes: 50, snapshotWindowCount: 2 };
const snapshots = { entryCountMax: 30, trailingEntryCount: 0 };

/** Three members of whom the last missed everything, so that only a snapshot helps. */
function withLateMember(more: Partial<ConstructorParameters<typeof TestHosts>[1]> = {}): TestHosts {
  const hosts = new TestHosts(3, { limits, snapshots, ...more });
  const leader = hosts.elect(1);
  hosts.network.partition([toNodeId(3)], [toNodeId(1), toNodeId(2)]);
  for (let i = 1; i <= 70; i++) {
    leader.host.propose(new Uint8Array([i, 1, 2, 3]), () => {});
    hosts.tick();
  }
  assert.ok(leader.storage.firstIndex > 1, "the log is compacted");
  assert.equal(hosts.member(3).machine.commands.length, 0);
  return hosts;
}

/** Looks at, and may change or lose, what goes through a member's transport. */
function tapFrames(id: number, tap: (frame: PeerFrame, to: NodeId) => PeerFrame | null): () => void {
  const send = MemoryTransport.prototype.send;
  MemoryTransport.prototype.send = function (this: MemoryTransport, group, to, frame): void {
    const passed = this.id === id ? tap(frame, to) : frame;
    if (passed !== null) {
      send.call(this, group, to, passed);
    }
  };
  return () => {
    MemoryTransport.prototype.send = send;
  };
}

function tapChunks(hosts: TestHosts, id: number, tap: (chunk: Chunk) => Chunk | null): () => void {
  assert.ok(hosts.members.length > 0);
  return tapFrames(id, (frame) => (frame.kind === "snapshot-chunk" ? tap(frame) : frame));
}

function catchUp(hosts: TestHosts, ticks = 100): void {
  const [first] = hosts.members;
  for (let i = 0; i < ticks && hosts.member(3).host.applied < (first?.host.committed ?? 0); i++) {
    hosts.tick();
  }
  assert.deepEqual(
    hosts.member(3).machine.commands.map((bytes) => toHex(bytes)),
    hosts.member(1).machine.commands.map((bytes) => toHex(bytes)),
  );
}

const eventsOf = (events: readonly HostEvent[], type: HostEvent["type"]): number =>
  events.filter((event) => event.type === type).length;

test("corner case 51: a transfer goes on where it was after a cut connection", () => {
  const hosts = withLateMember();
  const sent: number[] = [];
  let total = 0;
  const restore = tapChunks(hosts, 1, (chunk) => {
    sent.push(chunk.offset);
    total = chunk.totalBytes;
    if (sent.length === 5) {
      hosts.network.partition([toNodeId(3)], [toNodeId(1), toNodeId(2)]);
    }
    return chunk;
  });
  try {
    hosts.network.heal();
    for (let i = 0; i < 60 && sent.length < 5; i++) {
      hosts.tick();
    }
    assert.ok(sent.length >= 5, "the cut came in the middle");
    hosts.tick(5);
    hosts.network.heal();
    catchUp(hosts);
  } finally {
    restore();
  }
  assert.ok(total > 5 * 50);
  assert.ok(sent.length * 50 < 1.5 * total + 200, `${sent.length} chunks of an image of ${total} bytes`);
});

test("corner case 51: a receiver that restarts goes on with what its storage kept", () => {
  const hosts = withLateMember();
  const offsets: number[] = [];
  let total = 0;
  const restore = tapChunks(hosts, 1, (chunk) => {
    total = chunk.totalBytes;
    offsets.push(chunk.offset);
    return chunk;
  });
  try {
    hosts.network.heal();
    for (let turn = 0; offsets.length < 5; turn++) {
      assert.ok(turn < 100_000, "the transfer begins");
      if (hosts.scheduler.runTurn() === 0) {
        for (const { host } of hosts.members) {
          host.tick();
        }
      }
    }
    const before = offsets.length;
    hosts.restart(3);
    catchUp(hosts);
    const again = offsets.slice(before).filter((offset) => offset < 100).length;
    assert.ok(offsets.length * 50 < 2 * total, `${offsets.length} chunks of ${total} bytes`);
    assert.ok(again <= 4, "not from the beginning");
  } finally {
    restore();
  }
});

test("corner case 51: an image whose bytes are not what its seal says replaces nothing and is asked for anew", () => {
  const hosts = withLateMember();
  let damaged = 0;
  const restore = tapChunks(hosts, 1, (chunk) => {
    if (damaged > 0 || chunk.offset < 100) {
      return chunk;
    }
    damaged++;
    const other = chunk.chunk.slice();
    other[3] = (other[3] ?? 0) ^ 1;
    return { ...chunk, chunk: other };
  });
  try {
    hosts.network.heal();
    catchUp(hosts);
  } finally {
    restore();
  }
  const { events, fatal } = hosts.member(3);
  assert.equal(damaged, 1);
  assert.equal(eventsOf(events, "snapshot-discarded"), 1);
  assert.equal(eventsOf(events, "snapshot-installed"), 1);
  assert.equal(fatal.length, 0);
});

test("an image that stays wrong is refused, and its sender makes another", () => {
  const hosts = withLateMember();
  const indexes = new Set<number>();
  const [first] = hosts.members;
  assert.ok(first !== undefined);
  const restore = tapChunks(hosts, 1, (chunk) => {
    indexes.add(chunk.snapshot.index);
    if (indexes.size > 1 || chunk.offset < 100) {
      return chunk;
    }
    return { ...chunk, chunk: new Uint8Array(chunk.chunk.length) };
  });
  try {
    hosts.network.heal();
    first.host.propose(new Uint8Array([200]), () => {});
    catchUp(hosts, 400);
  } finally {
    restore();
  }
  assert.ok(
    first.events.some((event) => event.type === "snapshot-sent" && !event.ok),
    "told as failed",
  );
  assert.ok(indexes.size > 1, "another image");
  assert.equal(hosts.member(3).fatal.length, 0);
});

test("a throttle bounds what one tick sends, and a throttled receiver is not given up", () => {
  const bytesPerTick = 20;
  const hosts = withLateMember({ limits: { ...limits, snapshotSendBytesPerTickMax: bytesPerTick } });
  let inTick = 0;
  let most = 0;
  let ticks = 0;
  const restore = tapChunks(hosts, 1, (chunk) => {
    inTick += chunk.chunk.length;
    most = Math.max(most, inTick);
    return chunk;
  });
  try {
    hosts.network.heal();
    while (hosts.member(3).host.applied < hosts.member(1).host.committed) {
      inTick = 0;
      ticks++;
      assert.ok(ticks < 500, "it arrives");
      hosts.tick();
    }
  } finally {
    restore();
  }
  assert.ok(most > 0 && most <= bytesPerTick, `${most} bytes in one tick`);
  assert.ok(ticks > 10, `${ticks} ticks`);
  const sent = hosts.member(1).events.filter((event) => event.type === "snapshot-sent");
  assert.deepEqual(
    sent.map((event) => event.type === "snapshot-sent" && event.ok),
    [true],
    "one transfer, which lasted longer than any time-out",
  );
});

test("no more transfers at once than allowed; the next begins when one ends", () => {
  const run = (snapshotSendCountMax: number): number => {
    const hosts = new TestHosts(5, {
      limits: { ...limits, snapshotSendCountMax, snapshotSendBytesPerTickMax: 100 },
      snapshots,
    });
    const leader = hosts.elect(1);
    const rest = [1, 2, 3].map(toNodeId);
    hosts.network.partition([4, 5].map(toNodeId), rest);
    for (let i = 1; i <= 70; i++) {
      leader.host.propose(new Uint8Array([i]), () => {});
      hosts.tick();
    }
    let most = 0;
    hosts.network.heal();
    for (let i = 0; i < 300; i++) {
      hosts.tick();
      most = Math.max(most, leader.host.status().snapshotTransferCount);
    }
    for (const id of [4, 5]) {
      assert.equal(hosts.member(id).machine.commands.length, 70, `member ${id}`);
    }
    return most;
  };
  assert.equal(run(1), 1);
  assert.equal(run(4), 2);
});

test("the seal covers every byte, however the image is cut", () => {
  const body = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
  const maker = new ImageCheck();
  maker.take(body);
  const image = concatBytes([body, maker.seal()]);
  assert.equal(image.length, 300 + imageSealBytes);
  assert.equal(toHex(image.subarray(300)), "51524245010000002c01000000000000bab30c42");
  for (const size of [1, 7, 19, 20, 21, 64, 1000]) {
    const check = new ImageCheck();
    for (let at = 0; at < image.length; at += size) {
      check.take(image.subarray(at, at + size));
    }
    assert.equal(check.fault(), null, `chunks of ${size}`);
    assert.equal(check.bytes, image.length);
  }
  for (let at = 0; at < image.length; at++) {
    const other = image.slice();
    other[at] = (other[at] ?? 0) ^ 0x10;
    const check = new ImageCheck();
    check.take(other);
    assert.notEqual(check.fault(), null, `byte ${at}`);
  }
  const short = new ImageCheck();
  short.take(image.subarray(0, 10));
  assert.match(short.fault() ?? "", /shorter/);
});

test("a leader's word on a proposal that comes while an image is restored over its entry: unknown, and the member goes on", () => {
  const hosts = new TestHosts(3, { limits, snapshots });
  const leader = hosts.elect(1);
  const late = hosts.member(3);
  let held: PeerFrame | null = null;
  let isCutOff = true;
  const untap = tapFrames(1, (frame, to) => {
    if (to === late.id && frame.kind === "propose-accepted") {
      held = frame;
      return null;
    }
    const isAppend = frame.kind === "message" && frame.message.type === "append-entries";
    return isCutOff && to === late.id && isAppend ? null : frame;
  });
  try {
    const outcomes: ProposalOutcome<number>[] = [];
    late.host.propose(new Uint8Array([7]), (outcome) => outcomes.push(outcome));
    hosts.scheduler.runAll();
    assert.ok(held !== null, "the leader took it up");
    for (let i = 1; i <= 70; i++) {
      leader.host.propose(new Uint8Array([i, 1, 2, 3]), () => {});
      hosts.scheduler.runAll();
    }
    assert.ok(leader.storage.firstIndex > 3, "its entry is compacted");
    isCutOff = false;
    const open = late.storage.openSnapshot.bind(late.storage);
    const opening: (() => void)[] = [];
    late.storage.openSnapshot = (completed) => opening.push(() => open(completed));
    for (let i = 0; i < 10 && opening.length === 0; i++) {
      hosts.tick();
    }
    assert.equal(opening.length, 1, "the image is durable, and on its way into the state machine");
    assert.deepEqual(outcomes, []);
    hosts.network.carry(leader.id, late.id, [[0, held]]);
    hosts.scheduler.runAll();
    late.storage.openSnapshot = open;
    opening[0]?.();
    catchUp(hosts);
    assert.deepEqual(outcomes, [{ kind: "unknown", reason: "connection-lost" }]);
    assert.deepEqual(late.fatal, []);
  } finally {
    untap();
  }
});
