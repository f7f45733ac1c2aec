/** Shrinking, on a promise that correct code breaks in a world without mercy. What it makes of real mistakes is in docs/simulator.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeSchedule,
  encodeSchedule,
  playSchedule,
  profiles,
  scheduleOf,
  seedPlan,
  shrink,
} from "@quorate/sim";

test("a run that fails becomes small, and still fails by the same checker when it is read back", () => {
  const drawn = profiles.short.adapt(seedPlan(2));
  // Nobody can be elected while every frame is lost, so that no leader is there when one is owed.
  const plan = {
    ...drawn,
    nodeCount: 5,
    network: { ...drawn.network, delayMsMin: 60_000, delayMsMax: 60_001 },
  };
  const sizes: number[] = [];
  const shrunken = shrink(scheduleOf(2, plan), {
    eventBudget: 400_000,
    onSmaller: (_, eventCount) => sizes.push(eventCount),
  });
  assert.equal(shrunken.report.violation?.checker, "liveness-leader");
  assert.equal(shrunken.schedule.checker, "liveness-leader");
  assert.ok(
    shrunken.eventCount * 4 < shrunken.eventCountBefore,
    `${shrunken.eventCountBefore} to ${shrunken.eventCount}`,
  );
  assert.ok(sizes.length > 3 && shrunken.tryCount >= sizes.length);
  assert.equal(shrunken.schedule.plan.calmPhaseMs, 0);
  assert.ok(shrunken.schedule.plan.nodeCount < 5);
  const again = playSchedule(decodeSchedule(encodeSchedule(shrunken.schedule)));
  assert.equal(again.violation?.message, shrunken.report.violation?.message);
  assert.equal(again.traceHash, shrunken.report.traceHash);
});

test("a run that keeps its promises is not shrunk", () => {
  assert.throws(() => shrink(scheduleOf(1, profiles.short.adapt(seedPlan(1)))), /breaks no promise/);
});
