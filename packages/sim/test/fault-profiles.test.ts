import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { simulate } from "@quorate/sim";
import { type ProfileName, profileNames, profiles } from "../src/profiles.ts";
import { type SeedPlan, swarm } from "../src/swarm.ts";

const drawn: readonly SeedPlan[] = Array.from({ length: 50 }, (_, seed) => swarm(seed, new Prng(seed)));
const faultCounts = (name: ProfileName): number[] =>
  drawn.map((plan) => Object.values(profiles[name].adapt(plan).nemesis).filter((on) => on === true).length);

test("a profile switches on what it is for, and off what it is not for", () => {
  assert.deepEqual(new Set(faultCounts("calm")), new Set([0]));
  assert.deepEqual(new Set(faultCounts("network")), new Set([6]));
  for (const plan of drawn) {
    const { disk, lease, membership, network } = profiles;
    assert.ok(disk.adapt(plan).nemesis.wipe && disk.adapt(plan).spareMemberCount > 0);
    assert.ok(lease.adapt(plan).leaseReads && !lease.adapt(plan).nemesis.clockJump);
    assert.notEqual(membership.adapt(plan).membership, null);
    assert.equal(membership.adapt(plan).nemesis.logDamage, false, "who may be spared would not be known");
    assert.ok(network.adapt(plan).network.lossChance > 0);
  }
});

test("each profile runs, and breaks no promise", () => {
  for (const name of profileNames) {
    const short = (plan: SeedPlan): SeedPlan => ({ ...plan, faultPhaseMs: 4_000, calmPhaseMs: 0 });
    const { violation } = simulate(7, { adapt: (plan) => short(profiles[name].adapt(plan)) });
    assert.equal(violation, null, `${name}: ${violation?.stack}`);
  }
});
