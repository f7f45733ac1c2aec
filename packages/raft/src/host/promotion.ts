/**
 * Learners on their way to a vote (RAFT §4.2.1 [learner-rounds]): a new member first catches up without one, so that it does not hold up commits,
 * and the leader makes it a voter by itself once it has. One that does not get there in time is told of, and stays a learner.
 */
import { assert } from "@quorate/base";
import type { LogIndex, NodeId } from "../types/ids.ts";
import type { MemberInfo } from "../types/member.ts";
import type { ProgressStatus } from "../types/status.ts";
import type { HostEvent } from "./events.ts";
import type { MembershipChange, MembershipOutcome } from "./membership-change.ts";

/** What promotion needs of its host. */
interface PromotionPort {
  readonly isLeader: boolean;
  /** Whether any of `members` is to get a vote. */
  readonly hasPromotion: boolean;
  readonly members: readonly MemberInfo[];
  readonly lastIndex: LogIndex;
  progress(): readonly ProgressStatus[];
  isActive(id: NodeId): boolean;
  change(change: MembershipChange, done: (outcome: MembershipOutcome) => void): void;
  emit(event: HostEvent): void;
}

/** The leader's care for its learners; forgotten with its place. */
export class Promotion {
  readonly #port: PromotionPort;
  readonly #marginEntryCount: number;
  readonly #timeoutTicks: number;
  /** Ticks that each learner has been waiting, with this leader. */
  readonly #waited: Map<NodeId, number> = new Map();
  #underWay = false;

  constructor(port: PromotionPort, marginEntryCount: number, timeoutTicks: number) {
    assert(marginEntryCount >= 0 && timeoutTicks > 0, "promotion: limits out of range");
    this.#port = port;
    this.#marginEntryCount = marginEntryCount;
    this.#timeoutTicks = timeoutTicks;
  }

  tick(): void {
    const port = this.#port;
    const learners = port.isLeader && port.hasPromotion ? port.members.filter(({ promote }) => promote) : [];
    for (const id of this.#waited.keys()) {
      if (!learners.some((learner) => learner.id === id)) {
        this.#waited.delete(id);
      }
    }
    if (learners.length === 0) {
      return;
    }
    const progress = port.progress();
    for (const { id } of learners) {
      this.#consider(
        id,
        progress.find((each) => each.id === id),
      );
    }
  }

  #consider(id: NodeId, progress: ProgressStatus | undefined): void {
    const { lastIndex } = this.#port;
    const match = progress?.match ?? 0;
    const ticks = (this.#waited.get(id) ?? 0) + 1;
    this.#waited.set(id, ticks);
    // RAFT §4.2.1 [learner-given-up].
    if (ticks === this.#timeoutTicks) {
      this.#port.emit({ type: "promotion-timed-out", id, missingEntryCount: lastIndex - match });
    }
    const caughtUp = match > 0 && match + this.#marginEntryCount >= lastIndex && this.#port.isActive(id);
    if (caughtUp && ticks < this.#timeoutTicks && !this.#underWay) {
      this.#promote(id);
    }
  }

  #promote(id: NodeId): void {
    this.#underWay = true;
    // What is refused now (another change is under way, the quorum is weak) is tried again with the next tick.
    this.#port.change({ changes: [{ op: "add-voter", id }] }, (outcome) => {
      this.#underWay = false;
      if (outcome.kind === "applied") {
        this.#port.emit({ type: "member-promoted", id, index: outcome.confIndex });
      }
    });
  }
}
