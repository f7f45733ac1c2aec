import assert from "node:assert/strict";
import { test } from "node:test";
import { type BuggifyPoint, buggifyPoints, RaftHost, toNodeId } from "@quorate/raft";
import { MemoryNetwork, MemoryStorage, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";

/** A member alone that is asked for `count` proposals at once; the commands applied in each of its turns. */
function turnsOf(worst: readonly BuggifyPoint[], count: number): { turns: number[]; asked: Set<string> } {
  const scheduler = new TurnScheduler();
  const id = toNodeId(1);
  const asked = new Set<string>();
  const machine = new RecordingMachine();
  const host = new RaftHost({
    id,
    storage: new MemoryStorage({ voters: [id] }),
    transport: new MemoryNetwork(scheduler).connect(id),
    scheduler,
    stateMachine: machine,
    random: (low) => low,
    buggify: (point) => {
      asked.add(point);
      return worst.includes(point);
    },
    onFatal: (error) => {
      throw error;
    },
  });
  host.start((error) => assert.equal(error, null));
  scheduler.runAll();
  host.campaign();
  scheduler.runAll();
  let applied = 0;
  for (let i = 0; i < count; i++) {
    host.propose(Uint8Array.of(i), (outcome) => {
      assert.equal(outcome.kind, "applied");
      applied++;
    });
  }
  const turns: number[] = [];
  while (scheduler.runTurn()) {
    turns.push(applied);
  }
  assert.equal(applied, count);
  return { turns: turns.filter((sum, i) => sum > (turns[i - 1] ?? 0)), asked };
}

test("at its worst a member applies one entry in a turn, and gets all of them done", () => {
  assert.deepEqual(turnsOf([], 5).turns, [5]);
  assert.deepEqual(turnsOf(["apply-one"], 5).turns, [1, 2, 3, 4, 5]);
  assert.equal(turnsOf(["apply-one", "propose-alone", "persist-one"], 3).turns.at(-1), 3);
});

test("each place has one name", () => {
  assert.equal(new Set(buggifyPoints).size, buggifyPoints.length);
  assert.ok(buggifyPoints.length >= 12);
  for (const point of turnsOf([], 2).asked) {
    assert.ok((buggifyPoints as readonly string[]).includes(point));
  }
});
