import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { healedNetwork, type NemesisPlan, type SeedPlan, swarm } from "../src/swarm.ts";

const plans: readonly SeedPlan[] = Array.from({ length: 500 }, (_, seed) => swarm(seed, new Prng(seed)));

test("a seed always draws the same plan", () => {
  assert.deepEqual(swarm(7, new Prng(7)), swarm(7, new Prng(7)));
  assert.notDeepEqual(swarm(7, new Prng(7)), swarm(8, new Prng(8)));
});

test("every size, switch and fault is on in some seeds and off in others", () => {
  const faults = Object.keys(plans[0]?.nemesis ?? {}).filter((name) => name !== "meanIntervalMs");
  assert.ok(faults.length >= 9);
  for (const fault of faults) {
    const on = plans.filter((plan) => plan.nemesis[fault as keyof NemesisPlan] === true).length;
    assert.ok(on > 50 && on < 450, `${fault} is on in ${on} of 500 seeds`);
  }
  for (const chance of ["lossChance", "duplicateChance", "reorderChance", "slowChance"] as const) {
    const off = plans.filter((plan) => plan.network[chance] === 0).length;
    assert.ok(off > 50 && off < 450, `${chance} is off in ${off} of 500 seeds`);
  }
  assert.deepEqual([...new Set(plans.map((plan) => plan.nodeCount))].sort(), [1, 2, 3, 4, 5]);
  for (const name of ["preVote", "checkQuorum"] as const) {
    assert.equal(new Set(plans.map((plan) => plan[name])).size, 2, name);
  }
});

test("a healed network loses, doubles and reorders nothing", () => {
  for (const { network } of plans) {
    const { lossChance, duplicateChance, reorderChance, slowChance } = healedNetwork(network);
    assert.deepEqual([lossChance, duplicateChance, reorderChance, slowChance], [0, 0, 0, 0]);
  }
});

test("some clients of a calm keep busy, others hardly come", () => {
  const counts = new Map<number, number>();
  for (const { calmClientPace } of plans) {
    counts.set(calmClientPace, (counts.get(calmClientPace) ?? 0) + 1);
  }
  assert.deepEqual(
    [...counts.keys()].sort((left, right) => left - right),
    [20, 60, 200, 600],
  );
  for (const [pace, count] of counts) {
    assert.ok(count > 80 && count < 180, `a pace of ${pace} in ${count} of 500 seeds`);
  }
});
