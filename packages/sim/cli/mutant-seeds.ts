/**
 * The judge of a mutated copy, run within it: seeds from 1 on, until one breaks a promise. `node mutant-seeds.ts COUNT PLAN`, PLAN
 * being the overrides as JSON, or `null`. Says on its last line what came of it, as JSON.
 */
import process from "node:process";
import { etcdPlanBase, type MembershipPlan, type SeedPlan, simulate } from "@quorate/sim";
import type { PlanOverride } from "./mutant.ts";

/** No seed comes near: members that answer each other without end do. */
const eventCountMax = 1_000_000;

const tooMany = `bounded-work: ${eventCountMax} events, and no end`;

const membershipBase: MembershipPlan = {
  meanIntervalMs: 1_000,
  voterCountMax: 5,
  newcomerCountMax: 8,
  strictQuorum: false,
  promotionMarginEntryCount: 3,
  explicitChance: 0.1,
};

/** What overrides of an optional part rest on where a seed has not drawn it. */
const bases: ReadonlyMap<string, object> = new Map<string, object>([
  ["membership", membershipBase],
  ["etcd", etcdPlanBase],
]);

/** What a storm did not bring to light in a mutant, minutes with few faults rarely do. */
const withoutCalm: PlanOverride = { calmPhaseMs: 0 };

/** The drawn plan with the overrides in it, field by field. */
function overridden(drawn: SeedPlan, plan: PlanOverride): SeedPlan {
  const result: Record<string, unknown> = { ...drawn };
  for (const [field, value] of Object.entries(plan)) {
    if (!(field in drawn)) {
      throw new Error(`seedPlan: a seed has no '${field}'`);
    }
    const before = result[field] ?? bases.get(field);
    const isGroup = typeof value === "object" && value !== null && !Array.isArray(value);
    result[field] = isGroup ? { ...Object(before), ...value } : value;
  }
  return result as unknown as SeedPlan;
}

function main(countText: string, planText: string): void {
  const plan: PlanOverride = { ...withoutCalm, ...(JSON.parse(planText) as PlanOverride | null) };
  const options = { adapt: (drawn: SeedPlan) => overridden(drawn, plan), eventCountMax };
  const count = Number(countText);
  for (let seed = 1; seed <= count; seed++) {
    const { eventCount, violation } = simulate(seed, options);
    const message = violation?.message ?? (eventCount < eventCountMax ? null : tooMany);
    if (message !== null) {
      say({ at: `seed ${seed}`, message });
      return;
    }
  }
  say({ at: `${count} seeds`, message: null });
}

function say(verdict: { readonly at: string; readonly message: string | null }): void {
  const { system, user } = process.cpuUsage();
  console.log(JSON.stringify({ ...verdict, cpuSeconds: (system + user) / 1e6 }));
}

main(process.argv[2] ?? "", process.argv[3] ?? "null");
