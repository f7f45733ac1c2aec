/** Named ways to run a seed: the plan that it draws, with some of it changed. A seed with its profile is one run. */
import { Prng } from "@quorate/base";
import { calm, disk, lease, long, membership, network } from "./fault-profiles.ts";
import { type SeedPlan, swarm } from "./swarm.ts";

/** Every profile, `default` first. */
export const profileNames = [
  "default",
  "storm",
  "short",
  "calm",
  "network",
  "disk",
  "membership",
  "lease",
  "long",
] as const;

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
  calm: { about: "nothing goes wrong: a baseline", adapt: calm },
  network: { about: "bad links and partitions by any graph, nothing else", adapt: network },
  disk: { about: "damage to logs, slots and snapshots, wiped and set-back disks, crashes", adapt: disk },
  membership: { about: "members come and go all the time, among crashes and partitions", adapt: membership },
  lease: { about: "reads by the leader's lease, among stalls and partitions", adapt: lease },
  long: { about: "ten times the storm and five times the calm", adapt: long },
};

/** What a seed draws, before any profile. */
export function seedPlan(seed: number): SeedPlan {
  return swarm(seed, new Prng(seed));
}
