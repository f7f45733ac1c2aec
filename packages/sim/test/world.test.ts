import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { Trace } from "../src/trace.ts";
import { World } from "../src/world.ts";

function world(): World {
  return new World(new Prng(1), new Trace(null));
}

test("events run in the order of time, then of scheduling", () => {
  const order: string[] = [];
  const simulated = world();
  simulated.schedule(5, () => order.push("late"));
  simulated.schedule(1, () => {
    order.push("first");
    simulated.schedule(0, () => order.push("deferred"));
  });
  simulated.schedule(1, () => order.push("second"));
  simulated.runUntil(10, () => false);
  assert.deepEqual(order, ["first", "second", "deferred", "late"]);
  assert.equal(simulated.nowMs, 10);
  assert.equal(simulated.eventCount, 4);
});

test("a run stops after the event that asks for it, with the clock there", () => {
  const simulated = world();
  let count = 0;
  for (const delay of [1, 2, 3]) {
    simulated.schedule(delay, () => count++);
  }
  simulated.runUntil(10, () => count === 2);
  assert.equal(simulated.nowMs, 2);
  simulated.runUntil(10, () => false);
  assert.equal(count, 3);
});

test("a delay into the past or between milliseconds is a bug", () => {
  assert.throws(() => world().schedule(-1, () => {}), /delay/);
  assert.throws(() => world().schedule(0.5, () => {}), /delay/);
});

test("the trace hash depends on every character, on the order and on the time", () => {
  const hash = (...lines: readonly [number, string][]): string => {
    const trace = new Trace(null);
    for (const [at, text] of lines) {
      trace.line(at, text);
    }
    return trace.hash();
  };
  const base = hash([1, "a"], [2, "b"]);
  assert.equal(hash([1, "a"], [2, "b"]), base);
  assert.notEqual(hash([2, "b"], [1, "a"]), base);
  assert.notEqual(hash([1, "a"], [3, "b"]), base);
  assert.notEqual(hash([1, "a"], [2, "c"]), base);
  assert.match(base, /^[0-9a-f]{16}$/);
});

test("the trace hash depends on every number, on their order and on the time, and not on who reads the text", () => {
  type Five = readonly [number, number, number, number, number];
  const hash = (at: number, values: Five, sink: (() => void) | null = null): string => {
    const trace = new Trace(sink);
    trace.numbers(at, ...values, trace.isRead ? "text" : null);
    assert.throws(() => trace.numbers(at, ...values, trace.isRead ? null : "text"), /reads/);
    return trace.hash();
  };
  const base = hash(1, [1, 2, 3, 4, 5]);
  let lineCount = 0;
  const counted = hash(1, [1, 2, 3, 4, 5], () => {
    lineCount++;
  });
  assert.equal(counted, base);
  assert.equal(lineCount, 1);
  const others: readonly Five[] = [
    [2, 1, 3, 4, 5],
    [2, 2, 3, 4, 5],
    [1, 3, 3, 4, 5],
    [1, 2, 4, 4, 5],
    [1, 2, 3, 5, 5],
    [1, 2, 3, 4, 6],
  ];
  for (const other of [...others.map((values) => hash(1, values)), hash(2, [1, 2, 3, 4, 5])]) {
    assert.notEqual(other, base);
  }
});
