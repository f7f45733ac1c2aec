/**
 * The network between members: one directed link per pair, each with its own loss, duplication, reordering and delay, and
 * an arbitrary set of blocked links. It carries bytes: whoever sends encodes, whoever receives decodes.
 */
import { assert, type Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import type { FaultCount } from "./fault-count.ts";
import { healedNetwork, type NetworkPlan } from "./swarm.ts";
import type { World } from "./world.ts";

/** How a frame arrives: as it was sent, with a bit changed, or cut off where the connection broke. */
export type FrameState = "whole" | "corrupt" | "cut";

/** Called when a frame arrives. */
type Deliver = (from: NodeId, to: NodeId, bytes: Uint8Array, state: FrameState, disk: number) => void;

/** One direction between two members. */
export interface DirectedLink {
  readonly from: NodeId;
  readonly to: NodeId;
}

interface Frame extends DirectedLink {
  readonly bytes: Uint8Array;
  /** Which disk the sender had: stands for the connection that the frame belongs to. */
  readonly disk: number;
  /** Which machine it was said to, of those that stood under the receiver's name. */
  readonly machine: number;
}

/** Frames that the network remembers, to repeat them at any later time. */
const recordedCountMax = 200;

/** All links of a run. */
export class Network {
  readonly #world: World;
  readonly #random: Prng;
  readonly #faults: FaultCount;
  readonly #deliver: Deliver;
  /** The machine that stands under a name now; the first one has number 1, as its disk. */
  readonly #machines = new Map<NodeId, number>();
  /** How many cuts block a link. */
  #blocked = new Map<number, number>();
  /** When the last frame in order arrives on a link: the next one is not earlier. */
  readonly #busyUntilMs = new Map<number, number>();
  readonly #damageRandom: Prng;
  /** Links on which nothing arrives and nothing is lost. */
  readonly #clogged = new Set<number>();
  #held: Frame[] = [];
  readonly #recorded: Frame[] = [];
  #plan: NetworkPlan;
  #isHealed = false;

  constructor(world: World, plan: NetworkPlan, faults: FaultCount, deliver: Deliver) {
    this.#world = world;
    this.#random = world.random.stream("network");
    this.#damageRandom = world.random.stream("network-damage");
    this.#plan = plan;
    this.#faults = faults;
    this.#deliver = deliver;
  }

  /** Changes loss and delay for everything sent from now on. */
  setPlan(plan: NetworkPlan): void {
    this.#plan = plan;
  }

  /** From now on whatever is sent arrives, undamaged and once, and nobody may act as if it did not. */
  heal(): void {
    this.#plan = healedNetwork(this.#plan);
    this.#isHealed = true;
  }

  get isHealed(): boolean {
    return this.#isHealed;
  }

  /** Blocks one direction: frames sent into it, and frames on their way, are gone. */
  block(from: NodeId, to: NodeId): void {
    this.cut([{ from, to }]);
  }

  /** Blocks any graph of directed links. What is returned restores just these; one that another cut blocks as well stays blocked. */
  cut(links: readonly DirectedLink[]): () => void {
    const blocked = this.#blocked;
    const keys = new Set(links.map(({ from, to }) => link(from, to)));
    for (const key of keys) {
      blocked.set(key, (blocked.get(key) ?? 0) + 1);
    }
    return () => {
      // After `unblockAll` there is nothing of this cut left to restore.
      for (const key of blocked === this.#blocked ? keys : []) {
        const left = (blocked.get(key) ?? 0) - 1;
        assert(left >= 0, "network: a cut healed twice");
        if (left === 0) {
          blocked.delete(key);
        } else {
          blocked.set(key, left);
        }
      }
    };
  }

  /** Opens every link. */
  unblockAll(): void {
    this.#blocked = new Map();
  }

  isBlocked(from: NodeId, to: NodeId): boolean {
    return this.#blocked.has(link(from, to));
  }

  /** Holds back what one direction carries until {@link unclog}. */
  clog(from: NodeId, to: NodeId): void {
    this.#clogged.add(link(from, to));
  }

  /** What was held back arrives, in order. */
  unclog(from: NodeId, to: NodeId): void {
    this.#clogged.delete(link(from, to));
    this.#release();
  }

  /** Unclogs every link. */
  unclogAll(): void {
    this.#clogged.clear();
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const frame of held) {
      this.#world.schedule(0, () => this.#arrive(frame));
    }
  }

  /**
   * Puts a frame on its way; `bytes` belong to the network from here on. False when the link is blocked. An answer goes back on the
   * connection that the question came on: to the machine that asked, `machine`, whoever stands under its name meanwhile.
   */
  send(
    from: NodeId,
    to: NodeId,
    bytes: Uint8Array,
    disk: number = 0,
    machine: number = this.machineOf(to),
  ): boolean {
    assert(from !== to, "network: frame to oneself");
    if (this.isBlocked(from, to)) {
      this.#faults.add("frame-blocked");
      return false;
    }
    if (this.#random.chance(this.#plan.lossChance)) {
      this.#faults.add("frame-lost");
      return true;
    }
    const frame = { from, to, bytes, disk, machine };
    this.#schedule(frame);
    if (this.#random.chance(this.#plan.duplicateChance)) {
      this.#faults.add("frame-duplicated");
      this.#schedule(frame);
    }
    this.#replay(frame);
    return true;
  }

  /** Now and then something old arrives once more, also what a process sent that has crashed since. */
  #replay(frame: Frame): void {
    const random = this.#damageRandom;
    if (this.#plan.replayChance === 0) {
      return;
    }
    if (this.#recorded.length < recordedCountMax) {
      this.#recorded.push(frame);
    } else if (random.chance(0.05)) {
      this.#recorded[random.integer(0, recordedCountMax)] = frame;
    }
    if (random.chance(this.#plan.replayChance)) {
      this.#faults.add("frame-replayed");
      const old = random.pick(this.#recorded);
      this.#world.schedule(this.#delayMs(), () => this.#arrive(old));
    }
  }

  #schedule(frame: Frame): void {
    const key = link(frame.from, frame.to);
    const nowMs = this.#world.nowMs;
    let atMs = nowMs + this.#delayMs();
    if (this.#random.chance(this.#plan.reorderChance)) {
      this.#faults.add("frame-reordered");
    } else {
      atMs = Math.max(atMs, this.#busyUntilMs.get(key) ?? 0);
      this.#busyUntilMs.set(key, atMs);
    }
    this.#world.schedule(atMs - nowMs, () => this.#arrive(frame));
  }

  /** From now on another machine stands under that name: no connection with the former one leads to it, nor what was said there. */
  replaceMachine(node: NodeId): void {
    this.#machines.set(node, this.machineOf(node) + 1);
  }

  /** Which machine stands under the name now. */
  machineOf(node: NodeId): number {
    return this.#machines.get(node) ?? 1;
  }

  #arrive(frame: Frame): void {
    const { bytes, disk, from, to } = frame;
    if (frame.machine !== this.machineOf(to)) {
      return;
    }
    if (this.isBlocked(from, to)) {
      this.#faults.add("frame-blocked");
      return;
    }
    if (this.#clogged.has(link(from, to))) {
      this.#faults.add("frame-clogged");
      this.#held.push(frame);
      return;
    }
    const random = this.#damageRandom;
    if (random.chance(this.#plan.corruptChance)) {
      this.#faults.add("frame-corrupted");
      this.#deliver(from, to, withOtherBits(bytes, random), "corrupt", disk);
    } else if (random.chance(this.#plan.resetChance)) {
      this.#faults.add("connection-reset");
      this.#deliver(from, to, bytes.slice(0, random.integer(0, bytes.length)), "cut", disk);
    } else {
      this.#deliver(from, to, bytes, "whole", disk);
    }
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

/** One to three bits changed. */
function withOtherBits(bytes: Uint8Array, random: Prng): Uint8Array {
  const damaged = bytes.slice();
  const places = new Set<number>();
  for (let count = random.integer(1, 4); count > 0; count--) {
    places.add(random.integer(0, bytes.length * 8));
  }
  for (const bit of places) {
    const at = bit >>> 3;
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7));
  }
  return damaged;
}

/** Members of a simulated cluster are numbered from 1 and few. */
function link(from: NodeId, to: NodeId): number {
  assert(from < 1024 && to < 1024, "network: node id out of range");
  return from * 1024 + to;
}
