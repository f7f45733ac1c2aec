/**
 * Virtual time: events ordered by (time, sequence), idle time skipped. Everything that happens in a run happens in
 * here, one event at a time; nothing else knows a clock.
 */
import { assert, Heap, type Prng, RingBuffer } from "@quorate/base";
import type { NodeId, TraceEvent } from "@quorate/raft";
import type { Oracle } from "./checkers/oracle.ts";
import type { ObservedMachine } from "./observed-machine.ts";
import { type KeptSteps, Steps } from "./steps.ts";
import type { Trace } from "./trace.ts";
import type { Watch } from "./watch.ts";

/** What an event happens in: a life of a process, which may have ended by then. */
interface Scene {
  enter(work: () => void): void;
}

interface ScheduledEvent {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
  /** Null: in the world itself. */
  readonly within: Scene | null;
}

/** A member's state machine, for one life of it. */
export type MachineOfMember = (node: NodeId, oracle: Oracle, watch: Watch) => ObservedMachine;

/** What is different in this world from others with the same root of all chance. */
interface WorldOptions {
  /** Default: all of them. */
  readonly kept?: KeptSteps;
  readonly protocol?: (event: TraceEvent) => void;
  readonly machine?: MachineOfMember;
}

/** The clock, the queue of what is to come, and the root of all chance. */
export class World {
  readonly random: Prng;
  readonly trace: Trace;
  readonly steps: Steps;
  /** Takes each step of the protocol in the members; null where nobody listens. */
  readonly protocol: ((event: TraceEvent) => void) | null;
  /** Makes each member's state machine; null for the built-in one. */
  readonly machine: MachineOfMember | null;
  readonly #queue = new Heap<ScheduledEvent>(
    (left, right) => left.atMs - right.atMs || left.sequence - right.sequence,
  );
  /** PERF: half of all events are due at once; those are in order as they come. */
  readonly #immediate: RingBuffer<ScheduledEvent> = new RingBuffer();
  #nowMs = 0;
  #sequence = 0;
  #eventCount = 0;
  #pace = 1;
  #clientPace = 1;

  constructor(random: Prng, trace: Trace, options: WorldOptions = {}) {
    this.random = random;
    this.trace = trace;
    this.steps = new Steps(options.kept);
    this.protocol = options.protocol ?? null;
    this.machine = options.machine ?? null;
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events run so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** How many times as long as their plan says faults and changes of the members wait: 1 in a storm. */
  get pace(): number {
    return this.#pace;
  }

  /** How many times as long as their plan says clients think: 1 in a storm. */
  get clientPace(): number {
    return this.#clientPace;
  }

  /** For a calm phase, in which little happens for long. */
  setPace(pace: number, clientPace: number): void {
    assert(Number.isSafeInteger(pace) && pace >= 1, "world: pace is not a natural number");
    assert(
      Number.isSafeInteger(clientPace) && clientPace >= 1,
      "world: clients' pace is not a natural number",
    );
    this.#pace = pace;
    this.#clientPace = clientPace;
  }

  /** Runs `run` after `delayMs`, in `within`; with 0, behind everything already queued for this instant. */
  schedule(delayMs: number, run: () => void, within: Scene | null = null): void {
    assert(Number.isSafeInteger(delayMs) && delayMs >= 0, "world: delay is not a natural number");
    this.#sequence++;
    const event = { atMs: this.#nowMs + delayMs, sequence: this.#sequence, run, within };
    if (delayMs === 0) {
      this.#immediate.push(event);
    } else {
      this.#queue.push(event);
    }
  }

  /** Takes what comes next, unless that is later than `untilMs`. Immediate events are of this instant; the clock leaves it only without them. */
  #next(untilMs: number): ScheduledEvent | undefined {
    const immediate = this.#immediate.peek();
    const timed = this.#queue.peek();
    if (immediate !== undefined) {
      assert(immediate.atMs === this.#nowMs, "world: the clock went on without an event");
      const isTimedFirst =
        timed !== undefined && timed.atMs === immediate.atMs && timed.sequence < immediate.sequence;
      return isTimedFirst ? this.#queue.pop() : this.#immediate.shift();
    }
    return timed === undefined || timed.atMs > untilMs ? undefined : this.#queue.pop();
  }

  /** Writes one line of the trace at the present instant. */
  log(text: string): void {
    this.trace.line(this.#nowMs, text);
  }

  /**
   * Runs events until the clock reaches `untilMs` or `stop` answers true after one of them. The clock then stands at
   * `untilMs`, or at the event that stopped it.
   */
  runUntil(untilMs: number, stop: () => boolean): void {
    assert(untilMs >= this.#nowMs, "world: time runs backwards");
    for (;;) {
      const next = this.#next(untilMs);
      if (next === undefined) {
        this.#nowMs = untilMs;
        return;
      }
      assert(next.atMs >= this.#nowMs, "world: event in the past");
      this.#nowMs = next.atMs;
      this.#eventCount++;
      if (next.within === null) {
        next.run();
      } else {
        next.within.enter(next.run);
      }
      if (stop()) {
        return;
      }
    }
  }
}
