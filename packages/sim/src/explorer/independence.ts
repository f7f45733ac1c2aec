/**
 * Members whose next step need not wait for others: all orders of it and of the steps of the others lead to the same worlds. Each rule
 * comes with the argument why no broken promise is missed by it; `reduction: false` goes without, and tests compare the two.
 */
import { budgets } from "./budgets.ts";
import { diskInput, messageInput, proposeInput } from "./inputs.ts";
import type { WorldView } from "./world-view.ts";

/** See the head of this file. */
export class Independence {
  readonly #view: WorldView;
  /** By member: messages that a step sends, in {@link hasRoomFor}. */
  readonly #counts: Int32Array;

  constructor(view: WorldView) {
    this.#view = view;
    this.#counts = new Int32Array(view.plan.nodeCount);
  }

  /**
   * A member that can only wait for its disk, or crash; -1 when there is none. Its steps neither change those of the others nor
   * are changed by them: the others do not reach it, what it sends goes behind what is under way (and finds room), and a
   * crash of another only takes the crash away from it. So every way to a broken promise leads there as well with
   * this member's next step first; and as its log stays as it is while the disk works, what the promise is about is still there
   * to be seen.
   */
  waiting(row: Int32Array): number {
    for (let node = 0; node < this.#view.plan.nodeCount; node++) {
      const state = this.#view.stateOf(row, node);
      const pendingCount = this.#view.locals.facts.pendingCount(state);
      if (pendingCount >= this.#view.plan.pendingBatchesMax && this.#hasRoomAfterDisk(row, node, state)) {
        return node;
      }
    }
    return -1;
  }

  #hasRoomAfterDisk(row: Int32Array, node: number, state: number): boolean {
    return this.hasRoomFor(row, node, this.#view.locals.step(state, diskInput));
  }

  /** Whether all that a step of the member sends finds room. */
  hasRoomFor(row: Int32Array, node: number, step: number): boolean {
    const locals = this.#view.locals;
    const sentCount = locals.sentCount(step);
    this.#counts.fill(0);
    for (let i = 0; i < sentCount; i++) {
      const to = locals.receiver(step, i);
      if (to >= this.#view.plan.nodeCount) {
        continue;
      }
      const count = (this.#counts[to] as number) + 1;
      this.#counts[to] = count;
      if (count > this.#view.layout.room(row, node, to)) {
        return false;
      }
    }
    return true;
  }

  /**
   * A member whose steps neither change those of the others nor are changed by them, so that it is enough to take its next step
   * first; -1 when there is none. That holds when (1) all that can reach it next stands at the head of a link already, and no
   * further message would be lost on its way to it before it moves (one that waits for room finds it the sooner); (2) it does not campaign any more; (3) nothing that it can send
   * next finds a full link; (4) a delivery can be taken whose effect on the log is only to make it longer, so that what a promise
   * is about is still there to be seen. A crash, a proposal of another only takes away what this one could do. Every step uses
   * something up, so that no step is put off for ever.
   */
  member(row: Int32Array): number {
    if (this.#view.plan.preVote || this.#view.left(row, budgets.heartbeats) > 0) {
      return -1;
    }
    for (let node = 0; node < this.#view.plan.nodeCount; node++) {
      const state = this.#view.stateOf(row, node);
      if (this.#isSettled(row, state) && this.#isClosed(row, node) && this.#stepsHaveRoom(row, node, state)) {
        return node;
      }
    }
    return -1;
  }

  /** Whether a delivery is all that can happen to the member, but for a crash: from whom, -1 otherwise. */
  onlySender(row: Int32Array, node: number): number {
    const state = this.#view.stateOf(row, node);
    if (this.#view.locals.facts.leads(state) && this.#view.left(row, budgets.proposals) > 0) {
      return -1;
    }
    let only = -1;
    for (let from = 0; from < this.#view.plan.nodeCount; from++) {
      if (this.#view.layout.head(row, from, node) !== 0) {
        if (only >= 0) {
          return -1;
        }
        only = from;
      }
    }
    return only;
  }

  /** Whether a member is in the last term for good, with nothing on its way to the disk. */
  #isSettled(row: Int32Array, state: number): boolean {
    const { facts } = this.#view.locals;
    const lastingTerm = this.#view.lastingTerm(row, state);
    return lastingTerm === this.#view.plan.termMax && facts.pendingCount(state) === 0;
  }

