/**
 * Members compare hashes of their histories, so that one whose state has gone astray is found before its answers do harm. The leader
 * chooses a point, every member hashes its own history up to there, and who stands against a majority is named by the alarm CORRUPT.
 * ETCD: while that is on, nobody serves keys; an operator decides what becomes of the member.
 */
import { DecodeError } from "@quorate/base";
import type { MembershipPort, ReplicationPort } from "@quorate/etcd";
import type { KvStateMachine } from "@quorate/kv";
import type { Logger } from "../logging/logger.ts";
import {
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  type HashAnswer,
  type HashPoint,
  type HashQuestion,
} from "./hash-message.ts";
import { HashRound } from "./hash-round.ts";
import { hashAt } from "./hash-store.ts";

/** Requests of members to their leader; the handler is called with who asks. */
export interface LeaderRequests {
  ask(question: Uint8Array, done: (answer: Uint8Array | null) => void): void;
  answer(handler: (from: number, question: Uint8Array, done: (answer: Uint8Array) => void) => void): void;
}

/** What the check works with. */
interface CorruptionCheckOptions {
  readonly machine: KvStateMachine;
  readonly replication: Pick<ReplicationPort, "status">;
  readonly membership: MembershipPort;
  readonly requests: LeaderRequests;
  /** Raises the alarm for a member. */
  readonly raiseCorrupt: (memberId: number) => void;
  readonly logger: Logger;
  /** Time between two rounds over the whole history, in milliseconds; 0 for none. */
  readonly periodMs: number;
  /** Time between two rounds over what was compacted last, in milliseconds; 0 for none. */
  readonly compactPeriodMs: number;
}

/** Members ask what is to be done this many times in a period. */
const pollsPerPeriod = 4;
const pollMsMin = 50;
const pollMsMax = 5000;

/** Compares for as long as the member runs. */
export class CorruptionCheck {
  readonly #options: CorruptionCheckOptions;
  #round: HashRound | null = null;
  #roundCount = 0;
  /** The round that this member has hashed for. */
  #reported = 0;
  #comparedCompaction = -1;
  #busy = false;
  #timers: NodeJS.Timeout[] = [];

