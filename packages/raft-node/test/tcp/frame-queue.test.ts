/** What waits for one peer: which frames overtake, how much is taken, and buffers that go to the socket and come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameEncoder, type PeerFrame, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { FrameQueue } from "../../src/tcp/frame-queue.ts";

const group = 0;

const heartbeat: PeerFrame = {
  kind: "message",
  message: {
    type: "heartbeat",
    from: toNodeId(1),
    to: toNodeId(2),
    term: toTerm(1),
    commit: toLogIndex(0),
    context: new Uint8Array(0),
  },
};

const chunkOf = (bytes: number, fill: number): PeerFrame => ({
  kind: "snapshot-chunk",
  snapshot: {
    index: toLogIndex(1),
    term: toTerm(1),
    confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  },
  term: toTerm(1),
  totalBytes: bytes,
  offset: 0,
  chunk: new Uint8Array(bytes).fill(fill),
});

const queueOf = (bulkBytesMax = 1 << 30): FrameQueue =>
  new FrameQueue(new FrameEncoder(), { urgentBytesMax: 1 << 20, bulkBytesMax });

function taken(queue: FrameQueue): Uint8Array {
  const bytes = queue.take();
  assert.ok(bytes !== null, "something waits");
  return bytes;
}

test("a heartbeat overtakes the chunk before it", () => {
  const queue = queueOf();
  queue.push(group, chunkOf(100_000, 1));
  queue.push(group, heartbeat);
  const total = queue.bytes;
  const first = taken(queue);
  assert.ok(first.length < 100, "the heartbeat alone");
  assert.equal(taken(queue).length, total - first.length);
  assert.equal(queue.take(), null);
  assert.equal(queue.bytes, 0);
});

test("a full lane takes no more, an empty one takes a frame of any size", () => {
  const queue = queueOf(10);
  assert.ok(queue.push(group, chunkOf(1000, 1)));
  assert.ok(!queue.push(group, chunkOf(1, 1)));
  assert.ok(queue.push(group, heartbeat), "the other lane has room");
});

test("what was taken stays as it is while more is queued, until it is given back", () => {
  const queue = queueOf();
  queue.push(group, chunkOf(70_000, 1));
  const first = taken(queue);
  const before = first.slice();
  queue.push(group, chunkOf(70_000, 2));
  const second = taken(queue);
  assert.notEqual(second.buffer, first.buffer);
  assert.deepEqual(first, before);
  assert.ok(queue.wants(first));
  queue.giveBack(first);
  queue.push(group, chunkOf(70_000, 3)); // Still into the buffer that the second began.
  queue.take();
  queue.push(group, chunkOf(70_000, 4));
  assert.equal(taken(queue).buffer, first.buffer, "what came back is written to again");
});

test("small buffers and enormous ones are not kept, nor more than some", () => {
  const queue = queueOf();
  queue.push(group, heartbeat);
  assert.ok(!queue.wants(taken(queue)));
  for (let n = 0; n < 12; n++) {
    queue.push(group, chunkOf(100_000, 1));
  }
  const enormous = taken(queue);
  queue.giveBack(enormous);
  for (let n = 0; n < 2; n++) {
    queue.push(group, chunkOf(70_000, 1));
    assert.notEqual(taken(queue).buffer, enormous.buffer);
  }
  const chunks = Array.from({ length: 10 }, () => {
    queue.push(group, chunkOf(70_000, 1));
    return taken(queue);
  });
  const wanted = chunks.filter((bytes) => {
    const isWanted = queue.wants(bytes);
    queue.giveBack(bytes);
    return isWanted;
  });
  assert.equal(wanted.length, 4);
});

test("a buffer that comes back twice would be written to while it is sent", () => {
  const queue = queueOf();
  queue.push(group, chunkOf(70_000, 1));
  const bytes = taken(queue);
  queue.giveBack(bytes);
  assert.throws(() => queue.giveBack(bytes), { name: "InvariantViolation" });
});
