/** Times in milliseconds or ticks become ticks of the core; impossible ones are refused by the flag's name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveTiming } from "../../src/cluster-story/timing.ts";

const defaults = {
  electionTimeoutMin: 150,
  electionTimeoutMax: 300,
  heartbeat: 15,
  baseTick: null,
  electionTick: 10,
  heartbeatTick: 3,
};

test("150 to 300 ms and 15 ms are ten ticks and one of 15 ms", () => {
  assert.deepEqual(resolveTiming(defaults), { tickMs: 15, electionTimeoutTicks: 10, heartbeatTicks: 1 });
});

test("a tick divides both times", () => {
  const timing = resolveTiming({ ...defaults, electionTimeoutMin: 200, electionTimeoutMax: 400 });
  assert.deepEqual(timing, { tickMs: 5, electionTimeoutTicks: 40, heartbeatTicks: 3 });
});

test("base tick 100 ms, election 10, heartbeat 3", () => {
  assert.deepEqual(resolveTiming({ ...defaults, baseTick: 100 }), {
    tickMs: 100,
    electionTimeoutTicks: 10,
    heartbeatTicks: 3,
  });
});

test("what cannot be is refused", () => {
  assert.throws(() => resolveTiming({ ...defaults, electionTimeoutMax: 200 }), /must be twice/);
  assert.throws(() => resolveTiming({ ...defaults, heartbeat: 150 }), /--heartbeat must be shorter/);
  assert.throws(
    () => resolveTiming({ ...defaults, baseTick: 100, heartbeatTick: 10 }),
    /--heartbeat-tick must be shorter than --election-tick/,
  );
});
