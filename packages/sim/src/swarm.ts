/**
 * What one seed is: sizes, time-outs, limits and the mix of faults. Each seed switches some faults off altogether, because
 * a run that has everything at once never gets far enough to meet the deep states.
 */
import { assert, type Prng } from "@quorate/base";
import { type BuggifyPoint, buggifyPoints } from "@quorate/raft";
import { type EtcdPlan, etcdPlan } from "./workloads/plan.ts";

/** Chances per frame, and delays in virtual milliseconds. */
export interface NetworkPlan {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly lossChance: number;
  readonly duplicateChance: number;
  readonly reorderChance: number;
  /** How often a frame takes up to `slowDelayMsMax` instead. */
  readonly slowChance: number;
  readonly slowDelayMsMax: number;
  /** Some bits change on the way; a connection breaks within a frame; something old arrives once more. */
  readonly corruptChance: number;
  readonly resetChance: number;
  readonly replayChance: number;
}

/** Latencies of the disk in virtual milliseconds. */
export interface DiskPlan {
  readonly writeMsMax: number;
  readonly syncMsMin: number;
  readonly syncMsMax: number;
  /** Latency during a `disk-slow` fault. */
  readonly slowMsMax: number;
}

/** What the nemesis may do, and how often. */
export interface NemesisPlan {
  readonly meanIntervalMs: number;
  readonly crash: boolean;
  /** At the boundary of a disk call, of a frame that leaves, of a command that is applied: just before it or just after. */
  readonly crashAtDiskOperation: boolean;
  readonly crashAtSend: boolean;
  readonly crashAtApply: boolean;
  readonly powerLoss: boolean;
  /** A clean stop, as on SIGTERM. */
  readonly stop: boolean;
  /** All members are stopped in good order, one after the other, whether the one before is back or not. */
  readonly rollingRestart: boolean;
  /** Now and then the power goes out, or the disk has no room, while a member that stops writes its last image. */
  readonly troubleAtStop: boolean;
  readonly pause: boolean;
  /** The event loop stands still for up to two minutes; the clocks do not. */
  readonly stall: boolean;
  readonly partition: boolean;
  readonly partitionOneWay: boolean;
  /** Any directed graph of links stays: a ring, two halves that one member joins, links by chance. */
  readonly partitionGraph: boolean;
  readonly isolateLeader: boolean;
  /** Links stall, and later deliver what they held. */
  readonly clog: boolean;
  /** All links of some members stall one after the other, and go on in another order. */
  readonly swizzleClog: boolean;
  readonly diskSlow: boolean;
  readonly diskError: boolean;
  /** No space is left after some more bytes, until somebody makes room. */
  readonly diskFull: boolean;
  /** Bits flip, sectors go blank, writes are acknowledged and gone or land elsewhere: in the log, in a slot, in a snapshot. */
  readonly logDamage: boolean;
  readonly slotDamage: boolean;
  readonly snapshotDamage: boolean;
  /** A read gives another bit than is stored; a read fails. */
  readonly readDamage: boolean;
  readonly readError: boolean;
  /** Both slots are damaged, a disk is wiped, or set back to an older copy: the member must be replaced. */
  readonly slotsLost: boolean;
  readonly wipe: boolean;
  readonly setBack: boolean;
  /** A clock runs up to twice as fast or half as fast for a while. */
  readonly clockDrift: boolean;
  /** A clock leaps ahead by up to five minutes in which nothing passed elsewhere. */
  readonly clockJump: boolean;
}

/** How members come and go; null in a seed where they stay. */
export interface MembershipPlan {
  readonly meanIntervalMs: number;
  readonly voterCountMax: number;
  /** Members with an empty disk that may come into being. */
  readonly newcomerCountMax: number;
  /** Refuses changes that too few voters at work could carry. */
  readonly strictQuorum: boolean;
  readonly promotionMarginEntryCount: number;
  /** How often a change goes through a joint configuration that has to be left by request. */
  readonly explicitChance: number;
}