  /** Whether no message to come can be the next one for the member, or get lost on its way to it, before it moves. */
  #isClosed(row: Int32Array, node: number): boolean {
    const { linkCapacity, linksLose } = this.#view.plan;
    for (let from = 0; from < this.#view.plan.nodeCount; from++) {
      if (from === node) {
        continue;
      }
      const count = linkCapacity - this.#view.layout.room(row, from, node);
      if (count > 0 && !linksLose) {
        continue; // The next one from there is known, and whatever comes behind it waits for room.
      }
      if (count === 0 && this.#bringsNoNews(row, from, node)) {
        continue;
      }
      const more = this.#messagesToCome(row, from, node);
      if (count === 0 ? more > 0 : count + more > linkCapacity) {
        return false;
      }
    }
    return true;
  }

  /**
   * Whether nothing that `from` can still send matters to `to`, which follows in the last term. Answers to what `to` asked for in
   * earlier roles do nothing there any more, and neither do requests for its vote, which another has. What `from` sends as a leader of
   * an earlier term is answered with the present one and changes nothing at `to`: in whatever order that and the messages
   * of others come, everything ends up the same, because a follower answers each on a link of its own. And `from` cannot
   * come to lead the last term without a vote of somebody else.
   */
  #bringsNoNews(row: Int32Array, from: number, to: number): boolean {
    const { facts } = this.#view.locals;
    if (!this.#follows(row, to) || this.#view.plan.heartbeatCountMax > 0) {
      return false;
    }
    if (this.#isSettled(row, this.#view.stateOf(row, from))) {
      return this.#follows(row, from);
    }
    const state = this.#view.stateOf(row, from);
    if (facts.term(state) === this.#view.plan.termMax && !this.#follows(row, from)) {
      return false;
    }
    for (let voter = 0; voter < this.#view.plan.nodeCount; voter++) {
      const other = this.#view.stateOf(row, voter);
      if (voter !== from && !(this.#isSettled(row, other) && facts.hasVotedAgainst(other, from))) {
        return false;
      }
    }
    return this.#view.plan.voterCount - this.#view.plan.confChangeCountMax > 1;
  }

  #follows(row: Int32Array, node: number): boolean {
    const { facts } = this.#view.locals;
    const state = this.#view.stateOf(row, node);
    return !facts.leads(state) && !facts.stands(state);
  }

  /** How many messages `from` can send to `to` at most before `to` moves. */
  #messagesToCome(row: Int32Array, from: number, to: number): number {
    const { facts } = this.#view.locals;
    const state = this.#view.stateOf(row, from);
    if (facts.stands(state)) {
      // It may be elected.
      return Number.POSITIVE_INFINITY;
    }
    const requestCount = this.#count(row, to, from, false);
    if (!facts.leads(state)) {
      // Who neither leads nor campaigns any more only answers.
      return this.#isSettled(row, state) ? requestCount : Number.POSITIVE_INFINITY;
    }
    if (!this.#isSettled(row, state)) {
      // Also what a leader of an earlier term sends is answered.
      return Number.POSITIVE_INFINITY;
    }
    return requestCount + this.#appendsToCome(row, state, from, to);
  }

  /**
   * A leader sends an append to a member when its commit index rises, when it answers that member, and for each proposal; and not
   * even then while it waits for the answer to a probe.
   */
  #appendsToCome(row: Int32Array, state: number, leader: number, to: number): number {
    const { facts } = this.#view.locals;
    const answerCount = this.#count(row, to, leader, true);
    if (answerCount === 0 && facts.hasSilenced(state, to)) {
      return 0;
    }
    if (this.#view.left(row, budgets.changes) > 0) {
      return Number.POSITIVE_INFINITY;
    }
    const proposals = this.#view.left(row, budgets.proposals);
    return answerCount + facts.commitRises(state) + 2 * proposals;
  }

  /** How many messages on the link are answers to appends, or are none. */
  #count(row: Int32Array, from: number, to: number, answers: boolean): number {
    const start = this.#view.layout.linkAt(from, to);
    let count = 0;
    for (let at = start; at < start + this.#view.layout.linkCapacity; at++) {
      const message = row[at] as number;
      if (message !== 0) {
        count += this.#view.locals.messages.isAppendAnswer(message) === answers ? 1 : 0;
      }
    }
    return count;
  }

  /** Whether the member can take a message, and whatever it does next, all that it sends finds room. */
  #stepsHaveRoom(row: Int32Array, node: number, state: number): boolean {
    const { facts } = this.#view.locals;
    if (facts.leads(state)) {
      if (this.#view.left(row, budgets.changes) > 0) {
        return false;
      }
      const mayPropose = this.#view.left(row, budgets.proposals) > 0;
      if (mayPropose && !this.hasRoomFor(row, node, this.#view.locals.step(state, proposeInput))) {
        return false;
      }
    }
    let hasKey = false;
    for (let from = 0; from < this.#view.plan.nodeCount; from++) {
      const message = this.#view.layout.head(row, from, node);
      if (message === 0) {
        continue;
      }
      const step = this.#view.locals.step(state, messageInput(message));
      if (!this.hasRoomFor(row, node, step)) {
        return false;
      }
      hasKey ||= facts.extendsLog(this.#view.locals.next(step), state);
    }
    return hasKey;
  }
}
