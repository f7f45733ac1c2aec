/**
 * Who makes things go wrong: one fault after the other at random intervals, each undone after a while, several overlapping.
 * In the heal phase it stops and everything is put right.
 */
import type { Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import type { DiskAtlas } from "./disk-atlas.ts";
import type { FaultCount, FaultKind } from "./fault-count.ts";
import type { Moment } from "./faulty-disk.ts";
import type { DirectedLink, Network } from "./network.ts";
import { anyGraph, bridge, ring, shuffled } from "./partitions.ts";
import { drawStopTrouble, type StopTrouble } from "./stop-trouble.ts";
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
  /** Hands over, drains, leaves an image where one is due, closes, comes back by itself. */
  stop(node: NodeId, trouble: StopTrouble | null): boolean;
  pause(node: NodeId): boolean;
  resume(node: NodeId): boolean;
  /** Crashes the member at its `operations`-th disk call from now, on that side of its effect. */
  crashAtDiskOperation(node: NodeId, operations: number, moment: Moment): boolean;
  /** Crashes the member at its `count`-th effect of that kind from now, on that side of it. */
  crashAtEffect(node: NodeId, effect: "send" | "apply", count: number, moment: Moment): void;
  /** Fails the member's `operations`-th write or sync from now with EIO. */
  failDiskOperation(node: NodeId, operations: number): boolean;
  setDiskSlow(node: NodeId, slow: boolean): void;
  /** So many more bytes fit on the member's disk; null for any number. The first write that does not fit counts the fault. */
  setDiskRoom(node: NodeId, bytes: number | null): void;
  /** The member's clock runs so many times as fast as before it was ever changed. */
  setClockSpeed(node: NodeId, speed: number): void;
  /** The member's clock is so much later at once. False when nothing runs there. */
  jumpClock(node: NodeId, ms: number): boolean;
  /** Fails one read to come with EIO. */
  failRead(node: NodeId, reads: number): void;
  /** Keeps a copy of the member's disk, to be set back to. */
  keepImage(node: NodeId): void;
  /** Ends what must not meet a network that was put right. */
  endTrials(): void;
  /** The disk is fast again and no fault waits in it. */
  calmDisk(node: NodeId): void;
}

/** See the head of this file. */
export class Nemesis {
  readonly #world: World;
  readonly #random: Prng;
  readonly #stopRandom: Prng;
  readonly #plan: NemesisPlan;
  readonly #target: NemesisTarget;
  readonly #faults: FaultCount;
  readonly #atlas: DiskAtlas;
  readonly #actions: readonly (() => void)[];
  #active = true;

