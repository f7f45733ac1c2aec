import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { Incarnation } from "../src/incarnation.ts";
import { Trace } from "../src/trace.ts";
import { World } from "../src/world.ts";

function start(): { world: World; incarnation: Incarnation; seen: string[] } {
  const world = new World(new Prng(1), new Trace(null));
  const incarnation = new Incarnation(world, (work) => work());
  return { world, incarnation, seen: [] };
}

test("nothing of a killed process runs, not even what was under way", () => {
  const { world, incarnation, seen } = start();
  incarnation.schedule(1, () => seen.push("before"));
  incarnation.schedule(5, () => seen.push("after"));
  world.runUntil(2, () => false);
  incarnation.kill();
  incarnation.enter(() => seen.push("entered"));
  world.runUntil(10, () => false);
  assert.deepEqual(seen, ["before"]);
});

test("what comes in while a process is paused waits, in order", () => {
  const { world, incarnation, seen } = start();
  incarnation.pause();
  incarnation.schedule(1, () => seen.push("a"));
  incarnation.schedule(2, () => seen.push("b"));
  world.runUntil(10, () => false);
  assert.deepEqual(seen, []);
  incarnation.resume();
  assert.deepEqual(seen, ["a", "b"]);
});

test("a process killed while paused never runs what waited", () => {
  const { incarnation, seen } = start();
  incarnation.pause();
  incarnation.enter(() => seen.push("a"));
  incarnation.kill();
  assert.deepEqual(seen, []);
  assert.equal(incarnation.isAlive, false);
});

test("a process that dies while it catches up runs no further", () => {
  const { incarnation, seen } = start();
  incarnation.pause();
  incarnation.enter(() => incarnation.kill());
  incarnation.enter(() => seen.push("after death"));
  incarnation.resume();
  assert.deepEqual(seen, []);
});

test("who wakes up looks at the clock first, or takes up what came in and the work that this makes", () => {
  const orders = new Set<string>();
  for (let atMs = 1; atMs <= 20; atMs++) {
    const { world, incarnation, seen } = start();
    incarnation.pause();
    incarnation.fire(() => seen.push("timer"));
    incarnation.enter(() => incarnation.schedule(0, () => seen.push("turn")));
    world.schedule(atMs, () => incarnation.resume());
    world.runUntil(atMs + 1, () => false);
    orders.add(seen.join(" "));
  }
  assert.deepEqual([...orders].sort(), ["timer turn", "turn timer"]);
});
