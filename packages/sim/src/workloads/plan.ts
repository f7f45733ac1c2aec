/** What clients of the API do in one seed: each workload is on or off, with clients, keys and a network of its own. */
import type { Prng } from "@quorate/base";
import type { ClientNetworkPlan } from "../etcd/client-network.ts";

/** Drawn for a seed whose members have APIs. A workload with no clients is off. */
export interface EtcdPlan {
  readonly network: ClientNetworkPlan;
  readonly meanThinkMs: number;
  /** How long a client waits for an answer. */
  readonly deadlineMs: number;
  readonly keyCount: number;
  /** Bytes that the state may take before NOSPACE; negative for any. */
  readonly quotaBytes: number;
  /** Between notifications of progress to idle watchers. */
  readonly progressIntervalMs: number;
  /** Events and keys that an API takes up at once. */
  readonly sliceCount: number;
  readonly mixClientCount: number;
  readonly singleClientCount: number;
  readonly watcherCount: number;
  readonly leaseClientCount: number;
  readonly bankClientCount: number;
  readonly lockClientCount: number;
  /** Leaders that a majority confirmed a moment ago renew leases without asking it; some holders renew in quick succession. */
  readonly fastLeaseKeepAlive: boolean;
  readonly compacts: boolean;
  /** Access control, which an administrator switches on and off; all other clients are root. */
  readonly userCount: number;
}

/** Everything at once but what makes other clients wait: what a plan is made of where a seed has drawn none. */
export const etcdPlanBase: EtcdPlan = {
  network: { delayMsMin: 1, delayMsMax: 20, lossChance: 0.02, resetChance: 0.1, windowBytes: 2_048 },
  meanThinkMs: 80,
  deadlineMs: 3_000,
  keyCount: 5,
  quotaBytes: -1,
  progressIntervalMs: 300,
  sliceCount: 3,
  mixClientCount: 3,
  singleClientCount: 1,
  watcherCount: 3,
  leaseClientCount: 3,
  bankClientCount: 1,
  lockClientCount: 2,
  fastLeaseKeepAlive: false,
  compacts: true,
  userCount: 0,
};

/** @param mayRefuse Whether the state machine may refuse what others put, by alarms and by access control: sessions keep no refusals. */
export function etcdPlan(random: Prng, mayRefuse: boolean): EtcdPlan | null {
  if (random.chance(0.4)) {
    return null;
  }
  const some = (chance: number, most: number): number =>
    random.chance(chance) ? random.integer(1, most + 1) : 0;
  const delayMsMin = random.integer(0, 5);
  return {
    network: {
      delayMsMin,
      delayMsMax: delayMsMin + random.integer(1, 40),
      lossChance: random.chance(0.5) ? random.fraction() * 0.1 : 0,
      resetChance: random.chance(0.5) ? random.fraction() * 0.3 : 0,
      windowBytes: random.pick([256, 2048, 65536]),
    },
    meanThinkMs: random.integer(30, 300),
    deadlineMs: random.integer(500, 6_000),
    keyCount: random.integer(2, 10),
    quotaBytes: mayRefuse && random.chance(0.5) ? random.integer(15_000, 40_000) : -1,
    progressIntervalMs: random.pick([300, 2_000]),
    sliceCount: random.pick([1, 3, 20, 1_000]),
    mixClientCount: some(0.7, 3),
    singleClientCount: some(0.4, 3),
    watcherCount: some(0.6, 4),
    leaseClientCount: some(0.5, 3),
    bankClientCount: some(0.4, 3),
    lockClientCount: some(0.4, 3),
    fastLeaseKeepAlive: false,
    compacts: random.chance(0.5),
    userCount: mayRefuse && random.chance(0.5) ? random.integer(1, 4) : 0,
  };
}
