/** Profiles that turn to one kind of trouble: what a seed has of it is on, and what else it has is off. */
import type { MembershipPlan, NemesisPlan, NetworkPlan, SeedPlan } from "./swarm.ts";

type Switch = Exclude<keyof NemesisPlan, "meanIntervalMs">;

/** Only these of all that the nemesis can do. */
function only(plan: NemesisPlan, names: readonly Switch[]): NemesisPlan {
  // ORDER: the keys are names, none is integer-like.
  const switches = Object.keys(plan).filter((name) => name !== "meanIntervalMs") as Switch[];
  const chosen = switches.map((name) => [name, names.includes(name)] as const);
  return { meanIntervalMs: plan.meanIntervalMs, ...(Object.fromEntries(chosen) as Record<Switch, boolean>) };
}

const quietLinks = {
  lossChance: 0,
  duplicateChance: 0,
  reorderChance: 0,
  slowChance: 0,
  corruptChance: 0,
  resetChance: 0,
  replayChance: 0,
} satisfies Partial<NetworkPlan>;

const badLinks = {
  lossChance: 0.05,
  duplicateChance: 0.05,
  reorderChance: 0.1,
  slowChance: 0.02,
  corruptChance: 0.01,
  resetChance: 0.01,
  replayChance: 0.03,
} satisfies Partial<NetworkPlan>;

/** At least as bad as that. */
function worse(network: NetworkPlan): NetworkPlan {
  // ORDER: the keys are names, none is integer-like.
  const chances = Object.entries(badLinks) as [keyof typeof badLinks, number][];
  return {
    ...network,
    ...(Object.fromEntries(
      chances.map(([name, chance]) => [name, Math.max(chance, network[name])]),
    ) as typeof badLinks),
  };
}

const still = { membership: null, spareMemberCount: 0 } satisfies Partial<SeedPlan>;

/** Nothing goes wrong: what the code does by itself, as a baseline. */
export function calm(plan: SeedPlan): SeedPlan {
  const network = { ...plan.network, ...quietLinks };
  return { ...plan, ...still, network, nemesis: only(plan.nemesis, []), buggified: [] };
}

/** Links and partitions; processes and disks stay as they are. */
export function network(plan: SeedPlan): SeedPlan {
  const nemesis = only(plan.nemesis, [
    "partition",
    "partitionOneWay",
    "partitionGraph",
    "isolateLeader",
    "clog",
    "swizzleClog",
  ]);
  return { ...plan, ...still, nodeCount: Math.max(3, plan.nodeCount), network: worse(plan.network), nemesis };
}

/** Everything that a disk can do, and crashes at its boundaries; members that are beyond repair are replaced. */
export function disk(plan: SeedPlan): SeedPlan {
  const nemesis = only(plan.nemesis, [
    "crash",
    "crashAtDiskOperation",
    "powerLoss",
    "diskSlow",
    "diskError",
    "diskFull",
    "logDamage",
    "slotDamage",
    "snapshotDamage",
    "readDamage",
    "readError",
    "slotsLost",
    "wipe",
    "setBack",
  ]);
  const nodeCount = Math.max(3, plan.nodeCount);
  return { ...plan, nodeCount, membership: null, spareMemberCount: 6, nemesis };
}

/** Members come and go all the time, among crashes and partitions. */
export function membership(plan: SeedPlan): SeedPlan {
  const nemesis = only(plan.nemesis, [
    "crash",
    "stop",
    "rollingRestart",
    "troubleAtStop",
    "pause",
    "partition",
    "partitionOneWay",
    "isolateLeader",
  ]);
  return { ...plan, spareMemberCount: 0, membership: plan.membership ?? churn, nemesis };
}

const churn: MembershipPlan = {
  meanIntervalMs: 1_000,
  voterCountMax: 5,
  newcomerCountMax: 10,
  strictQuorum: true,
  promotionMarginEntryCount: 3,
  explicitChance: 0.1,
};

/** Reads by the leader's lease, among stalls and partitions; clocks keep to the bound that leases rest on. */
export function lease(plan: SeedPlan): SeedPlan {
  const nemesis = only(plan.nemesis, [
    "pause",
    "stall",
    "crash",
    "partition",
    "partitionOneWay",
    "partitionGraph",
    "isolateLeader",
  ]);
  const workload = { ...plan.workload, readShare: 0.8 };
  const nodeCount = Math.max(3, plan.nodeCount);
  return { ...plan, ...still, nodeCount, workload, checkQuorum: true, leaseReads: true, nemesis };
}

/** Ten times the storm, and as much more of the calm: what takes minutes to go wrong. */
export function long(plan: SeedPlan): SeedPlan {
  return { ...plan, faultPhaseMs: 10 * plan.faultPhaseMs, calmPhaseMs: 5 * plan.calmPhaseMs };
}
