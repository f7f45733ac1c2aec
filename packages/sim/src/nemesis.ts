/**
 * Who makes things go wrong: one fault after the other at random intervals, each undone after a while, several overlapping.
 * In the heal phase it stops and everything is put right.
 */
import type { Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import type { FaultCount } from "./fault-count.ts";
import type { Network } from "./network.ts";
import type { NemesisPlan } from "./swarm.ts";
import type { World } from "./world.ts";

/** What the nemesis can do to a member. Each answers false when the member is in no state for it. */
export interface NemesisTarget {
  readonly nodes: readonly NodeId[];
  readonly network: Network;
  leader(): NodeId | null;
  /** Power off: nothing unsynced is sure to stay, nothing of the process runs on. */
  crash(node: NodeId): boolean;
  restart(node: NodeId): boolean;
  /** Hands over, drains, closes, comes back by itself. */
  stop(node: NodeId): boolean;
  pause(node: NodeId): boolean;
  resume(node: NodeId): boolean;
  /** Crashes the member at the boundary of its `operations`-th disk operation from now. */
  crashAtDiskOperation(node: NodeId, operations: number): boolean;
  /** Fails the member's `operations`-th write or sync from now with EIO. */
  failDiskOperation(node: NodeId, operations: number): boolean;
  setDiskSlow(node: NodeId, slow: boolean): void;
  /** So many more bytes fit on the member's disk; null for any number. The first write that does not fit counts the fault. */
  setDiskRoom(node: NodeId, bytes: number | null): void;
  /** The member's clock runs so many times as fast as before it was ever changed. */
  setClockSpeed(node: NodeId, speed: number): void;
  /** The disk is fast again and no fault waits in it. */
  calmDisk(node: NodeId): void;
}

/** See the head of this file. */
export class Nemesis {
  readonly #world: World;
  readonly #random: Prng;
  readonly #plan: NemesisPlan;
  readonly #target: NemesisTarget;
  readonly #faults: FaultCount;
  readonly #actions: readonly (() => void)[];
  #active = true;

  constructor(world: World, plan: NemesisPlan, target: NemesisTarget, faults: FaultCount) {
    this.#world = world;
    this.#random = world.random.stream("nemesis");
    this.#plan = plan;
    this.#target = target;
    this.#faults = faults;
    this.#actions = this.#enabledActions();
  }

  /** Begins; goes on until {@link stop}. */
  start(): void {
    if (this.#actions.length > 0) {
      this.#scheduleNext();
    }
  }

  /** Puts everything right and does no more. */
  stop(): void {
    this.#active = false;
    this.#target.network.unblockAll();
    this.#target.network.unclogAll();
    for (const node of this.#target.nodes) {
      this.#target.calmDisk(node);
      this.#target.setClockSpeed(node, 1);
      this.#target.resume(node);
      this.#target.restart(node);
    }
  }

  #enabledActions(): readonly (() => void)[] {
    const plan = this.#plan;
    const actions: (() => void)[] = [];
    const add = (enabled: boolean, act: () => void): void => {
      if (enabled) {
        actions.push(act);
      }
    };
    const several = this.#target.nodes.length > 1;
    add(plan.crash, () => this.#crash());
    add(plan.crashAtDiskOperation, () => this.#crashAtDiskOperation());
    add(plan.powerLoss, () => this.#powerLoss());
    add(plan.stop, () => this.#stop());
    add(plan.pause, () => this.#pause());
    add(plan.partition && several, () => this.#partition());
    add(plan.partitionOneWay && several, () => this.#partitionOneWay());
    add(plan.isolateLeader && several, () => this.#isolateLeader());
    add(plan.clog && several, () => this.#clog());
    add(plan.swizzleClog && several, () => this.#swizzleClog());
    add(plan.diskSlow, () => this.#diskSlow());
    add(plan.diskError, () => this.#diskError());
    add(plan.diskFull, () => this.#diskFull());
    add(plan.clockDrift, () => this.#clockDrift());
    return actions;
  }

  #scheduleNext(): void {
    // Between a third and five thirds of the mean: bursts happen, long silences do not waste the seed.
    const mean = this.#plan.meanIntervalMs * this.#world.pace;
    const delay = Math.floor(mean / 3) + this.#random.integer(0, Math.ceil((mean * 4) / 3));
    this.#later(delay, () => {
      this.#random.pick(this.#actions)();
      this.#scheduleNext();
    });
  }

  /** Runs `work` after a while unless the faults are over by then. */
  #later(delayMs: number, work: () => void): void {
    this.#world.schedule(delayMs, () => {
      if (this.#active) {
        work();
      }
    });
  }

  #node(): NodeId {
    return this.#random.pick(this.#target.nodes);
  }

  /** Most down times are short against an election time-out, some are long. */
  #downMs(): number {
    return this.#random.chance(0.5) ? this.#random.integer(1, 300) : this.#random.integer(300, 6_000);
  }

  #restartLater(node: NodeId): void {
    this.#later(this.#downMs(), () => this.#target.restart(node));
  }

  #crash(): void {
    const node = this.#node();
    if (this.#target.crash(node)) {
      this.#faults.add("crash");
      this.#restartLater(node);
    }
  }

  /** The target counts the fault when the call comes, and comes back by itself. */
  #crashAtDiskOperation(): void {
    this.#target.crashAtDiskOperation(this.#node(), this.#random.integer(1, 30));
  }

  #powerLoss(): void {
    let crashed = 0;
    for (const node of this.#target.nodes) {
      crashed += this.#target.crash(node) ? 1 : 0;
    }
    if (crashed > 0) {
      this.#faults.add("power-loss");
    }
    for (const node of this.#target.nodes) {
      this.#restartLater(node);
    }
  }

  #stop(): void {
    if (this.#target.stop(this.#node())) {
      this.#faults.add("stop");
    }
  }

  #pause(): void {
    const node = this.#node();
    if (this.#target.pause(node)) {
      this.#faults.add("pause");
      this.#later(this.#downMs(), () => this.#target.resume(node));
    }
  }

  #partition(): void {
    const left = this.#target.nodes.filter(() => this.#random.chance(0.5));
    const right = this.#target.nodes.filter((node) => !left.includes(node));
    if (left.length === 0 || right.length === 0) {
      return;
    }
    for (const from of left) {
      for (const to of right) {
        this.#target.network.block(from, to);
        this.#target.network.block(to, from);
      }
    }
    this.#faults.add("partition");
    this.#later(this.#downMs(), () => this.#target.network.unblockAll());
  }

  #partitionOneWay(): void {
    const from = this.#node();
    const others = this.#target.nodes.filter((node) => node !== from);
    if (others.length === 0) {
      return; // All others were removed.
    }
    const deaf = this.#random.chance(0.5);
    for (const to of others) {
      if (this.#random.chance(0.7)) {
        this.#target.network.block(deaf ? to : from, deaf ? from : to);
      }
    }
    this.#faults.add("partition-one-way");
    this.#later(this.#downMs(), () => this.#target.network.unblockAll());
  }

  #isolateLeader(): void {
    const leader = this.#target.leader();
    if (leader === null) {
      return;
    }
    for (const other of this.#target.nodes) {
      if (other !== leader) {
        this.#target.network.block(leader, other);
        this.#target.network.block(other, leader);
      }
    }
    this.#faults.add("isolate-leader");
    this.#later(this.#downMs(), () => this.#target.network.unblockAll());
  }

  #clog(): void {
    const from = this.#node();
    const to = this.#node();
    if (from !== to) {
      this.#target.network.clog(from, to);
      this.#faults.add("clog");
      this.#later(this.#downMs(), () => this.#target.network.unclog(from, to));
    }
  }

  /** Member after member loses its links, each at a moment of its own, and they come back in another order. */
  #swizzleClog(): void {
    const all = this.#target.nodes;
    const some = all.filter(() => this.#random.chance(0.5));
    const { network } = this.#target;
    for (const node of some) {
      const others = all.filter((other) => other !== node);
      this.#later(this.#random.integer(0, 2_000), () => {
        for (const other of others) {
          network.clog(node, other);
          network.clog(other, node);
        }
      });
      this.#later(2_000 + this.#random.integer(0, 3_000), () => {
        for (const other of others) {
          network.unclog(node, other);
          network.unclog(other, node);
        }
      });
    }
    if (some.length > 0) {
      this.#faults.add("swizzle-clog");
    }
  }

  #diskSlow(): void {
    const node = this.#node();
    this.#target.setDiskSlow(node, true);
    this.#faults.add("disk-slow");
    this.#later(this.#downMs(), () => this.#target.setDiskSlow(node, false));
  }

  #diskFull(): void {
    const node = this.#node();
    this.#target.setDiskRoom(node, this.#random.integer(0, 20_000));
    this.#later(this.#downMs() * 2, () => this.#target.setDiskRoom(node, null));
  }

  #clockDrift(): void {
    const node = this.#node();
    this.#target.setClockSpeed(node, 0.5 + 1.5 * this.#random.fraction());
    this.#faults.add("clock-drift");
    this.#later(this.#downMs() * 2, () => this.#target.setClockSpeed(node, 1));
  }

  #diskError(): void {
    this.#target.failDiskOperation(this.#node(), this.#random.integer(1, 30));
  }
}