/** What clients do. */
export interface WorkloadPlan {
  readonly clientCount: number;
  readonly keyCount: number;
  readonly readShare: number;
  readonly meanThinkMs: number;
  readonly deadlineMs: number;
  readonly valueBytesMax: number;
  /** Proposals that one client sends in one turn. */
  readonly burstCountMax: number;
}

/** Everything a seed decides before the first event. */
export interface SeedPlan {
  readonly seed: number;
  readonly nodeCount: number;
  readonly tickMs: number;
  /** By how much the rates of two members' clocks may differ, as a share. */
  readonly clockSpread: number;
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Leaders answer reads by their clock; clocks then differ by a tenth at most. Needs `checkQuorum`. */
  readonly leaseReads: boolean;
  /** The state machine keeps sessions, and clients put within them. */
  readonly sessions: boolean;
  /** Some members are of an older version than others, and change it with each start. */
  readonly mixedVersions: boolean;
  /** Places in the code that are at their worst now and then. */
  readonly buggified: readonly BuggifyPoint[];
  /** Members that may come in place of broken ones. */
  readonly spareMemberCount: number;
  /** Entries applied since the last snapshot that make the next one due. */
  readonly snapshotEntryCount: number;
  /** Entries kept behind a snapshot for followers that are a little late. */
  readonly trailingEntryCount: number;
  /** Bytes of log that a member which stops would have to apply again, and makes an image instead; null: it never does. */
  readonly stopLogBytesMin: number | null;
  readonly appendBytesMax: number;
  readonly inflightCountMax: number;
  readonly snapshotChunkBytes: number;
  readonly segmentBytes: number;
  /** Entries kept in memory; small, so that some must be read back. */
  readonly windowBytesMax: number;
  readonly batchBytesMax: number;
  readonly faultPhaseMs: number;
  /** After it, faults, clients and changes go on, but seldom: as in the life of a cluster. 0 for none. */
  readonly calmPhaseMs: number;
  /** So many times longer than in the storm clients think in the calm: from a busy day to a night on which hardly anybody is there. */
  readonly calmClientPace: number;
  readonly network: NetworkPlan;
  readonly disk: DiskPlan;
  readonly nemesis: NemesisPlan;
  readonly membership: MembershipPlan | null;
  readonly workload: WorkloadPlan;
  /** Members have the API of etcd, and clients of it; null in a seed without. */
  readonly etcd: EtcdPlan | null;
}

/** So many times rarer than in the fault phase are faults and changes of the members in the calm phase. */
export const calmPace = 20;

