/**
 * The process of a member over all its lives: started, paused, stopped in good order, ended by a crash or by itself, and started again
 * by a service manager.
 */
import type { Prng } from "@quorate/base";
import { type HostEvent, type NodeId, type RefusalCause, StorageError } from "@quorate/raft";
import { FileError, type WalStorage } from "@quorate/wal";
import type { CrashMode } from "@quorate/wal/testing";
import type { ObservedStatus } from "./checkers/oracle.ts";
import { ProcessEnded } from "./incarnation.ts";
import { type Life, type MemberParts, observe } from "./member-parts.ts";
import { type Machinery, MemberStart } from "./member-start.ts";
import { meetStopTrouble, type StopTrouble } from "./stop-trouble.ts";
import { Violation } from "./violation.ts";

/** One per member. */
export class MemberProcess {
  readonly #parts: MemberParts;
  readonly #machinery: Machinery;
  readonly #random: Prng;
  readonly #start: MemberStart;
  #life: Life | null = null;
  #isRetired = false;
  #snapshotCount = 0;

  /** @param refused A handshake was refused, on either side. */
  constructor(
    parts: MemberParts,
    machinery: Machinery,
    random: Prng,
    refused: (peer: NodeId, cause: RefusalCause) => void,
  ) {
    this.#parts = parts;
    this.#machinery = machinery;
    this.#random = random;
    this.#start = new MemberStart(parts, machinery, {
      step: (work) => this.#step(work),
      recoveryFailed: (life, error) => this.#recoveryFailed(life, error),
      fatal: (life, error) => this.#fatal(life, error),
      observed: (life, event) => this.#observed(life, event),
      lastImage: (life) => this.#lastImage(life),
      ticked: (life, storage, count) => this.#tick(life, storage, count),
      refused,
    });
  }

  /** Null between two lives. */
  get life(): Life | null {
    return this.#life;
  }

  /** Whether a process runs, paused or not. */
  get isAlive(): boolean {
    return this.#life !== null && !this.#life.stopped;
  }

  /** Whether the member is at rest or at work, and not on its way between the two. */
  get isSettled(): boolean {
    return this.#life === null || (this.#life.host !== null && !this.#life.stopped);
  }

  /** Whether it is on its way to an orderly end. */
  get isLeaving(): boolean {
    return this.#life?.host?.state === "stopping";
  }

  /** Whether the member was removed and has learnt of it, or its machine was taken away: no process starts any more. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** What the member says of itself; null while it is down, paused, recovering or stopped. */
  get status(): ObservedStatus | null {
    return observe(this.#life);
  }

  /** Snapshots taken so far. */
  get snapshotCount(): number {
    return this.#snapshotCount + (this.#life?.machine.snapshotCount ?? 0);
  }

  /** Starts the process where none runs; one that stopped by itself is replaced. */
  restart(): boolean {
    if (this.#isRetired || this.#machinery.health.isBroken) {
      return false;
    }
    if (this.#life !== null) {
      if (!this.#life.stopped) {
        return false;
      }
      this.crash();
    }
    this.start();
    return true;
  }

  /** Starts the process, whatever the state of the disk. */
  start(): void {
    const life = this.#start.begin();
    this.#life = life;
    life.process.enter(() => this.#start.recover(life));
  }

  /** The process and the machine under it are gone at once. False when nothing runs. */
  crash(): boolean {
    return this.#end("crash", this.#random.pick(crashModes));
  }

  /** As {@link crash}; the machine comes back by itself. */
  losePower(): void {
    this.crash();
    this.#superviseRestart();
  }

  #end(how: "crash" | "exit", mode: CrashMode): boolean {
    const { ended, faults, id, world } = this.#parts;
    const { boundary, clock, disk } = this.#machinery;
    if (this.#life === null) {
      return false;
    }
    world.log(`${how} ${id}`);
    if (how === "crash" && this.#life.lastImage === "begun" && !this.#life.stopped) {
      faults.add("crash-in-last-image");
    }
    this.#makeRoom(this.#life);
    this.#snapshotCount += this.#life.machine.snapshotCount;
    this.#life.process.kill();
    this.#life.service?.ended();
    clock.stop();
    boundary.disarm();
    this.#life = null;
    ended(id);
    disk.crash(mode);
    return true;
  }

  /**
   * A clean stop; the process exits when its host has finished, and a service manager starts it again.
   *
   * @param trouble What it meets where it leaves an image; null: nothing.
   */
  stop(trouble: StopTrouble | null = null): boolean {
    const life = this.#life;
    const host = life?.host ?? null;
    if (life === null || host === null || life.process.isPaused || host.state !== "running") {
      return false;
    }
    this.#log("stop");
    life.stopTrouble = trouble;
    life.process.enter(() => {
      life.service?.stop();
      host.stop({ transfer: this.#random.chance(0.8) }, (error) => {
        if (error !== null) {
          this.#fatal(life, error);
        } else {
          this.#end("exit", "keep");
          this.#superviseRestart();
        }
      });
    });
    return true;
  }

  /** Counted when it is there: see {@link #observed}. */
  #lastImage(life: Life): void {
    this.#log("last image");
    life.lastImage = "begun";
    if (life.stopTrouble !== null) {
      meetStopTrouble(life.stopTrouble, this.#machinery.disk);
    }
  }

  /** Whoever looks after the machine does so before a process starts on a disk that we filled. */
  #makeRoom(life: Life): void {
    if (life.lastImage !== "none" && life.stopTrouble?.kind === "full") {
      this.#machinery.disk.setRoom(null);
    }
  }

  pause(): boolean {
    const process = this.#life?.process;
    if (process === undefined || !process.isAlive || process.isPaused) {
      return false;
    }
    this.#log("pause");
    process.pause();
    return true;
  }

  resume(): boolean {
    const process = this.#life?.process;
    if (process === undefined || !process.isPaused) {
      return false;
    }
    this.#log("resume");
    process.resume();
    return true;
  }

  /** The machine is taken away, for good. */
  discard(): void {
    this.#isRetired = true;
    this.crash();
  }

  /** As the real process does: it finishes its turn, stops, and does not come back. */
  #retire(life: Life, why: string): void {
    if (this.#isRetired) {
      return;
    }
    this.#isRetired = true;
    this.#parts.faults.add("member-retired");
    this.#log("retire", why);
    life.process.schedule(0, () => {
      if (life.host !== null && life.host.state === "running") {
        life.service?.stop();
        life.host.stop({ transfer: false }, () => this.#end("exit", "keep"));
      }
    });
  }

  /** A connection to each peer is tried now and then; a former member is told so by whoever knows. */
  #dial(life: Life): void {
    const { id: own, refusing } = this.#parts;
    const host = life.host;
    if (host === null || host.state !== "running") {
      return;
    }
    // PERF: a status is a copy of all that there is to say, and hardly ever anybody refuses.
    const refused = refusing(own);
    const by =
      refused.length === 0
        ? undefined
        : host.status().members.find(({ id }) => refused.includes(id) && host.isReleasedBy(id));
    if (by !== undefined) {
      this.#retire(life, `told by ${by.id}`);
    }
  }

  #tick(life: Life, storage: WalStorage, count: number): void {
    if (life.stopped) {
      return;
    }
    life.host?.tick();
    life.service?.tick();
    // As the real process does: a log at rest gets a durable mark. A failure ends the store; the next write tells.
    storage.idle(() => {});
    if (count % this.#parts.plan.electionTimeoutTicks === 0) {
      this.#dial(life);
    }
  }

  /** Runs a piece of the process, then looks at the member. */
  #step(work: () => void): void {
    const { id, oracle, watch } = this.#parts;
    try {
      work();
      const { status } = this;
      if (status !== null) {
        oracle.stepped(id, status);
      }
    } catch (error) {
      if (!(error instanceof ProcessEnded)) {
        throw watch.note(error);
      }
    }
  }

  /** What happens inside, as far as the checkers care. */
  #observed(life: Life, event: HostEvent): void {
    const { faults, id, oracle, watch } = this.#parts;
    if (!life.process.isAlive) {
      return;
    }
    if (event.type === "conf-state") {
      watch.check(() => oracle.configurations.applied(id, event.index, event.confState));
    } else if (event.type === "snapshot-installed") {
      const { confState, index } = event.snapshot;
      watch.check(() => oracle.configurations.installed(id, index, confState));
    } else if (event.type === "snapshot-made" && life.lastImage === "begun") {
      life.lastImage = "made";
      faults.add("last-image");
    } else if (event.type === "log-repaired") {
      faults.add("log-repaired");
      this.#machinery.health.repaired();
      watch.check(() => oracle.repaired(id));
    }
    life.service?.observe(event);
  }

  /** Only what we did to the disk may keep a member from coming back. */
  #recoveryFailed(life: Life, error: Error | null): void {
    const { faults, id, watch } = this.#parts;
    const { health } = this.#machinery;
    life.stopped = true;
    this.#log("recovery failed", error?.message);
    const remedy = isDiskFailure(error) ? "start-again" : health.afterRefusedStart(error);
    if (remedy === "replace") {
      faults.add("start-refused");
      health.broke("lost");
    } else {
      this.#superviseRestart();
    }
    if (remedy === null) {
      throw watch.note(
        new Violation("recovery", `node ${id} does not come back: ${error?.message}`, { cause: error }),
      );
    }
  }

  /** The host cannot go on: right after a disk error, a broken promise at any other time. */
  #fatal(life: Life, error: Error): void {
    if (!life.process.isAlive) {
      return; // The machine was gone before the process could say so.
    }
    life.stopped = true;
    this.#log("fatal", error.message);
    if (life.lastImage === "begun") {
      this.#parts.faults.add("last-image-failed");
    }
    this.#makeRoom(life);
    const remedy = isDiskFailure(error) ? "start-again" : this.#machinery.health.afterEnd(error);
    if (remedy === "replace") {
      this.#parts.faults.add("set-back-disk-refused");
    } else {
      this.#superviseRestart();
    }
    if (remedy === null) {
      this.#parts.watch.note(error);
    }
  }

  /** What a service manager does with a process that went away by itself. */
  #superviseRestart(): void {
    this.#parts.world.schedule(this.#random.integer(1, 3_000), () => this.restart());
  }

  #log(what: string, why?: string): void {
    this.#parts.world.log(`${what} ${this.#parts.id}${why === undefined ? "" : ` ${why}`}`);
  }
}

/** The disk, by our hand, and not the code. */
function isDiskFailure(error: Error | null): boolean {
  // The notes of peers are no part of the store.
  const isOfNotes = error instanceof FileError;
  return (
    isOfNotes ||
    (error instanceof StorageError &&
      (error.info.code === "STORAGE_IO" || error.info.code === "STORAGE_FULL"))
  );
}

const crashModes: readonly CrashMode[] = ["random", "random", "lose", "keep"];
