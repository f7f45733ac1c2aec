/** Mistakes that the simulator found, each as the shortest schedule that shows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runTask } from "@quorate/base";
import {
  type Completed,
  type CompletedWith,
  type Entry,
  type LogIndex,
  type LogView,
  type Message,
  type PeerFrame,
  RaftHost,
  RawNode,
  type Ready,
  type SnapshotSource,
  type Storage,
  type Transport,
  type TransportReceiver,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { MemoryStorage, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";
import { createCounters } from "../../src/host/events.ts";
import { SnapshotSender } from "../../src/host/snapshot-sender.ts";

const one = toNodeId(1);
const two = toNodeId(2);
const three = toNodeId(3);

/** A storage whose writes become durable when the test says so. */
function heldBack(storage: Storage): { readonly storage: Storage; readonly release: () => void } {
  const waiting: (() => void)[] = [];
  const held: Storage = Object.create(storage, {
    initial: { get: () => storage.initial },
    firstIndex: { get: () => storage.firstIndex },
    lastIndex: { get: () => storage.lastIndex },
    term: { value: storage.term.bind(storage) },
    entries: { value: storage.entries.bind(storage) },
    snapshot: { value: storage.snapshot.bind(storage) },
    write: {
      value: (batch: Parameters<Storage["write"]>[0], completed: Completed) => {
        waiting.push(() => storage.write(batch, completed));
      },
    },
  });
  return {
    storage: held,
    release: () => {
      for (const write of waiting.splice(0)) {
        write();
      }
    },
  };
}

// Otherwise a candidate that crashes before its disk has written forgets the term, campaigns in it again, perhaps with a
// shorter log, and late answers to its first campaign elect it: an acknowledged entry is lost.
test("a candidate asks for votes only once its own term and vote are durable", () => {
  const sent: Message[] = [];
  const transport: Transport = {
    start: () => {},
    send: (_group, _to, frame: PeerFrame) => {
      if (frame.kind === "message") {
        sent.push(frame.message);
      }
    },
    close: (completed) => completed(null),
  };
  const scheduler = new TurnScheduler();
  const disk = heldBack(new MemoryStorage({ voters: [one, two, three] }));
  const host = new RaftHost({
    id: one,
    storage: disk.storage,
    transport,
    scheduler,
    stateMachine: new RecordingMachine(),
    random: (low) => low,
    core: { preVote: false },
    onFatal: (error) => {
      throw error;
    },
  });
  host.start((error) => assert.equal(error, null));
  scheduler.runAll();
  assert.equal(host.campaign(), true);
  scheduler.runAll();
  assert.equal(host.role, "candidate");
  assert.deepEqual(sent, [], "nothing is durable yet");
  disk.release();
  scheduler.runAll();
  assert.deepEqual(
    sent.map(({ type, to, term }) => [type, to, term]),
    [
      ["request-vote", two, 1],
      ["request-vote", three, 1],
    ],
  );
});