  constructor(options: CorruptionCheckOptions) {
    this.#options = options;
    options.requests.answer((from, question, done) => {
      this.#answer(from, question).then(
        (answer) => done(encodeAnswer(answer)),
        (error: unknown) => {
          if (!(error instanceof DecodeError)) {
            throw error;
          }
          // A member of another version: it gets an answer that asks nothing of it.
          done(encodeAnswer({ kind: "none" }));
        },
      );
    });
  }

  /** Begins with the periodic rounds, where they are asked for. */
  start(): void {
    const { compactPeriodMs, periodMs } = this.#options;
    const period = Math.min(...[periodMs, compactPeriodMs].filter((ms) => ms > 0));
    if (!Number.isFinite(period)) {
      return;
    }
    const pollMs = Math.min(pollMsMax, Math.max(pollMsMin, period / pollsPerPeriod));
    this.#every(pollMs, () => this.#poll());
    if (periodMs > 0) {
      this.#every(periodMs, () => this.#beginRound(0));
    }
    if (compactPeriodMs > 0) {
      this.#every(compactPeriodMs, () => this.#beginCompactRound());
    }
  }

  stop(): void {
    for (const timer of this.#timers) {
      clearInterval(timer);
    }
    this.#timers = [];
  }

  /** Whether this member's newest state is the leader's, too; for a member that is about to serve. */
  async compareWithLeader(): Promise<"equal" | "different" | "incomparable"> {
    const own = await hashAt(this.#options.machine, 0);
    if (own === null || this.#isLeader) {
      return own === null ? "incomparable" : "equal";
    }
    const point: HashPoint = { revision: own.hashRevision, compactRevision: own.compactRevision };
    const answer = await this.#ask({ kind: "compare", point, hash: own.hash });
    return answer?.kind === "verdict" ? answer.verdict : "incomparable";
  }

  get #isLeader(): boolean {
    const { leader, memberId } = this.#options.replication.status();
    return leader === memberId;
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#timers.push(
      setInterval(() => {
        void work();
      }, ms).unref(),
    );
  }

  async #beginCompactRound(): Promise<void> {
    const { compactRevision } = this.#options.machine;
    if (compactRevision > 0 && compactRevision !== this.#comparedCompaction) {
      this.#comparedCompaction = compactRevision;
      await this.#beginRound(compactRevision);
    }
  }

  /** The leader's part: ends the round before, hashes, and makes the point known. `revision` 0: the newest. */
  async #beginRound(revision: number): Promise<void> {
    this.#endRound();
    if (!this.#isLeader) {
      return;
    }
    const own = await hashAt(this.#options.machine, revision);
    if (own === null) {
      return;
    }
    this.#roundCount++;
    const point = { revision: own.hashRevision, compactRevision: own.compactRevision };
    const { memberId } = this.#options.replication.status();
    this.#round = new HashRound(this.#roundCount, point, memberId, own.hash);
  }

  #endRound(): void {
    const round = this.#round;
    this.#round = null;
    if (round !== null && this.#isLeader) {
      this.#accuse(round, true);
    }
  }

  /** A follower's part: asks for the point, hashes once it is there, reports. */
  async #poll(): Promise<void> {
    if (this.#busy || this.#isLeader) {
      return;
    }
    this.#busy = true;
    try {
      const answer = await this.#ask({ kind: "poll" });
      if (answer?.kind === "round" && answer.round !== this.#reported) {
        await this.#hashFor(answer.round, answer.point);
      }
    } finally {
      this.#busy = false;
    }
  }

  async #hashFor(round: number, point: HashPoint): Promise<void> {
    const { machine } = this.#options;
    if (machine.revision < point.revision || machine.compactRevision !== point.compactRevision) {
      return; // Behind, or compacted elsewhere: asked again, and if that stays so, in the next round.
    }
    const own = await hashAt(machine, point.revision);
    if (own !== null && own.compactRevision === point.compactRevision) {
      this.#reported = round;
      await this.#ask({ kind: "report", round, hash: own.hash });
    }
  }

  #ask(question: HashQuestion): Promise<HashAnswer | null> {
    return new Promise((resolve) => {
      this.#options.requests.ask(encodeQuestion(question), (bytes) => {
        try {
          resolve(bytes === null ? null : decodeAnswer(bytes));
        } catch (error) {
          if (!(error instanceof DecodeError)) {
            throw error;
          }
          resolve(null); // A leader of another version: nothing to compare with.
        }
      });
    });
  }

  async #answer(from: number, bytes: Uint8Array): Promise<HashAnswer> {
    const question = decodeQuestion(bytes);
    const round = this.#round;
    switch (question.kind) {
      case "poll":
        return round === null ? { kind: "none" } : { kind: "round", round: round.number, point: round.point };
      case "report":
        if (round?.number === question.round) {
          round.report(from, question.hash);
          this.#accuse(round, false);
        }
        return { kind: "none" };
      case "compare":
        return { kind: "verdict", verdict: await this.#compare(question.point, question.hash) };
    }
  }

  async #compare(point: HashPoint, hash: number): Promise<"equal" | "different" | "incomparable"> {
    const { machine } = this.#options;
    if (machine.compactRevision !== point.compactRevision || machine.revision < point.revision) {
      return "incomparable";
    }
    const own = await hashAt(machine, point.revision);
    if (own === null || own.compactRevision !== point.compactRevision) {
      return "incomparable";
    }
    return own.hash === hash ? "equal" : "different";
  }

  /** Raises the alarm for those who stand against a majority. */
  #accuse(round: HashRound, atEnd: boolean): void {
    const { logger, machine, membership, raiseCorrupt } = this.#options;
    for (const memberId of round.suspects(membership.members().length, atEnd)) {
      const raised = machine.alarms().some((one) => one.alarm === "corrupt" && one.memberId === memberId);
      if (raised) {
        continue;
      }
      logger.error("found a member whose history differs: alarm CORRUPT", {
        "member-id": memberId.toString(16),
        revision: round.point.revision,
        "compact-revision": round.point.compactRevision,
      });
      // Should it get lost, the next round raises it again.
      raiseCorrupt(memberId);
    }
  }
}