  constructor(world: World, plan: NemesisPlan, target: NemesisTarget, faults: FaultCount, atlas: DiskAtlas) {
    this.#world = world;
    this.#random = world.random.stream("nemesis");
    this.#stopRandom = world.random.stream("nemesis-stop");
    this.#plan = plan;
    this.#target = target;
    this.#faults = faults;
    this.#atlas = atlas;
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
    this.#target.endTrials();
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
    add(plan.crashAtSend, () => this.#crashAtEffect("send", 40));
    add(plan.crashAtApply, () => this.#crashAtEffect("apply", 10));
    add(plan.powerLoss, () => this.#powerLoss());
    add(plan.stop, () => this.#stop(this.#node()));
    add(plan.rollingRestart, () => this.#rollingRestart());
    add(plan.pause, () => this.#pause("pause", this.#downMs()));
    add(plan.stall, () => this.#pause("stall", this.#random.integer(5_000, 120_000)));
    add(plan.partition && several, () => this.#partition());
    add(plan.partitionOneWay && several, () => this.#partitionOneWay());
    add(plan.partitionGraph && several, () => this.#partitionGraph());
    add(plan.isolateLeader && several, () => this.#isolateLeader());
    add(plan.clog && several, () => this.#clog());
    add(plan.swizzleClog && several, () => this.#swizzleClog());
    add(plan.diskSlow, () => this.#diskSlow());
    add(plan.diskError, () => this.#diskError());
    add(plan.diskFull, () => this.#diskFull());
    add(plan.logDamage, () => this.#atlas.damage(this.#node(), "log"));
    add(plan.slotDamage, () => this.#atlas.damage(this.#node(), "slot"));
    add(plan.snapshotDamage, () => this.#atlas.damage(this.#node(), "snapshot"));
    add(plan.readDamage, () => this.#atlas.flipRead(this.#node()));
    add(plan.readError, () => this.#target.failRead(this.#node(), this.#random.integer(1, 12)));
    add(plan.slotsLost, () => this.#atlas.loseSlots(this.#node()));
    add(plan.wipe, () => this.#atlas.wipe(this.#node()));
    add(plan.setBack, () => this.#setBack());
    add(plan.clockDrift, () => this.#clockDrift());
    add(plan.clockJump, () => this.#clockJump());
    return actions;
  }

  #scheduleNext(): void {
    // Between a third and five thirds of the mean: bursts happen, long silences do not waste the seed.
    const mean = this.#plan.meanIntervalMs * this.#world.pace;
    const delay = Math.floor(mean / 3) + this.#random.integer(0, Math.ceil((mean * 4) / 3));
    this.#later(delay, () => {
      const act = this.#random.pick(this.#actions);
      if (this.#world.steps.admit("fault")) {
        act();
      }
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

  #moment(): Moment {
    return this.#random.chance(0.5) ? "before" : "after";
  }

  /** The target counts the fault when the call comes, and comes back by itself. */
  #crashAtDiskOperation(): void {
    this.#target.crashAtDiskOperation(this.#node(), this.#random.integer(1, 30), this.#moment());
  }

  #crashAtEffect(effect: "send" | "apply", countMax: number): void {
    this.#target.crashAtEffect(this.#node(), effect, this.#random.integer(1, countMax + 1), this.#moment());
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

  #rollingRestart(): void {
    let delayMs = 0;
    for (const node of shuffled(this.#target.nodes, this.#stopRandom)) {
      this.#later(delayMs, () => this.#stop(node));
      delayMs += this.#stopRandom.integer(200, 4_000);
    }
    this.#faults.add("rolling-restart");
  }

  #stop(node: NodeId): void {
    const random = this.#stopRandom;
    const trouble = this.#plan.troubleAtStop && random.chance(0.5) ? drawStopTrouble(random) : null;
    if (this.#target.stop(node, trouble)) {
      this.#faults.add("stop");
    }
  }

  #pause(kind: "pause" | "stall", ms: number): void {
    const node = this.#node();
    if (this.#target.pause(node)) {
      this.#faults.add(kind);
      this.#later(ms, () => this.#target.resume(node));
    }
  }

  /** Blocks the links for a while; a graph that blocks none is no fault. */
  #cut(kind: FaultKind, links: readonly DirectedLink[]): void {
    if (links.length > 0) {
      const heal = this.#target.network.cut(links);
      this.#faults.add(kind);
      this.#later(this.#downMs(), heal);
    }
  }

  #partition(): void {
    const left = this.#target.nodes.filter(() => this.#random.chance(0.5));
    const right = this.#target.nodes.filter((node) => !left.includes(node));
    this.#cut("partition", bothWays(left, right));
  }

  #partitionOneWay(): void {
    const from = this.#node();
    const others = this.#target.nodes.filter((node) => node !== from);
    const deaf = this.#random.chance(0.5);
    const lost = others.filter(() => this.#random.chance(0.7));
    this.#cut(
      "partition-one-way",
      lost.map((to) => (deaf ? { from: to, to: from } : { from, to })),
    );
  }

  #partitionGraph(): void {
    const nodes = shuffled(this.#target.nodes, this.#random);
    const kind = this.#random.pick(["partition-ring", "partition-bridge", "partition-graph"] as const);
    const links = { "partition-ring": ring, "partition-bridge": bridge, "partition-graph": anyGraph }[kind];
    this.#cut(kind, links(nodes, this.#random));
  }

  #isolateLeader(): void {
    const leader = this.#target.leader();
    if (leader !== null) {
      const others = this.#target.nodes.filter((node) => node !== leader);
      this.#cut("isolate-leader", bothWays([leader], others));
    }
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

  /** A copy first, and what is set back to it later must have gone on meanwhile. */
  #setBack(): void {
    const node = this.#node();
    this.#target.keepImage(node);
    this.#later(this.#random.integer(200, 5_000), () => this.#atlas.setBack(node));
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

  #clockJump(): void {
    const ms = this.#random.chance(0.5)
      ? this.#random.integer(1, 2_000)
      : this.#random.integer(2_000, 300_000);
    if (this.#target.jumpClock(this.#node(), ms)) {
      this.#faults.add("clock-jump");
    }
  }

  #diskError(): void {
    this.#target.failDiskOperation(this.#node(), this.#random.integer(1, 30));
  }
}

function bothWays(left: readonly NodeId[], right: readonly NodeId[]): DirectedLink[] {
  return left.flatMap((from) =>
    right.flatMap((to) => [
      { from, to },
      { from: to, to: from },
    ]),
  );
}
