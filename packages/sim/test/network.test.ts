import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { toNodeId } from "@quorate/raft";
import { FaultCount } from "../src/fault-count.ts";
import { Network } from "../src/network.ts";
import type { NetworkPlan } from "../src/swarm.ts";
import { Trace } from "../src/trace.ts";
import { World } from "../src/world.ts";

const calm: NetworkPlan = {
  delayMsMin: 1,
  delayMsMax: 20,
  lossChance: 0,
  duplicateChance: 0,
  reorderChance: 0,
  slowChance: 0,
  slowDelayMsMax: 100,
  corruptChance: 0,
  resetChance: 0,
  replayChance: 0,
};
const one = toNodeId(1);
const two = toNodeId(2);

/** Sends frames 0..count-1 at one instant and answers what arrived, in order. */
function arrivals(plan: NetworkPlan, count: number, faults: FaultCount = new FaultCount()): number[] {
  const world = new World(new Prng(7), new Trace(null));
  const seen: number[] = [];
  const network = new Network(world, plan, faults, (_from, _to, bytes) => seen.push(bytes[0] ?? -1));
  for (let i = 0; i < count; i++) {
    network.send(one, two, Uint8Array.of(i));
  }
  world.runUntil(10_000, () => false);
  return seen;
}

const inOrder = Array.from({ length: 50 }, (_, i) => i);

test("a calm link delivers everything once and in order", () => {
  assert.deepEqual(arrivals(calm, 50), inOrder);
});

test("loss, duplication and reordering each do what they say, and are counted", () => {
  const faults = new FaultCount();
  const lossy = arrivals({ ...calm, lossChance: 0.5 }, 50, faults);
  assert.equal(lossy.length, 50 - faults.get("frame-lost"));
  assert.ok(faults.get("frame-lost") > 10);

  const doubled = arrivals({ ...calm, duplicateChance: 1 }, 50, faults);
  assert.equal(doubled.length, 100);
  assert.equal(faults.get("frame-duplicated"), 50);

  const mixed = arrivals({ ...calm, reorderChance: 1 }, 50, faults);
  assert.notDeepEqual(mixed, inOrder);
  assert.deepEqual(
    [...mixed].sort((a, b) => a - b),
    inOrder,
  );
});

test("a blocked link loses one direction, also what is on its way", () => {
  const world = new World(new Prng(7), new Trace(null));
  const seen: string[] = [];
  const network = new Network(world, calm, new FaultCount(), (from, to) => seen.push(`${from}>${to}`));
  network.send(one, two, Uint8Array.of(1));
  network.block(one, two);
  assert.equal(network.send(one, two, Uint8Array.of(2)), false);
  assert.equal(network.send(two, one, Uint8Array.of(3)), true);
  world.runUntil(1_000, () => false);
  assert.deepEqual(seen, ["2>1"]);
  network.unblockAll();
  network.send(one, two, Uint8Array.of(4));
  world.runUntil(2_000, () => false);
  assert.deepEqual(seen, ["2>1", "1>2"]);
});

test("a corrupt or cut frame arrives as such, other than it was sent", () => {
  const world = new World(new Prng(7), new Trace(null));
  const faults = new FaultCount();
  const states: string[] = [];
  const plan = { ...calm, corruptChance: 0.5, resetChance: 0.5 };
  const network = new Network(world, plan, faults, (_from, _to, bytes, state) => {
    states.push(state);
    const isWhole = bytes.length === 4 && bytes.every((byte, i) => byte === i);
    assert.equal(isWhole, state === "whole");
  });
  for (let i = 0; i < 100; i++) {
    network.send(one, two, Uint8Array.of(0, 1, 2, 3));
  }
  world.runUntil(10_000, () => false);
  assert.deepEqual(new Set(states), new Set(["whole", "corrupt", "cut"]));
  assert.equal(states.filter((state) => state === "corrupt").length, faults.get("frame-corrupted"));
  assert.equal(states.filter((state) => state === "cut").length, faults.get("connection-reset"));
});

test("old frames come once more", () => {
  const faults = new FaultCount();
  const seen = arrivals({ ...calm, replayChance: 0.5 }, 50, faults);
  assert.ok(faults.get("frame-replayed") > 10);
  assert.equal(seen.length, 50 + faults.get("frame-replayed"));
});

test("a clogged link loses nothing: what it held arrives in order once it goes on", () => {
  const world = new World(new Prng(7), new Trace(null));
  const faults = new FaultCount();
  const seen: number[] = [];
  const network = new Network(world, calm, faults, (_from, _to, bytes) => seen.push(bytes[0] ?? -1));
  network.clog(one, two);
  for (let i = 0; i < 50; i++) {
    network.send(one, two, Uint8Array.of(i));
  }
  network.send(two, one, Uint8Array.of(99));
  world.runUntil(5_000, () => false);
  assert.deepEqual(seen, [99]);
  assert.equal(faults.get("frame-clogged"), 50);
  network.unclog(one, two);
  world.runUntil(6_000, () => false);
  assert.deepEqual(seen, [99, ...inOrder]);
});

test("each cut heals by itself: a link that two cuts block opens with the second", () => {
  const world = new World(new Prng(7), new Trace(null));
  const network = new Network(world, calm, new FaultCount(), () => {});
  const first = network.cut([
    { from: one, to: two },
    { from: two, to: one },
  ]);
  const second = network.cut([{ from: one, to: two }]);
  first();
  assert.equal(network.isBlocked(one, two), true);
  assert.equal(network.isBlocked(two, one), false);
  second();
  assert.equal(network.isBlocked(one, two), false);
  const third = network.cut([{ from: one, to: two }]);
  network.unblockAll();
  const fourth = network.cut([{ from: one, to: two }]);
  third();
  assert.equal(network.isBlocked(one, two), true, "what was opened for all takes nothing from later cuts");
  fourth();
  assert.equal(network.isBlocked(one, two), false);
});

test("what was said to a machine never reaches the one that takes its name", () => {
  const world = new World(new Prng(7), new Trace(null));
  const seen: number[] = [];
  const network = new Network(world, calm, new FaultCount(), (_from, _to, bytes) =>
    seen.push(bytes[0] ?? -1),
  );
  network.send(one, two, Uint8Array.of(1));
  network.send(two, one, Uint8Array.of(2));
  network.replaceMachine(two);
  network.send(one, two, Uint8Array.of(3));
  world.runUntil(10_000, () => false);
  assert.deepEqual(seen.sort(), [2, 3]);
});

test("a question that outlives its machine is answered to nobody", () => {
  const world = new World(new Prng(7), new Trace(null));
  const seen: string[] = [];
  const network = new Network(world, calm, new FaultCount(), (from, to, bytes, _state, disk) => {
    seen.push(`${from}>${to}`);
    if (to === two) {
      network.send(two, one, bytes, 1, disk);
    }
  });
  network.send(one, two, Uint8Array.of(1), network.machineOf(one));
  world.runUntil(1_000, () => false);
  assert.deepEqual(seen, ["1>2", "2>1"]);
  network.send(one, two, Uint8Array.of(2), network.machineOf(one));
  network.replaceMachine(one);
  world.runUntil(2_000, () => false);
  assert.deepEqual(seen.slice(2), ["1>2"]);
});