/** Draws the plan of a seed. */
export function swarm(seed: number, root: Prng): SeedPlan {
  const random = root.stream("swarm");
  const clocks = root.stream("swarm-clocks");
  const tickMs = random.pick([50, 100]);
  const electionTimeoutTicks = random.integer(5, 21);
  const plan: SeedPlan = {
    seed,
    nodeCount: random.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5]),
    tickMs,
    clockSpread: 0.1,
    electionTimeoutTicks,
    heartbeatTicks: random.integer(1, Math.max(2, Math.floor(electionTimeoutTicks / 4))),
    preVote: random.chance(0.5),
    checkQuorum: random.chance(0.5),
    leaseReads: false,
    sessions: root.stream("swarm-sessions").chance(0.4),
    mixedVersions: root.stream("swarm-versions").chance(0.4),
    buggified: buggified(root.stream("swarm-buggify")),
    spareMemberCount: 0,
    snapshotEntryCount: random.pick([3, 10, 30, 100, 1000]),
    trailingEntryCount: random.pick([0, 1, 5, 50]),
    stopLogBytesMin: root.stream("swarm-last-image").pick([null, 1, 1, 1, 200, 2_000]),
    appendBytesMax: random.pick([64, 512, 4096, 65536]),
    inflightCountMax: random.pick([1, 2, 8, 64]),
    snapshotChunkBytes: random.pick([256, 4096, 65536]),
    segmentBytes: random.pick([16384, 65536]),
    windowBytesMax: random.pick([256, 4096, 1048576]),
    batchBytesMax: random.pick([1024, 65536]),
    faultPhaseMs: random.integer(15_000, 40_000),
    calmPhaseMs: root.stream("swarm-calm").integer(80_000, 240_000),
    calmClientPace: root.stream("swarm-calm-clients").pick([20, 60, 200, 600]),
    network: networkPlan(random, root.stream("swarm-network")),
    disk: diskPlan(random),
    nemesis: nemesisPlan(random, root.stream("swarm-nemesis"), root.stream("swarm-boundaries")),
    membership: membershipPlan(root.stream("swarm-membership")),
    workload: workloadPlan(random),
    etcd: null,
  };
  assert(plan.heartbeatTicks < plan.electionTimeoutTicks, "swarm: heartbeat slower than election");
  const stops = root.stream("swarm-stops");
  // A last image has a megabyte at least; nobody waits for one that travels in thousands of pieces.
  const stopLogBytesMin = plan.snapshotChunkBytes < 4096 ? null : plan.stopLogBytesMin;
  const leaseReads = plan.checkQuorum && clocks.chance(0.4);
  // RAFT §6.4.1: a lease is a promise about clocks; where they drift further than that it may be broken.
  const nemesis = {
    ...plan.nemesis,
    clockDrift: !leaseReads && clocks.chance(0.4),
    clockJump: !leaseReads && root.stream("swarm-clock-jumps").chance(0.4),
    rollingRestart: stops.chance(0.4),
    troubleAtStop: stops.chance(0.5),
  };
  const clients = etcdPlan(root.stream("swarm-etcd"), !plan.sessions);
  // A renewal that rests on a word of a moment ago is no promise about clocks that leap.
  const fastLeaseKeepAlive = !nemesis.clockJump && root.stream("swarm-keep-alives").chance(0.7);
  const etcd = clients && { ...clients, fastLeaseKeepAlive };
  const drawn = {
    ...plan,
    stopLogBytesMin,
    leaseReads,
    nemesis: { ...nemesis, diskFull: clocks.chance(0.3) },
    etcd,
  };
  return withDamage(drawn, root.stream("swarm-damage"), root.stream("swarm-repairs"));
}

/** Between the storm and the heal: what happens to frames happens to few of them. */
export function calmNetwork(plan: NetworkPlan): NetworkPlan {
  const { lossChance, duplicateChance, reorderChance, slowChance } = plan;
  return {
    ...plan,
    lossChance: lossChance / calmPace,
    duplicateChance: duplicateChance / calmPace,
    reorderChance: reorderChance / calmPace,
    slowChance: slowChance / calmPace,
    corruptChance: plan.corruptChance / calmPace,
    resetChance: plan.resetChance / calmPace,
    replayChance: plan.replayChance / calmPace,
  };
}

/** After the faults: a network that neither loses nor reorders, so that progress is owed. */
export function healedNetwork(plan: NetworkPlan): NetworkPlan {
  const calm = { lossChance: 0, duplicateChance: 0, reorderChance: 0, slowChance: 0 };
  return { ...plan, ...calm, corruptChance: 0, resetChance: 0, replayChance: 0 };
}

function sometimes(random: Prng, value: () => number): number {
  return random.chance(0.5) ? value() : 0;
}

function networkPlan(random: Prng, damage: Prng): NetworkPlan {
  const delayMsMin = random.integer(0, 4);
  return {
    delayMsMin,
    delayMsMax: delayMsMin + random.integer(1, 30),
    lossChance: sometimes(random, () => random.fraction() * 0.2),
    duplicateChance: sometimes(random, () => random.fraction() * 0.2),
    reorderChance: sometimes(random, () => random.fraction() * 0.3),
    slowChance: sometimes(random, () => random.fraction() * 0.05),
    slowDelayMsMax: random.integer(100, 5_000),
    corruptChance: sometimes(damage, () => damage.fraction() * 0.02),
    resetChance: sometimes(damage, () => damage.fraction() * 0.02),
    replayChance: sometimes(damage, () => damage.fraction() * 0.05),
  };
}

