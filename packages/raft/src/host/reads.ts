/**
 * Linearizable reads (RAFT §6.4): all reads of a turn share one round, rounds are pipelined, and a round that got no answer is
 * asked again under a new name. A read is ready once the confirmed index is applied here.
 */
import { assert } from "@quorate/base";
import { type LogIndex, type NodeId, noNode } from "../types/ids.ts";
import type { ReadState } from "../types/ready.ts";
import type { HostCounters } from "./events.ts";
import type { RequestIds } from "./forwarding.ts";
import type { HostLimits } from "./options.ts";
import type { ReadOutcome, Waiting } from "./outcome.ts";
import { decodeContext, encodeContext } from "./read-context.ts";

/** What reads need of their host. */
interface ReadPort {
  /** Whether this leader answers by its lease now. */
  readonly byLease: boolean;
  /** Whether the core could ask somebody. */
  ask(context: Uint8Array): boolean;
  readonly leader: NodeId;
  readonly applied: LogIndex;
}

/** How long reads wait, in ticks. */
interface ReadTimes {
  /** Before an unanswered round is asked again. */
  readonly retryTicks: number;
  /** Before a read is refused. */
  readonly timeoutTicks: number;
}

class Read implements Waiting {
  ageTicks = 0;
  readonly #owner: { ended(kind: ReadOutcome["kind"]): void };
  #done: ((outcome: ReadOutcome) => void) | null;

  constructor(owner: { ended(kind: ReadOutcome["kind"]): void }, done: (outcome: ReadOutcome) => void) {
    this.#owner = owner;
    this.#done = done;
  }

  get ended(): boolean {
    return this.#done === null;
  }

  settle(outcome: ReadOutcome): void {
    const done = this.#done;
    if (done !== null) {
      this.#done = null;
      this.#owner.ended(outcome.kind);
      done(outcome);
    }
  }

  abandon(): void {
    this.settle({ kind: "refused", reason: "abandoned", leader: noNode });
  }
}

interface Round {
  readonly reads: readonly Read[];
  ageTicks: number;
}

/** All reads of one member that wait. */
export class ReadQueue {
  readonly #port: ReadPort;
  readonly #ids: RequestIds;
  readonly #limits: HostLimits;
  readonly #times: ReadTimes;
  readonly #counters: HostCounters;
  /** Not asked for yet. */
  #queue: Read[] = [];
  /** Asked for, by the round's id. */
  readonly #rounds: Map<number, Round> = new Map();
  /** Confirmed, waiting for an index to be applied. */
  #confirmed: { readonly index: LogIndex; readonly reads: readonly Read[] }[] = [];
  #count = 0;
  #stopped = false;

  constructor(port: ReadPort, ids: RequestIds, limits: HostLimits, times: ReadTimes, counters: HostCounters) {
    assert(times.retryTicks > 0 && times.timeoutTicks >= times.retryTicks, "reads: times out of order");
    this.#port = port;
    this.#ids = ids;
    this.#limits = limits;
    this.#times = times;
    this.#counters = counters;
  }

  /** Reads that wait. */
  get count(): number {
    return this.#count;
  }

  /** Takes up a read, or refuses it at once. */
  admit(done: (outcome: ReadOutcome) => void): Waiting {
    const read = new Read(this, done);
    this.#count++;
    if (this.#stopped || this.#count > this.#limits.pendingReadCountMax) {
      read.settle({
        kind: "refused",
        reason: this.#stopped ? "stopped" : "too-many",
        leader: this.#port.leader,
      });
      return read;
    }
    this.#counters.reads++;
    this.#queue.push(read);
    return read;
  }

  /** Bookkeeping of a read. */
  ended(kind: ReadOutcome["kind"]): void {
    if (kind === "refused") {
      this.#counters.readsRefused++;
    }
    this.#count--;
    assert(this.#count >= 0, "reads: more ended than began");
  }

  /** Whether {@link flush} has something to ask for. */
  get hasQueued(): boolean {
    return this.#queue.length > 0 && this.#rounds.size < this.#limits.readRoundCountMax;
  }

  /** Asks for everything that waits, in one round; without a leader it waits on. */
  flush(): void {
    if (!this.hasQueued) {
      return;
    }
    const id = this.#ids.next();
    const { byLease } = this.#port;
    if (!this.#port.ask(encodeContext(id))) {
      return;
    }
    if (byLease) {
      this.#counters.readsByLease += this.#queue.length;
    } else {
      this.#counters.readRounds++;
    }
    this.#rounds.set(id, { reads: this.#queue, ageTicks: 0 });
    this.#queue = [];
  }

  /** The core confirmed a round; one that nobody waits for was asked again under another name, or by an earlier start. */
  confirmed(state: ReadState): void {
    const id = decodeContext(state.context);
    const round = id === null ? undefined : this.#rounds.get(id);
    if (id === null || round === undefined) {
      return;
    }
    this.#rounds.delete(id);
    this.#confirmed.push({ index: state.index, reads: round.reads });
    this.appliedTo(this.#port.applied);
  }

  /** RAFT §6.4 step 5: wait until the state machine has applied the read index. */
  appliedTo(applied: LogIndex): void {
    if (this.#confirmed.length === 0) {
      return;
    }
    const ready = this.#confirmed.filter((group) => group.index <= applied);
    if (ready.length === 0) {
      return;
    }
    this.#confirmed = this.#confirmed.filter((group) => group.index > applied);
    for (const { index, reads } of ready) {
      for (const read of reads) {
        read.settle({ kind: "ready", index });
      }
    }
  }

  /** Rounds that the old leader was to confirm are asked again. */
  leaderChanged(): void {
    this.#askAgain(() => true);
  }

  tick(): void {
    // PERF: mostly nobody waits.
    if (this.#queue.length === 0 && this.#rounds.size === 0 && this.#confirmed.length === 0) {
      return;
    }
    this.#expire();
    for (const round of this.#rounds.values()) {
      round.ageTicks++;
    }
    this.#askAgain((round) => round.ageTicks >= this.#times.retryTicks);
  }

  #askAgain(isDue: (round: Round) => boolean): void {
    for (const [id, round] of this.#rounds) {
      if (isDue(round)) {
        this.#rounds.delete(id);
        this.#queue.unshift(...round.reads.filter((read) => !read.ended));
      }
    }
  }

  #expire(): void {
    const groups = [this.#queue, ...this.#rounds.values(), ...this.#confirmed];
    for (const group of groups) {
      for (const read of "reads" in group ? group.reads : group) {
        read.ageTicks++;
        if (read.ageTicks >= this.#times.timeoutTicks) {
          read.settle({ kind: "refused", reason: "no-leader", leader: this.#port.leader });
        }
      }
    }
    this.#queue = this.#queue.filter((read) => !read.ended);
    this.#confirmed = this.#confirmed.filter((group) => group.reads.some((read) => !read.ended));
  }

  /** Refuses everything that waits, and everything to come. */
  stop(): void {
    this.#stopped = true;
    const groups = [this.#queue, ...[...this.#rounds.values(), ...this.#confirmed].map(({ reads }) => reads)];
    this.#queue = [];
    this.#rounds.clear();
    this.#confirmed = [];
    for (const read of groups.flat()) {
      read.settle({ kind: "refused", reason: "stopped", leader: this.#port.leader });
    }
  }
}