// The commit index need not be durable, so a restarted member may know a lower one than what it had acknowledged.
test("an only voter that restarted answers no read before an entry of its own term is committed", () => {
  const entries: Entry[] = [1, 2].map((index) => ({
    index: toLogIndex(index),
    term: toTerm(1),
    type: "normal",
    data: new Uint8Array([index]),
  }));
  const log: LogView = {
    firstIndex: toLogIndex(1),
    get lastIndex() {
      return toLogIndex(entries.length);
    },
    term: (index) => (index === 0 ? toTerm(0) : (entries[index - 1]?.term ?? "unavailable")),
    entries: (low, high) => entries.slice(low - 1, high - 1),
    snapshot: () => null,
  };
  const node = new RawNode({
    id: one,
    log,
    hardState: { term: toTerm(1), vote: one, commit: toLogIndex(1) },
    confState: { voters: [one], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    applied: toLogIndex(0),
    random: (low) => low,
    preVote: false,
  });
  const finish = (ready: Ready): void => {
    entries.push(...ready.entries);
    for (const message of ready.sendAfterPersist) {
      node.step(message);
    }
    node.persisted(ready.seq);
  };
  node.campaign();
  finish(node.ready());
  assert.equal(node.status().role, "leader");
  assert.equal(node.readIndex(new Uint8Array([9])), "asked");
  const before = node.ready();
  assert.deepEqual(
    before.readStates,
    [],
    "entry 2 was acknowledged before the restart, and the commit index says 1",
  );
  finish(before);
  const after = node.ready();
  assert.deepEqual(
    after.readStates.map(({ index }) => index),
    [3],
  );
});

// A receiver that restarts wants the image from its beginning; its answers kept the transfer alive, and nothing else came.
test("a snapshot transfer goes on when its receiver has restarted and begins anew", () => {
  const image = Uint8Array.from({ length: 8 }, (_, i) => i);
  const metadata = {
    index: toLogIndex(5),
    term: toTerm(1),
    confState: { voters: [one, two], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  };
  const offsets: number[] = [];
  const sender = new SnapshotSender(
    {
      guard: {
        enter: (work) => work(),
        fail: (error) => {
          throw error;
        },
        run: (task, completed) =>
          runTask(task, (error, value) => {
            assert.equal(error, null);
            completed(value as never);
          }),
      },
      storage: Object.assign(new MemoryStorage({ voters: [one, two] }), {
        openSnapshot: (completed: CompletedWith<SnapshotSource>) =>
          completed(null, {
            metadata,
            bytes: image.length,
            read: (offset, length, done) => done(null, image.slice(offset, offset + length)),
            close: () => {},
          }),
      }),
      counters: createCounters(),
      send: (_to, frame) => {
        assert.ok(frame.kind === "snapshot-chunk");
        offsets.push(frame.offset);
      },
      ended: () => {},
      refused: () => {},
      emit: () => {},
    },
    {
      chunkBytes: 2,
      windowCount: 1,
      transferCountMax: 1,
      bytesPerTickMax: Number.POSITIVE_INFINITY,
      resendTicks: 3,
      giveUpTicks: 30,
    },
  );
  const answer = (offset: number): void =>
    sender.answered(two, { kind: "snapshot-answer", snapshot: metadata, offset, failed: false });
  sender.begin({ type: "install-snapshot", from: one, to: two, term: toTerm(1), snapshot: metadata });
  answer(2);
  answer(4);
  assert.deepEqual(offsets.splice(0), [0, 2, 4]);
  answer(0);
  for (let tick = 0; tick < 3; tick++) {
    sender.tick();
  }
  assert.deepEqual(offsets.splice(0), [0], "what the receiver wants now");
  answer(2);
  assert.deepEqual(offsets, [2]);
});

// The leader reads entries back for everybody in one place: by the time the member asked again, an election time-out later, others' had taken it.
test("a member that repairs its log is answered as soon as the leader has read the entries back, not when it asks again", () => {
  const sent: PeerFrame[] = [];
  let receiver: TransportReceiver | null = null;
  const transport: Transport = {
    start: (given) => {
      receiver = given;
    },
    send: (_group, _to, frame) => sent.push(frame),
    close: (completed) => completed(null),
  };
  const storage = new MemoryStorage({ voters: [one] });
  let isCold = false;
  const loads: (() => void)[] = [];
  const cold: Storage = Object.create(storage, {
    initial: { get: () => storage.initial },
    firstIndex: { get: () => storage.firstIndex },
    lastIndex: { get: () => storage.lastIndex },
    term: { value: storage.term.bind(storage) },
    snapshot: { value: storage.snapshot.bind(storage) },
    write: { value: storage.write.bind(storage) },
    entries: {
      value: (...range: Parameters<Storage["entries"]>) => (isCold ? "pending" : storage.entries(...range)),
    },
    load: {
      value: (_low: LogIndex, _high: LogIndex, _bytesMax: number, completed: Completed) => {
        loads.push(() => {
          isCold = false;
          completed(null);
          isCold = true;
        });
      },
    },
  });
  const scheduler = new TurnScheduler();
  const host = new RaftHost({
    id: one,
    storage: cold,
    transport,
    scheduler,
    stateMachine: new RecordingMachine(),
    random: (low) => low,
    core: { preVote: false },
    onFatal: (error) => {
      throw error;
    },
  });
  host.start((error) => assert.equal(error, null));
  scheduler.runAll();
  assert.equal(host.campaign(), true);
  scheduler.runAll();
  assert.equal(host.role, "leader");
  isCold = true;
  const previous = { term: toTerm(0), index: toLogIndex(0) };
  const { term } = host;
  assert.ok(receiver !== null);
  (receiver as TransportReceiver).received(0, two, { kind: "repair-request", requestId: 7, term, previous });
  scheduler.runAll();
  assert.equal(loads.length, 1);
  assert.equal(sent.length, 0);
  loads.pop()?.();
  scheduler.runAll();
  assert.deepEqual(
    sent.map((frame) =>
      frame.kind === "repair-answer" ? [frame.requestId, frame.entries.length] : frame.kind,
    ),
    [[7, 1]],
  );
  assert.equal(loads.length, 0, "read back once");
});