function diskPlan(random: Prng): DiskPlan {
  const syncMsMin = random.integer(0, 3);
  return {
    writeMsMax: random.integer(0, 4),
    syncMsMin,
    syncMsMax: syncMsMin + random.pick([0, 2, 10, 50]),
    slowMsMax: random.integer(100, 3_000),
  };
}

function nemesisPlan(random: Prng, links: Prng, boundaries: Prng): NemesisPlan {
  return {
    meanIntervalMs: random.integer(500, 4_000),
    crash: random.chance(0.5),
    crashAtDiskOperation: random.chance(0.6),
    powerLoss: random.chance(0.5),
    pause: random.chance(0.4),
    partition: random.chance(0.5),
    partitionOneWay: random.chance(0.4),
    isolateLeader: random.chance(0.5),
    diskSlow: random.chance(0.3),
    diskError: random.chance(0.3),
    stop: random.chance(0.4),
    clog: links.chance(0.4),
    swizzleClog: links.chance(0.4),
    crashAtSend: boundaries.chance(0.4),
    crashAtApply: boundaries.chance(0.4),
    stall: boundaries.chance(0.2),
    partitionGraph: boundaries.chance(0.4),
    diskFull: false,
    clockDrift: false,
    clockJump: false,
    rollingRestart: false,
    troubleAtStop: false,
    ...noDamage,
  };
}

/** Half of the places, in half of the seeds. */
function buggified(random: Prng): readonly BuggifyPoint[] {
  return random.chance(0.5) ? [] : buggifyPoints.filter(() => random.chance(0.5));
}

const noDamage = {
  logDamage: false,
  slotDamage: false,
  snapshotDamage: false,
  readDamage: false,
  readError: false,
  slotsLost: false,
  wipe: false,
  setBack: false,
};

/**
 * In half of the seeds, and not together with members that come and go: which disks the cluster can spare must be known, and does
 * not count on whom somebody else takes away next.
 */
function withDamage(plan: SeedPlan, random: Prng, repairs: Prng): SeedPlan {
  if (random.chance(0.5)) {
    return plan;
  }
  const nemesis: NemesisPlan = {
    ...plan.nemesis,
    logDamage: random.chance(0.7),
    slotDamage: random.chance(0.5),
    snapshotDamage: random.chance(0.5),
    readDamage: random.chance(0.5),
    readError: random.chance(0.5),
    slotsLost: random.chance(0.4),
    wipe: random.chance(0.4),
    setBack: random.chance(0.4),
  };
  // Only what is damaged is repaired: drawn like the others, this place would be met once in thousands of seeds.
  const others = plan.buggified.filter((point) => point !== "repair-one-entry");
  const buggified = repairs.chance(0.7) ? [...others, "repair-one-entry" as const] : others;
  return { ...plan, nemesis, buggified, membership: null, spareMemberCount: 6 };
}

/** How often a place that is asked is at its worst: one time in twenty, and every other time where hardly anybody asks. */
export function worstChance(point: BuggifyPoint): number {
  return point === "repair-one-entry" ? 0.5 : 0.05;
}

function membershipPlan(random: Prng): MembershipPlan | null {
  if (random.chance(0.5)) {
    return null;
  }
  return {
    meanIntervalMs: random.integer(400, 4_000),
    voterCountMax: random.pick([3, 5, 5, 7]),
    newcomerCountMax: random.integer(2, 13),
    strictQuorum: random.chance(0.7),
    promotionMarginEntryCount: random.pick([0, 3, 256]),
    explicitChance: random.pick([0, 0.1, 0.5]),
  };
}

function workloadPlan(random: Prng): WorkloadPlan {
  return {
    clientCount: random.integer(1, 6),
    keyCount: random.integer(1, 8),
    readShare: random.pick([0, 0.2, 0.5, 0.8]),
    meanThinkMs: random.integer(20, 300),
    deadlineMs: random.integer(500, 5_000),
    valueBytesMax: random.pick([16, 64, 512]),
    burstCountMax: random.pick([1, 1, 4, 16]),
  };
}
