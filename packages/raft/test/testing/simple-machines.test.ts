/** The two simplest state machines, and a member that runs on them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RaftHost, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import {
  type ChannelEvent,
  channelMachine,
  MemoryNetwork,
  MemoryStorage,
  nullMachine,
  stateMachineSuite,
  TurnScheduler,
} from "@quorate/raft/testing";

test("a null machine answers with the index and keeps nothing", () => {
  const machine = nullMachine();
  assert.equal(machine.apply(Uint8Array.of(1), { index: toLogIndex(7), term: toTerm(1) }), 7);
  assert.equal(machine.snapshot().read(10), null);
  const restore = machine.restore();
  restore.write(Uint8Array.of(1));
  restore.finish();
});

test("a channel machine shows what a member applies, in order, and its answers are the proposers'", () => {
  const scheduler = new TurnScheduler();
  const id = toNodeId(1);
  const seen: ChannelEvent[] = [];
  const host = new RaftHost<number>({
    id,
    storage: new MemoryStorage({ voters: [id] }),
    transport: new MemoryNetwork(scheduler).connect(id),
    scheduler,
    stateMachine: channelMachine((event) => seen.push(event)),
    random: (low) => low,
    onFatal: (error) => {
      throw error;
    },
  });
  host.start((error) => assert.equal(error, null));
  scheduler.runAll();
  host.campaign();
  scheduler.runAll();
  const answers: unknown[] = [];
  for (const byte of [5, 6]) {
    host.propose(Uint8Array.of(byte), (outcome) =>
      answers.push(outcome.kind === "applied" ? outcome.result : outcome.kind),
    );
  }
  scheduler.runAll();
  assert.deepEqual(
    seen.map((event) => (event.type === "apply" ? [...event.command, event.context.index] : event.type)),
    [
      [5, 2],
      [6, 3],
    ],
  );
  assert.deepEqual(answers, [1, 2]);
});

/** A counter on a channel: the state stands outside, as a test that fakes a machine keeps it. */
function counter(): ReturnType<typeof channelMachine<number>> {
  let total = 0;
  return channelMachine(
    (event) => {
      if (event.type === "apply") {
        total += event.command[0] ?? 0;
      } else if (event.type === "restore") {
        total = event.image[0] ?? 0;
      }
      return total;
    },
    () => Uint8Array.of(total),
  );
}

stateMachineSuite(test, {
  create: counter,
  commands: [1, 2, 3, 4].map((byte) => Uint8Array.of(byte)),
  describe: String,
});
