import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { Incarnation } from "../src/incarnation.ts";
import { MemberClock } from "../src/member-clock.ts";
import { Trace } from "../src/trace.ts";
import { World } from "../src/world.ts";

function rig(rate: number) {
  const world = new World(new Prng(1), new Trace(null));
  const process = new Incarnation(world, (work) => work());
  const clock = new MemberClock(world, 100, rate);
  const ticks: number[] = [];
  clock.start(process, () => ticks.push(world.nowMs));
  return { world, process, clock, ticks };
}

test("ticks come at the clock's own rate, and the speed changes them", () => {
  const { clock, ticks, world } = rig(1.25);
  world.runUntil(500, () => false);
  assert.deepEqual(ticks, [125, 250, 375, 500]);
  clock.setSpeed(2.5);
  world.runUntil(650, () => false);
  assert.deepEqual(ticks.slice(4), [625], "the timer that was set stays set");
  world.runUntil(750, () => false);
  assert.deepEqual(ticks.slice(5), [675, 725]);
});

test("a stall is one late tick, and the beat starts anew behind it", () => {
  const { clock, process, ticks, world } = rig(1);
  world.runUntil(150, () => false);
  process.pause();
  world.runUntil(930, () => false);
  process.resume();
  world.runUntil(1_100, () => false);
  assert.deepEqual(ticks, [100, 930, 1030]);
  assert.equal(clock.nowMs(), 1_100, "the clock went on meanwhile");
});

test("a leap makes what waits due now, and never goes back", () => {
  const { clock, ticks, world } = rig(1);
  world.runUntil(110, () => false);
  clock.leap(60_000);
  world.runUntil(120, () => false);
  assert.deepEqual(ticks, [100, 110]);
  assert.equal(clock.nowMs(), 60_120);
  world.runUntil(215, () => false);
  assert.deepEqual(ticks, [100, 110, 210]);
  assert.throws(() => clock.leap(-1), /goes forward/);
});
