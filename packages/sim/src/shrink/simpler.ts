/** How a plan can be made simpler, one thing at a time, the greatest first. */

import { healedNetwork, type SeedPlan } from "../swarm.ts";
import type { EtcdPlan } from "../workloads/plan.ts";

/** A simpler plan, or null where it is that simple already. */
type Simplification = (plan: SeedPlan) => SeedPlan | null;

/** Everything that can be left out or made plain in `plan`. */
export function simplifications(plan: SeedPlan): readonly Simplification[] {
  return [...whole, ...api, ...members, ...switches(plan), ...networkChances, ...limits];
}

function set<Key extends keyof SeedPlan>(key: Key, value: SeedPlan[Key]): Simplification {
  return (plan) => (plan[key] === value ? null : { ...plan, [key]: value });
}

function workload(changes: Partial<SeedPlan["workload"]>): Simplification {
  return (plan) => ifOther(plan, { ...plan, workload: { ...plan.workload, ...changes } });
}

function etcd(changes: Partial<EtcdPlan>): Simplification {
  return (plan) =>
    plan.etcd === null ? null : ifOther(plan, { ...plan, etcd: { ...plan.etcd, ...changes } });
}

function ifOther(before: SeedPlan, after: SeedPlan): SeedPlan | null {
  return JSON.stringify(before) === JSON.stringify(after) ? null : after;
}

const whole: readonly Simplification[] = [
  set("calmPhaseMs", 0),
  set("etcd", null),
  set("membership", null),
  set("sessions", false),
  (plan) => ifOther(plan, { ...plan, network: healedNetwork(plan.network) }),
  (plan) => ifOther(plan, { ...plan, disk: { ...plan.disk, writeMsMax: 0, syncMsMin: 0, syncMsMax: 1 } }),
  set("leaseReads", false),
  set("preVote", false),
  (plan) => (plan.leaseReads ? null : set("checkQuorum", false)(plan)),
];

const clientCounts = [
  "userCount",
  "lockClientCount",
  "bankClientCount",
  "leaseClientCount",
  "watcherCount",
  "singleClientCount",
  "mixClientCount",
] as const;

/** One of each kind, where none is too few. */
function oneOf(name: (typeof clientCounts)[number]): Simplification {
  return (plan) => (plan.etcd === null || plan.etcd[name] === 0 ? null : etcd({ [name]: 1 })(plan));
}

/** Clients of the API: kinds of them first, then how many, then what they share. */
const api: readonly Simplification[] = [
  ...clientCounts.map((name) => etcd({ [name]: 0 })),
  etcd({ compacts: false }),
  etcd({ fastLeaseKeepAlive: false }),
  etcd({ quotaBytes: -1 }),
  workload({ clientCount: 0 }),
  ...clientCounts.map(oneOf),
  etcd({ network: { delayMsMin: 0, delayMsMax: 1, lossChance: 0, resetChance: 0, windowBytes: 65_536 } }),
  etcd({ keyCount: 1 }),
  etcd({ keyCount: 2 }),
  etcd({ sliceCount: 1_000 }),
  etcd({ progressIntervalMs: 2_000 }),
];

/** Fewer members, clients, keys. */
const members: readonly Simplification[] = [
  (plan) => (plan.nodeCount > 3 ? { ...plan, nodeCount: 3 } : null),
  (plan) => (plan.nodeCount > 1 ? { ...plan, nodeCount: plan.nodeCount - 1 } : null),
  workload({ clientCount: 1 }),
  workload({ keyCount: 1 }),
  workload({ burstCountMax: 1 }),
  workload({ readShare: 0 }),
  workload({ valueBytesMax: 1 }),
];

/** Kinds of faults that the nemesis is left without. */
function switches({ nemesis }: SeedPlan): readonly Simplification[] {
  // ORDER: the names of switches, none of which is a number.
  const names = Object.keys(nemesis) as (keyof SeedPlan["nemesis"])[];
  return names
    .filter((name) => nemesis[name] === true)
    .map((name) => (plan) => ({ ...plan, nemesis: { ...plan.nemesis, [name]: false } }));
}

const chances = [
  "lossChance",
  "duplicateChance",
  "reorderChance",
  "slowChance",
  "corruptChance",
  "resetChance",
  "replayChance",
] as const;

const networkChances: readonly Simplification[] = chances.map(
  (name) => (plan) =>
    plan.network[name] === 0 ? null : { ...plan, network: { ...plan.network, [name]: 0 } },
);

/** Short time-outs, so that little has to happen before something does; limits that nobody meets. */
const limits: readonly Simplification[] = [
  (plan) => ifOther(plan, { ...plan, electionTimeoutTicks: 3, heartbeatTicks: 2, tickMs: 100 }),
  (plan) => ifOther(plan, { ...plan, electionTimeoutTicks: 5, heartbeatTicks: 4, tickMs: 100 }),
  set("appendBytesMax", 65536),
  set("inflightCountMax", 64),
  set("snapshotChunkBytes", 65536),
  set("snapshotEntryCount", 1000),
  set("stopLogBytesMin", null),
  set("windowBytesMax", 1048576),
  set("batchBytesMax", 65536),
  set("segmentBytes", 65536),
  (plan) => (plan.faultPhaseMs > 1_000 ? { ...plan, faultPhaseMs: Math.ceil(plan.faultPhaseMs / 2) } : null),
];
