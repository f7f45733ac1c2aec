/**
 * The network between members: one directed link per pair, each with its own loss, duplication, reordering and delay, and
 * an arbitrary set of blocked links. It carries bytes: whoever sends encodes, whoever receives decodes.
 */
import { assert, type Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import type { FaultCount } from "./fault-count.ts";
import type { NetworkPlan } from "./swarm.ts";
import type { World } from "./world.ts";

/** Called when a frame arrives. */
type Deliver = (from: NodeId, to: NodeId, bytes: Uint8Array) => void;

/** All links of a run. */
export class Network {
  readonly #world: World;
  readonly #random: Prng;
  readonly #faults: FaultCount;
  readonly #deliver: Deliver;
  readonly #blocked = new Set<number>();
  /** When the last frame in order arrives on a link: the next one is not earlier. */
  readonly #busyUntilMs = new Map<number, number>();
  #plan: NetworkPlan;

  constructor(world: World, plan: NetworkPlan, faults: FaultCount, deliver: Deliver) {
    this.#world = world;
    this.#random = world.random.stream("network");
    this.#plan = plan;
    this.#faults = faults;
    this.#deliver = deliver;
  }

  /** Changes loss and delay for everything sent from now on. */
  setPlan(plan: NetworkPlan): void {
    this.#plan = plan;
  }

  /** Blocks one direction: frames sent into it, and frames on their way, are gone. */
  block(from: NodeId, to: NodeId): void {
    this.#blocked.add(link(from, to));
  }

  /** Opens every link. */
  unblockAll(): void {
    this.#blocked.clear();
  }

  isBlocked(from: NodeId, to: NodeId): boolean {
    return this.#blocked.has(link(from, to));
  }

  /** Puts a frame on its way; `bytes` belong to the network from here on. False when the link is blocked. */
  send(from: NodeId, to: NodeId, bytes: Uint8Array): boolean {
    assert(from !== to, "network: frame to oneself");
    if (this.isBlocked(from, to)) {
      this.#faults.add("frame-blocked");
      return false;
    }
    if (this.#random.chance(this.#plan.lossChance)) {
      this.#faults.add("frame-lost");
      return true;
    }
    this.#schedule(from, to, bytes);
    if (this.#random.chance(this.#plan.duplicateChance)) {
      this.#faults.add("frame-duplicated");
      this.#schedule(from, to, bytes);
    }
    return true;
  }

  #schedule(from: NodeId, to: NodeId, bytes: Uint8Array): void {
    const key = link(from, to);
    const nowMs = this.#world.nowMs;
    let atMs = nowMs + this.#delayMs();
    if (this.#random.chance(this.#plan.reorderChance)) {
      this.#faults.add("frame-reordered");
    } else {
      atMs = Math.max(atMs, this.#busyUntilMs.get(key) ?? 0);
      this.#busyUntilMs.set(key, atMs);
    }
    this.#world.schedule(atMs - nowMs, () => {
      if (this.isBlocked(from, to)) {
        this.#faults.add("frame-blocked");
        return;
      }
      this.#deliver(from, to, bytes);
    });
  }

  #delayMs(): number {
    const plan = this.#plan;
    if (this.#random.chance(plan.slowChance)) {
      this.#faults.add("frame-delayed");
      return this.#random.integer(plan.delayMsMax, plan.delayMsMax + plan.slowDelayMsMax);
    }
    return this.#random.integer(plan.delayMsMin, plan.delayMsMax + 1);
  }
}

/** Members of a simulated cluster are numbered from 1 and few. */
function link(from: NodeId, to: NodeId): number {
  assert(from < 1024 && to < 1024, "network: node id out of range");
  return from * 1024 + to;
}
