/** Named ways to run a seed: the plan that it draws, with some of it changed. A seed with its profile is one run. */
import { Prng } from "@quorate/base";
import { type SeedPlan, swarm } from "./swarm.ts";

/** Every profile, `default` first. */
export const profileNames = ["default", "storm", "short"] as const;

/** The name of a profile. */
export type ProfileName = (typeof profileNames)[number];

/** What each profile is for, and what it changes. */
export const profiles: Readonly<
  Record<ProfileName, { readonly about: string; readonly adapt: (plan: SeedPlan) => SeedPlan }>
> = {
  default: { about: "as the seed draws it: a storm, minutes of calm, the heal", adapt: (plan) => plan },
  storm: { about: "without the calm: faults all the time", adapt: (plan) => ({ ...plan, calmPhaseMs: 0 }) },
  short: {
    about: "a quarter of the storm and no calm, for very many seeds",
    adapt: (plan) => ({ ...plan, calmPhaseMs: 0, faultPhaseMs: Math.floor(plan.faultPhaseMs / 4) }),
  },
};

/** What a seed draws, before any profile. */
export function seedPlan(seed: number): SeedPlan {
  return swarm(seed, new Prng(seed));
}
