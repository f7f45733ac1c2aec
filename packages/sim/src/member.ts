/**
 * One member over all its lives: a disk that stays, and a process that starts, is paused, crashes and starts again. The
 * process is the production code, storage with its recovery, host loop, state machine, wire codec; only what is beneath it
 * is simulated. Here its parts are put together and the network reaches them.
 */
import { must, type Prng } from "@quorate/base";
import { type NodeId, noNode, type RefusalCause } from "@quorate/raft";
import type { ObservedStatus } from "./checkers/oracle.ts";
import { type Effect, EffectBoundary } from "./effect-boundary.ts";
import { FaultyDisk, type Moment } from "./faulty-disk.ts";
import { MemberClock } from "./member-clock.ts";
import { MemberDisk } from "./member-disk.ts";
import { MemberHealth } from "./member-health.ts";
import type { MemberParts } from "./member-parts.ts";
import { MemberProcess } from "./member-process.ts";
import { MemberRequests } from "./member-requests.ts";
import type { Machinery } from "./member-start.ts";
import type { FrameState } from "./network.ts";
import type { ObservedMachine } from "./observed-machine.ts";
import { promise } from "./violation.ts";

/** See the head of this file. */
export class Member {
  readonly id: NodeId;
  readonly disk: FaultyDisk;
  readonly health: MemberHealth;
  readonly process: MemberProcess;
  readonly requests: MemberRequests;
  /** What is done to the disk from outside. */
  readonly damage: MemberDisk;
  readonly #parts: MemberParts;
  readonly #failOverRandom: Prng;
  readonly #clock: MemberClock;
  readonly #boundary: EffectBoundary;
  #isDiscarded = false;

  constructor(parts: MemberParts) {
    const { faults, id, oracle, plan, world } = parts;
    this.id = id;
    this.#parts = parts;
    this.#failOverRandom = world.random.stream(`fail-over-${id}`);
    const random = world.random.stream(`member-${id}`);
    const rate = 1 - plan.clockSpread / 2 + random.fraction() * plan.clockSpread;
    this.#clock = new MemberClock(world, plan.tickMs, rate);
    this.#boundary = new EffectBoundary(faults, () => this.process.losePower());
    this.disk = new FaultyDisk(world, world.random.stream(`disk-${id}`), plan.disk, faults, {
      powerLost: () => this.process.losePower(),
      failed: () => oracle.diskFailed(id),
    });
    this.health = new MemberHealth(this.disk);
    const machinery: Machinery = {
      disk: this.disk,
      clock: this.#clock,
      boundary: this.#boundary,
      health: this.health,
    };
    this.process = new MemberProcess(parts, machinery, random, (peer, cause) => this.#refused(peer, cause));
    this.requests = new MemberRequests(parts, () => this.process.life);
    this.damage = new MemberDisk(parts, machinery, this.process);
  }

  /** The machine is taken away, for good. */
  discard(): void {
    this.#isDiscarded = true;
    this.process.discard();
  }

  /** Whether its machine was taken away. */
  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  /** What the member says of itself; null while it is down, paused, recovering or stopped. */
  get status(): ObservedStatus | null {
    return this.process.status;
  }

  /** The state machine of the running process. */
  get machine(): ObservedMachine {
    return must(this.process.life, "member: machine of a process that does not run").machine;
  }

  /** For reports: one line. */
  describe(): string {
    const { status } = this;
    return status === null
      ? `${this.id}: ${this.process.life === null ? "down" : "not running"}`
      : `${this.id}: ${status.role} of term ${status.term}, commit ${status.commit}, applied ${status.applied}`;
  }

  /** Whether this member has noted the disk of `peer`. */
  hasMet(peer: NodeId): boolean {
    return this.process.life?.notes?.expected(peer) != null;
  }

  /** Up to where this member, as the leader, holds acknowledgements of `peer`. */
  matchOf(peer: NodeId): number | null {
    const core = this.status === null ? null : (this.process.life?.host?.unsafeCore ?? null);
    return core?.status().progress.find(({ id }) => id === peer)?.match ?? null;
  }

  /** Whether this member, as the leader, hands over. */
  get handsOver(): boolean {
    const core = this.status === null ? null : (this.process.life?.host?.unsafeCore ?? null);
    return core !== null && core.transferee !== noNode;
  }

  /** Whom the running process takes for members; nobody while it does not run. */
  knownMembers(): readonly NodeId[] {
    const host = this.status === null ? null : (this.process.life?.host ?? null);
    return (host?.status().members ?? []).map(({ id }) => id);
  }

  /** Whether the running process refuses connections of `peer`. */
  refuses(peer: NodeId): boolean {
    const { life } = this.process;
    return life !== null && !life.stopped && !life.process.isPaused && life.transport.refuses(peer);
  }

  /** Lets the clock run so many times as fast as it did at first. */
  setClockSpeed(speed: number): void {
    this.#clock.setSpeed(speed);
  }

  /** Lets the clock leap ahead. False when no process looks at it. */
  jumpClock(ms: number): boolean {
    if (this.process.life === null) {
      return false;
    }
    this.#parts.world.log(`clock ${this.id} +${ms}`);
    this.#clock.leap(ms);
    return true;
  }

  /** Ends the process next to one of its effects to come. */
  crashAtEffect(effect: Effect, count: number, moment: Moment): void {
    this.#boundary.arm(effect, count, moment);
  }

  /** The disk is fast and has room, and no crash waits. */
  calm(): void {
    this.disk.setSlow(false);
    this.disk.setRoom(null);
    this.disk.disarm();
    this.#boundary.disarm();
  }

  /** A frame from the network. */
  receive(from: NodeId, bytes: Uint8Array, state: FrameState, disk: number): void {
    const { life } = this.process;
    life?.process.enter(() => life.transport.received(from, bytes, state, disk));
  }

  /** The connection to `peer` ended. */
  loseConnection(peer: NodeId): void {
    const { life } = this.process;
    life?.process.enter(() => life.transport.lost(peer));
  }

  /** The connections to `peer` ended, and its address refuses new ones. */
  hearOfEnd(peer: NodeId): void {
    const { life } = this.process;
    life?.process.schedule(this.#failOverRandom.integer(0, 20), () => life.transport.gone(peer));
  }

  /** A handshake was refused, on either side. */
  #refused(peer: NodeId, cause: RefusalCause): void {
    const { faults, isWiped, watch, world } = this.#parts;
    world.log(`refused ${this.id} ${peer} ${cause}`);
    if (cause === "store") {
      faults.add("wiped-disk-refused");
      watch.check(() =>
        promise(
          isWiped(peer) || isWiped(this.id),
          "store-identity",
          () => `nodes ${this.id} and ${peer} refuse each other's disk, and neither was wiped`,
        ),
      );
    }
  }
}
