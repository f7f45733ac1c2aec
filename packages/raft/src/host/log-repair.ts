/**
 * Repair of a log that lost its end to damage: the member asks the leader for what follows the last entry that it has, checks that
 * it continues exactly there, and takes it in as an append. It is a request of its own, because a leader's `match` never
 * regresses (FIG 2 State): to replication the member has these entries. RAFT §3.5 for the check, §5.3 where they are gone.
 */
import { assert } from "@quorate/base";
import type { LogId } from "../types/entry.ts";
import type { LogIndex, NodeId, Term } from "../types/ids.ts";
import type { Message } from "../types/message.ts";
import type { VoteFloor } from "../types/vote-floor.ts";
import type { HostCounters, HostEvent } from "./events.ts";
import type { Guard } from "./guard.ts";
import type { Completed, PeerFrame, Storage } from "./ports.ts";
import { chainHash, type RepairAnswer } from "./repair-chain.ts";

/** What repairing works with. */
export interface LogRepairPorts {
  readonly id: NodeId;
  readonly storage: Storage;
  readonly guard: Guard;
  readonly counters: HostCounters;
  readonly leader: NodeId;
  readonly term: Term;
  readonly committed: LogIndex;
  /** The log's last entry, durable or not. */
  readonly last: LogId;
  /** Whether the log ends below the floor. */
  readonly below: boolean;
  /** Tells the core. */
  setFloor(floor: LogId | null): void;
  step(message: Message): void;
  send(to: NodeId, frame: PeerFrame): void;
  emit(event: HostEvent): void;
}

/** The repair of one member; does nothing where the log is whole. */
export class LogRepair {
  readonly #ports: LogRepairPorts;
  readonly #resendTicks: number;
  readonly #stalledTicks: number;
  #floor: VoteFloor | null;
  /** The request that an answer must name; 0 while none is under way. */
  #asked = 0;
  #requestId = 0;
  #previous: LogId | null = null;
  /** The next request begins at the commit index: what is committed agrees with every leader. */
  #fromCommitted = false;
  #waitedTicks = 0;
  #idleTicks = 0;
  /** The floor is being written or removed. */
  #noting = false;

  constructor(ports: LogRepairPorts, electionTimeoutTicks: number) {
    this.#ports = ports;
    this.#resendTicks = electionTimeoutTicks;
    this.#stalledTicks = 10 * electionTimeoutTicks;
    this.#floor = ports.storage.voteFloor ?? null;
  }

  /** What the log is to reach; null when it is whole. */
  get floor(): VoteFloor | null {
    return this.#floor;
  }

  /** The member begins to run. */
  started(): void {
    if (this.#floor !== null) {
      this.#ports.emit({ type: "log-damaged", floor: this.#floor, last: this.#ports.last });
    }
  }

  tick(): void {
    if (this.#floor === null || this.#noting) {
      return;
    }
    if (this.#reached()) {
      this.#note(null);
      return;
    }
    this.#idleTicks++;
    if (this.#idleTicks % this.#stalledTicks === 0) {
      // Without a leader that was elected above the floor nobody may say what is missing: the member waits, and says so.
      this.#ports.emit({ type: "log-repair-waits", floor: this.#floor, ticks: this.#idleTicks });
    }
    this.#waitedTicks--;
    if (this.#waitedTicks <= 0) {
      this.#ask();
    }
  }

  /** Durable counts: a crash after the floor is gone must find what it stood for. */
  #reached(): boolean {
    const { below, last, storage } = this.#ports;
    return !below && storage.lastIndex >= last.index && storage.term(last.index) === last.term;
  }

  #note(floor: LogId | null): void {
    const { guard, storage } = this.#ports;
    assert(storage.setVoteFloor !== undefined, "repair: a storage with a floor can change it");
    this.#noting = true;
    const noted: Completed = (error) => {
      guard.enter(() => {
        if (error !== null) {
          throw error;
        }
        this.#noted(floor);
      });
    };
    storage.setVoteFloor(floor, noted);
  }

  #noted(floor: LogId | null): void {
    const { emit, last, setFloor } = this.#ports;
    this.#noting = false;
    this.#floor = floor;
    setFloor(floor);
    if (floor === null) {
      emit({ type: "log-repaired", last });
    } else {
      this.#ask();
    }
  }

  #ask(): void {
    const { committed, counters, id, last, leader, send, storage, term } = this.#ports;
    if (leader === 0 || leader === id) {
      return;
    }
    const committedTerm = storage.term(committed);
    const fromCommitted = this.#fromCommitted && typeof committedTerm === "number";
    const previous = fromCommitted ? { term: committedTerm, index: committed } : last;
    this.#requestId++;
    this.#asked = this.#requestId;
    this.#previous = previous;
    this.#waitedTicks = this.#resendTicks;
    counters.repairRequests++;
    send(leader, { kind: "repair-request", requestId: this.#requestId, term, previous });
  }

  /** Takes the leader's answer; whether it was one to the request under way. */
  answered(from: NodeId, answer: RepairAnswer): boolean {
    const { leader, term } = this.#ports;
    const expected = answer.requestId === this.#asked && this.#floor !== null && !this.#noting;
    if (!expected || from !== leader || answer.term !== term || !this.#continues(answer)) {
      return false;
    }
    this.#asked = 0;
    this.#idleTicks = 0;
    this.#take(from, answer);
    if (this.#floor === "unknown") {
      // Whatever this member acknowledged stands in the log of a leader that it did not help to elect, at the latest at its end.
      this.#note(answer.last);
    } else if (answer.outcome === "entries" && answer.entries.length > 0) {
      this.#ask();
    } else if (answer.outcome === "conflict") {
      this.#fromCommitted = true;
      this.#ask();
    }
    return true;
  }

  /** Whether the answer belongs behind the entry that was named, link by link. */
  #continues(answer: RepairAnswer): boolean {
    const previous = this.#previous;
    return (
      previous !== null &&
      answer.previous.index === previous.index &&
      answer.previous.term === previous.term &&
      chainHash(answer.previous, answer.entries) === answer.hash
    );
  }

  #take(from: NodeId, answer: RepairAnswer): void {
    const { counters, id, step, term } = this.#ports;
    if (answer.outcome !== "entries" || answer.entries.length === 0) {
      return;
    }
    this.#fromCommitted = false;
    counters.entriesRepaired += answer.entries.length;
    const { commit, entries, previous } = answer;
    // FIG 2 AppendEntries receiver: from here on an append like any other, durable before it is acknowledged.
    step({ type: "append-entries", from, to: id, term, previous, entries, commit });
  }
}
