/**
 * One life of a member's process: everything that is to happen inside it passes through here, so that nothing of it runs
 * after its crash, and nothing while it is paused.
 */
import { assert } from "@quorate/base";
import type { World } from "./world.ts";

/** Thrown at a boundary where the process ends: the rest of what it was doing never happens. */
export class ProcessEnded extends Error {
  override readonly name = "ProcessEnded";
}

/** See the head of this file. */
export class Incarnation {
  readonly #world: World;
  readonly #step: (work: () => void) => void;
  #state: "running" | "paused" | "dead" = "running";
  #waiting: (() => void)[] = [];
  /** Timers that fell due while it stood still. */
  #due: (() => void)[] = [];

  /** @param step Runs a piece of work and looks at the member afterwards. */
  constructor(world: World, step: (work: () => void) => void) {
    this.#world = world;
    this.#step = step;
  }

  get isAlive(): boolean {
    return this.#state !== "dead";
  }

  get isPaused(): boolean {
    return this.#state === "paused";
  }

  /** Runs `work` inside the process after `delayMs`, unless it is dead by then. */
  schedule(delayMs: number, work: () => void): void {
    this.#world.schedule(delayMs, work, this);
  }

  /** Runs `work` inside the process now; a paused process finds it when it goes on. */
  enter(work: () => void): void {
    if (this.#state === "dead") {
      return;
    }
    if (this.#state === "paused") {
      this.#waiting.push(work);
      return;
    }
    this.#step(work);
  }

  /** As {@link enter}, for a timer that fell due. */
  fire(work: () => void): void {
    if (this.#state === "paused") {
      this.#due.push(work);
    } else {
      this.enter(work);
    }
  }

  /** SIGSTOP: what comes in meanwhile waits in order. */
  pause(): void {
    assert(this.#state === "running", "incarnation: pause of a process that does not run");
    this.#state = "paused";
  }

  /**
   * SIGCONT: what waited is there at once. An event loop that slept in its poll takes up what came in, and the work that this makes,
   * before it looks at its timers; one that slept elsewhere looks at them first.
   */
  resume(): void {
    assert(this.#state === "paused", "incarnation: resume of a process that is not paused");
    this.#state = "running";
    const inputs = this.#waiting;
    const timers = this.#due;
    this.#waiting = [];
    this.#due = [];
    if (this.#world.random.stream(`resume-${this.#world.nowMs}`).chance(0.5)) {
      this.#enterAll(inputs);
      this.#world.schedule(0, () => {
        for (const work of timers) {
          this.fire(work);
        }
      });
    } else {
      this.#enterAll([...timers, ...inputs]);
    }
  }

  #enterAll(works: readonly (() => void)[]): void {
    for (const work of works) {
      this.enter(work);
    }
  }

  /** SIGKILL: no work of this life runs any more. */
  kill(): void {
    this.#state = "dead";
    this.#waiting = [];
    this.#due = [];
  }
}
