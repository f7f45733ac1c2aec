/** Two groups in one process, over one network: each has its own leader, log and term, and no frame of one reaches the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import {
  type GroupId,
  type HostEvent,
  type NodeId,
  type PeerFrame,
  RaftHost,
  type Transport,
  type TransportReceiver,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { MemoryNetwork, MemoryStorage, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";

/** One transport of a process, shared by its groups: each frame goes to the group that it names. */
class SharedTransport {
  readonly #inner: Transport;
  readonly #receivers: Map<GroupId, TransportReceiver> = new Map();
  readonly seen: Map<GroupId, number> = new Map();

  constructor(inner: Transport) {
    this.#inner = inner;
    inner.start({
      received: (group, from, frame) => {
        this.seen.set(group, (this.seen.get(group) ?? 0) + 1);
        this.#receivers.get(group)?.received(group, from, frame);
      },
      unreachable: (peer) => {
        for (const receiver of this.#receivers.values()) {
          receiver.unreachable(peer);
        }
      },
    });
  }

  of(group: GroupId): Transport {
    return {
      start: (receiver) => void this.#receivers.set(group, receiver),
      send: (to: GroupId, peer: NodeId, frame: PeerFrame) => {
        assert.equal(to, group, "a host sends for its own group only");
        this.#inner.send(to, peer, frame);
      },
      close: (completed) => {
        this.#receivers.delete(group);
        completed(null);
      },
    };
  }
}

const groups = [7, 8] as const;
const ids = [1, 2, 3].map(toNodeId);

test("two groups over the same connections elect, commit and change members without touching each other", () => {
  const scheduler = new TurnScheduler();
  const network = new MemoryNetwork(scheduler);
  const random = new Prng(5);
  const transports = ids.map((id) => new SharedTransport(network.connect(id)));
  const made = groups.map((group) =>
    ids.map((id, i) => {
      const events: HostEvent[] = [];
      const machine = new RecordingMachine();
      const host = new RaftHost<number>({
        id,
        group,
        storage: new MemoryStorage({ voters: ids, scheduler }),
        transport: transports[i]?.of(group) ?? assert.fail(),
        scheduler,
        stateMachine: machine,
        random: (low, high) => random.integer(low, high),
        onEvent: (event) => events.push(event),
        onFatal: (error) => {
          throw error;
        },
      });
      host.start((error) => assert.equal(error, null));
      return { events, host, machine };
    }),
  );
  const [seven = [], eight = []] = made;
  const tick = (count: number, which = made.flat()): void => {
    for (let i = 0; i < count; i++) {
      for (const { host } of which) {
        host.tick();
      }
      scheduler.runAll();
    }
  };
  scheduler.runAll();
  seven[0]?.host.campaign();
  eight[1]?.host.campaign();
  scheduler.runAll();
  tick(3);
  assert.deepEqual(
    seven.map(({ host }) => host.leader),
    [1, 1, 1],
  );
  assert.deepEqual(
    eight.map(({ host }) => host.leader),
    [2, 2, 2],
  );

  // Only group 7 writes, changes its members and has another election.
  seven[2]?.host.propose(Uint8Array.of(77), () => {});
  seven[0]?.host.changeMembers({ changes: [{ op: "update", id: toNodeId(2), label: "two" }] }, () => {});
  tick(2);
  seven[0]?.host.handOver(toNodeId(3), () => {});
  tick(3);
  assert.deepEqual(
    seven.map(({ host }) => host.leader),
    [3, 3, 3],
  );
  assert.deepEqual(
    eight.map(({ host }) => host.leader),
    [2, 2, 2],
  );
  assert.deepEqual(
    eight.map(({ host }) => host.term),
    [1, 1, 1],
    "no term of 7 reached 8",
  );
  assert.ok(seven.every(({ machine }) => machine.commands.length === 1));
  assert.ok(eight.every(({ machine }) => machine.commands.length === 0));

  // Group 8 stands still while group 7 goes on: no clock is shared.
  const before = eight.map(({ host }) => host.status().counters.ticks);
  tick(50, seven);
  assert.deepEqual(
    eight.map(({ host }) => host.status().counters.ticks),
    before,
  );
  assert.deepEqual(
    eight.map(({ host }) => host.leader),
    [2, 2, 2],
  );

  // A host ends alone.
  eight[1]?.host.halt();
  eight[0]?.host.propose(Uint8Array.of(88), () => {});
  tick(40);
  assert.ok((eight[0]?.host.leader ?? 0) !== 2);
  seven[1]?.host.propose(Uint8Array.of(78), () => {});
  tick(2);
  assert.ok(seven.every(({ machine }) => machine.commands.length === 2));
  for (const transport of transports) {
    assert.deepEqual([...transport.seen.keys()].sort(), [7, 8]);
  }
});

test("a frame of another group is not taken in, whatever it says", () => {
  const scheduler = new TurnScheduler();
  const network = new MemoryNetwork(scheduler);
  const host = new RaftHost<number>({
    id: toNodeId(1),
    group: 7,
    storage: new MemoryStorage({ voters: ids }),
    transport: network.connect(toNodeId(1)),
    scheduler,
    stateMachine: new RecordingMachine(),
    random: (low) => low,
    onFatal: (error) => {
      throw error;
    },
  });
  host.start((error) => assert.equal(error, null));
  scheduler.runAll();
  const other = network.connect(toNodeId(2));
  const message = {
    type: "heartbeat" as const,
    from: toNodeId(2),
    to: toNodeId(1),
    term: toTerm(9),
    commit: toLogIndex(0),
    context: new Uint8Array(0),
  };
  other.send(8, toNodeId(1), { kind: "message", message });
  scheduler.runAll();
  assert.deepEqual([host.term, host.status().counters.framesReceived], [0, 0]);
  other.send(7, toNodeId(1), { kind: "message", message });
  scheduler.runAll();
  assert.deepEqual([host.term, host.leader], [9, 2]);
});
