/**
 * Fast fail-over: a leader whose process is known to be gone is not waited for. This member forgets who leads, which lets it grant
 * a trial vote, and after a short random delay it holds a trial itself (RAFT §9.6). That is all it may do: terms and votes stay
 * what they are until a majority has granted the trial, and whoever still hears the leader grants none (RAFT §4.2.3). The leader's next message
 * brings it back.
 */
import { assert } from "@quorate/base";
import type { RawNode } from "../raw-node.ts";
import { type NodeId, noNode, type Term } from "../types/ids.ts";
import type { HostEvent } from "./events.ts";
import type { PeerGoneReason } from "./ports.ts";

/** Trials that one death may lead to; after them the election time-out takes over. */
const attemptCountMax = 4;

/**
 * What an election is given before the next trial could spoil it, in spreads: 200 ms by default, doubling. PERF: with half of it, members on a
 * machine with nine times more to do than processors spoiled every other election.
 */
const pauseSpreads = 5;

/** What fail-over needs of its host. */
interface FailOverPort {
  readonly id: NodeId;
  readonly core: Pick<RawNode, "campaign" | "forgetLeader" | "leader" | "role" | "term">;
  readonly isRunning: boolean;
  /** All who may vote, ascending. */
  readonly voters: readonly NodeId[];
  after(delayMs: number, work: () => void): void;
  random(low: number, high: number): number;
  emit(event: HostEvent): void;
}

/** What follows from one death, or from a start. */
interface Run {
  /** Who died; `noNode` at a start. */
  readonly leader: NodeId;
  readonly term: Term;
  attemptCount: number;
  /** The timer that counts; those of earlier delays find another number. */
  timer: number;
}

/** The fail-over of one member. */
export class FailOver {
  readonly #port: FailOverPort;
  readonly #spreadMs: number;
  #run: Run | null = null;
  #timer = 0;

  constructor(port: FailOverPort, spreadMs: number) {
    assert(spreadMs >= 1, "fail-over: no delay to draw from");
    this.#port = port;
    this.#spreadMs = spreadMs;
  }

  /**
   * This member has started and knows of no leader. One that leads is heard of within a heartbeat; where all have started anew there is
   * none to wait for, and an election time-out would be the largest part of their start.
   */
  started(): void {
    const { core, isRunning } = this.#port;
    if (isRunning && core.leader === noNode) {
      assert(this.#run === null, "fail-over: a death before the start");
      this.#run = { leader: noNode, term: core.term, attemptCount: 1, timer: 0 };
      this.#arm(this.#run);
    }
  }

  /** The process of `peer` is gone. It matters only while this member follows it. */
  gone(peer: NodeId, reason: PeerGoneReason): void {
    const { core, isRunning } = this.#port;
    const { term } = core;
    if (!isRunning || peer !== core.leader || !core.forgetLeader()) {
      return;
    }
    assert(peer !== this.#port.id, "fail-over: a member outlives itself");
    assert(core.term === term && core.leader === noNode, "fail-over: forgets the leader and nothing else");
    this.#run = { leader: peer, term, attemptCount: 0, timer: 0 };
    this.#port.emit({ type: "fail-over-started", leader: peer, reason });
    this.#arm(this.#run);
  }

  /** This member grants somebody's trial or votes for it, who gets time to lead before this one holds a trial itself. */
  granted(): void {
    const run = this.#run;
    if (run !== null) {
      run.attemptCount = Math.max(1, run.attemptCount);
      this.#arm(run);
    }
  }

  /** PERF: asked in every turn, and most have nothing to look for. Ends the fail-over once somebody leads. */
  look(): void {
    const run = this.#run;
    if (run === null || this.#port.core.leader === noNode) {
      return;
    }
    const { core, id } = this.#port;
    const { leader, term } = core;
    assert(term >= run.term, "fail-over: a term went back");
    if (leader === id) {
      this.#end("won");
    } else {
      this.#end(leader === run.leader && term === run.term ? "cancelled" : "followed");
    }
  }

  #arm(run: Run): void {
    run.timer = ++this.#timer;
    const { timer } = run;
    this.#port.after(this.#delayMs(run), () => {
      if (this.#run?.timer === timer) {
        this.#due(run);
      }
    });
  }

  /**
   * Each survivor has a slot of its own and draws from the first half of it, so that trials rarely cross; the term turns the order,
   * so that no member is preferred. Further attempts come after pauses that double, which leaves an election time to end on slower disks, too.
   */
  #delayMs(run: Run): number {
    const { id, random, voters } = this.#port;
    const survivors = voters.filter((voter) => voter !== run.leader);
    const count = Math.max(1, survivors.length);
    const slot = (Math.max(0, survivors.indexOf(id)) + run.term) % count;
    const slotMs = this.#spreadMs / count;
    const drawnMs = Math.floor(slot * slotMs) + random(0, Math.max(1, Math.floor(slotMs / 2)));
    assert(drawnMs <= this.#spreadMs, "fail-over: a delay beyond the spread");
    return run.attemptCount === 0
      ? drawnMs
      : pauseSpreads * this.#spreadMs * 2 ** (run.attemptCount - 1) + drawnMs;
  }

  #due(run: Run): void {
    assert(this.#run === run, "fail-over: another one's delay");
    this.look();
    if (this.#run === null) {
      return;
    }
    const { core, isRunning } = this.#port;
    if (!isRunning || run.attemptCount >= attemptCountMax) {
      this.#end("given-up");
      return;
    }
    run.attemptCount++;
    // RAFT §9.6: a trial; a member that may not campaign just now (a learner, an unapplied configuration) waits with the others.
    core.campaign();
    assert(core.role !== "leader" || core.leader === this.#port.id, "fail-over: a leader knows itself");
    this.#arm(run);
  }

  #end(outcome: "won" | "followed" | "cancelled" | "given-up"): void {
    const run = this.#run;
    assert(run !== null, "fail-over: ended twice");
    this.#run = null;
    if (run.leader === noNode) {
      return; // Nobody was told that it began.
    }
    this.#port.emit({ type: "fail-over-ended", outcome, leader: this.#port.core.leader });
  }
}
