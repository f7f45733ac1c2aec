/**
 * Which steps need no alternatives, and which differences between states no future shows. Each rule comes with the argument why no
 * broken promise is missed by it; `reduction: false` goes without, and tests compare the two.
 */
import type { ActionKind } from "./actions.ts";
import { budgets } from "./budgets.ts";
import { diskInput, messageInput, proposeInput } from "./inputs.ts";
import type { LocalStates } from "./local-states.ts";
import type { ExplorerPlan } from "./plan.ts";
import type { WorldLayout } from "./world-layout.ts";

/** See the head of this file. */
export class Reduction {
  readonly #plan: ExplorerPlan;
  readonly #layout: WorldLayout;
  readonly #locals: LocalStates;
  /** By member: messages that a step sends, in {@link #hasRoomFor}. */
  readonly #counts: Int32Array;

  constructor(plan: ExplorerPlan, layout: WorldLayout, locals: LocalStates) {
    this.#plan = plan;
    this.#layout = layout;
    this.#locals = locals;
    this.#counts = new Int32Array(plan.nodeCount);
  }

  /**
   * A member that can only wait for its disk, or crash; -1 when there is none. Its steps neither change those of the others nor are changed by them: the others do not
   * reach it, what it sends goes behind what is under way (and nothing is lost on a full link), and a crash of another only takes the
   * crash away from it. So every way to a broken promise leads there as well with this member's next step first; and as its log stays as it is while the disk works, what the promise
   * is about is still there to be seen.
   */
  waiting(row: Int32Array): number {
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      const state = row[this.#layout.stateAt(node)] as number;
      const pendingCount = this.#locals.facts.pendingCount(state);
      if (pendingCount >= this.#plan.pendingBatchesMax && this.#hasRoomAfterDisk(row, node, state)) {
        return node;
      }
    }
    return -1;
  }

  #hasRoomAfterDisk(row: Int32Array, node: number, state: number): boolean {
    return this.#hasRoomFor(row, node, this.#locals.step(state, diskInput));
  }

  /** Whether all that a step of the member sends finds room. */
  #hasRoomFor(row: Int32Array, node: number, step: number): boolean {
    const locals = this.#locals;
    const sentCount = locals.sentCount(step);
    this.#counts.fill(0);
    for (let i = 0; i < sentCount; i++) {
      const to = locals.receiver(step, i);
      if (to >= this.#plan.nodeCount) {
        continue;
      }
      const count = (this.#counts[to] as number) + 1;
      this.#counts[to] = count;
      if (count > this.#layout.room(row, node, to)) {
        return false;
      }
    }
    return true;
  }

  /**
   * The place on a link, from 0, of a message that changes nothing at its receiver, neither now nor later, so that it takes up no room on the link; -1 when there is none.
   * It is of an earlier term than one that no crash takes back: terms only grow. Or it is of this term, and one of those below.
   */
  idlePlace(row: Int32Array, from: number, to: number): number {
    // A trial of an election is answered in any term.
    if (from === to || this.#plan.preVote) {
      return -1;
    }
    const { facts, messages } = this.#locals;
    const state = row[this.#layout.stateAt(to)] as number;
    const term = facts.term(state);
    const mayCrash = this.#mayCrash(row);
    const lastingTerm = mayCrash ? facts.durableTerm(state) : term;
    const start = this.#layout.linkAt(from, to);
    for (let place = 0; place < this.#layout.linkCapacity; place++) {
      const message = row[start + place] as number;
      if (message === 0) {
        return -1;
      }
      const messageTerm = messages.term(message);
      const isIdle =
        messageTerm < lastingTerm
          ? this.#doesNothing(row, state, messageInput(message))
          : messageTerm === lastingTerm &&
            term === lastingTerm &&
            this.#isIdleInTerm(row, state, message, from, place);
      if (isIdle) {
        return place;
      }
    }
    return -1;
  }

  #isIdleInTerm(row: Int32Array, state: number, message: number, from: number, place: number): boolean {
    const { facts, messages } = this.#locals;
    switch (messages.kind(message)) {
      case "refusal":
        // Who counts only votes is elected by the same ones; and a candidate that has lost answers everything as the follower that it could become.
        return this.#keepsFacts(state, message);
      case "vote":
        // The member is no candidate any more, and never is again in this term.
        return !facts.stands(state) && this.#doesNothing(row, state, messageInput(message));
      case "accepted":
        // The sender, whose answers come in order, has acknowledged as much before; or this is no leader any more.
        return place === 0 && this.#doesNothing(row, state, messageInput(message));
      case "vote-request":
        return place === 0 && this.#isRefusedForGood(row, state, message, from);
      case "rejected":
      case "other":
        return false;
    }
  }

  #keepsFacts(state: number, message: number): boolean {
    const { facts } = this.#locals;
    const step = this.#locals.step(state, messageInput(message));
    const next = this.#locals.next(step);
    return (
      this.#locals.sentCount(step) === 0 &&
      facts.term(next) === facts.term(state) &&
      facts.logNumber(next) === facts.logNumber(state) &&
      facts.of(next).commit === facts.of(state).commit
    );
  }

  /**
   * Whether a request for a vote of the receiver's term does nothing but bring a refusal of that term, which is idle in turn. A refusal lasts: the vote is given to another;
   * or the leader is known; or the log is the better one, which in this term only its leader changes, by an entry of this term, and such an entry
   * no candidate of it has. Only the knowledge of the leader is lost in a crash, so that the member is asked as it would be after one, too.
   */
  #isRefusedForGood(row: Int32Array, state: number, message: number, from: number): boolean {
    const { facts, messages } = this.#locals;
    const candidate = row[this.#layout.stateAt(from)] as number;
    if (facts.pendingCount(state) > 0 || facts.durableTerm(candidate) < messages.term(message)) {
      return false;
    }
    return (
      this.#isRefused(row, state, message) &&
      (!this.#mayCrash(row) || this.#isRefused(row, this.#locals.crashed(state), message))
    );
  }

  #isRefused(row: Int32Array, state: number, message: number): boolean {
    const locals = this.#locals;
    const step = locals.step(state, messageInput(message));
    if (locals.sentCount(step) !== 1 || this.kept(row, locals.next(step)) !== state) {
      return false;
    }
    const answer = locals.message(step, 0);
    return (
      locals.messages.kind(answer) === "refusal" &&
      locals.messages.term(answer) === locals.messages.term(message)
    );
  }

  /**
   * A member whose steps neither change those of the others nor are changed by them, so that it is enough to take its next step first; -1 when there is none. That holds
   * when (1) all that can reach it next stands at the head of a link already, and no further message would find a link to it full before it moves;
   * (2) it does not campaign any more; (3) nothing that it can send next finds a full link; (4) a delivery can be taken whose
   * effect on the log is only to make it longer, so that what a promise is about is still there to be seen. A crash, a proposal of another only takes away what this one could do. Every step uses something
   * up, so that no step is put off for ever.
   */
  independent(row: Int32Array): number {
    if (this.#plan.preVote || this.#layout.used(row, budgets.heartbeats) < this.#plan.heartbeatCountMax) {
      return -1;
    }
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      const state = row[this.#layout.stateAt(node)] as number;
      if (this.#isSettled(row, state) && this.#isClosed(row, node) && this.#stepsHaveRoom(row, node, state)) {
        return node;
      }
    }
    return -1;
  }

  /** Whether a delivery is all that can happen to the member, but for a crash: from whom, -1 otherwise. */
  onlySender(row: Int32Array, node: number): number {
    const state = row[this.#layout.stateAt(node)] as number;
    if (
      this.#locals.facts.leads(state) &&
      this.#layout.used(row, budgets.proposals) < this.#plan.proposalCountMax
    ) {
      return -1;
    }
    let only = -1;
    for (let from = 0; from < this.#plan.nodeCount; from++) {
      if (this.#layout.head(row, from, node) !== 0) {
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
    const { facts } = this.#locals;
    const lastingTerm = this.#mayCrash(row) ? facts.durableTerm(state) : facts.term(state);
    return lastingTerm === this.#plan.termMax && facts.pendingCount(state) === 0;
  }

  /** Whether no message to come can be the next one for the member, or get lost on its way to it, before it moves. */
  #isClosed(row: Int32Array, node: number): boolean {
    for (let from = 0; from < this.#plan.nodeCount; from++) {
      if (from === node) {
        continue;
      }
      const count = this.#layout.linkCapacity - this.#layout.room(row, from, node);
      const more = this.#messagesToCome(row, from, node);
      if (count === 0 ? more > 0 : count + more > this.#layout.linkCapacity) {
        return false;
      }
    }
    return true;
  }

  /** How many messages `from` can send to `to` at most before `to` moves. */
  #messagesToCome(row: Int32Array, from: number, to: number): number {
    const { facts } = this.#locals;
    const state = row[this.#layout.stateAt(from)] as number;
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
      // A leader of the term before sends what comes too late, and is a follower in the last term when it hears of it.
      const isBefore = facts.term(state) === this.#plan.termMax - 1 && facts.pendingCount(state) === 0;
      return isBefore && !this.#mayCrash(row) ? requestCount : Number.POSITIVE_INFINITY;
    }
    return requestCount + this.#appendsToCome(row, state, from, to);
  }

  /**
   * A leader sends an append to a member when its commit index rises, when it answers that member, and for each proposal; and not even then while it waits for the answer
   * to a probe.
   */
  #appendsToCome(row: Int32Array, state: number, leader: number, to: number): number {
    const { facts } = this.#locals;
    const answerCount = this.#count(row, to, leader, true);
    if (answerCount === 0 && facts.hasSilenced(state, to)) {
      return 0;
    }
    if (this.#layout.used(row, budgets.changes) < this.#plan.confChangeCountMax) {
      return Number.POSITIVE_INFINITY;
    }
    const proposals = this.#plan.proposalCountMax - this.#layout.used(row, budgets.proposals);
    return answerCount + facts.commitRises(state) + 2 * proposals;
  }

  /** How many messages on the link are answers to appends, or are none. */
  #count(row: Int32Array, from: number, to: number, answers: boolean): number {
    const start = this.#layout.linkAt(from, to);
    let count = 0;
    for (let at = start; at < start + this.#layout.linkCapacity; at++) {
      const message = row[at] as number;
      if (message !== 0) {
        count += this.#locals.messages.isAppendAnswer(message) === answers ? 1 : 0;
      }
    }
    return count;
  }

  /** Whether the member can take a message, and whatever it does next, all that it sends finds room. */
  #stepsHaveRoom(row: Int32Array, node: number, state: number): boolean {
    const { facts } = this.#locals;
    if (facts.leads(state)) {
      if (this.#layout.used(row, budgets.changes) < this.#plan.confChangeCountMax) {
        return false;
      }
      const mayPropose = this.#layout.used(row, budgets.proposals) < this.#plan.proposalCountMax;
      if (mayPropose && !this.#hasRoomFor(row, node, this.#locals.step(state, proposeInput))) {
        return false;
      }
    }
    let hasKey = false;
    for (let from = 0; from < this.#plan.nodeCount; from++) {
      const message = this.#layout.head(row, from, node);
      if (message === 0) {
        continue;
      }
      const step = this.#locals.step(state, messageInput(message));
      if (!this.#hasRoomFor(row, node, step)) {
        return false;
      }
      hasKey ||= facts.extendsLog(this.#locals.next(step), state);
    }
    return hasKey;
  }

  /** Whether a step is one that the member refuses: the world is then as before, with less that may still happen. */
  isVain(row: Int32Array, kind: ActionKind, node: number, input: number): boolean {
    if (kind === "crash" || kind === "deliver" || kind === "disk") {
      return false;
    }
    return this.#doesNothing(row, row[this.#layout.stateAt(node)] as number, input);
  }

  /** In a world in which nobody crashes any more, states that differ only in what a crash would leave are one. */
  kept(row: Int32Array, state: number): number {
    return this.#mayCrash(row) ? state : this.#locals.lasting(state);
  }

  #doesNothing(row: Int32Array, state: number, input: number): boolean {
    const step = this.#locals.step(state, input);
    return this.#locals.sentCount(step) === 0 && this.kept(row, this.#locals.next(step)) === state;
  }

  #mayCrash(row: Int32Array): boolean {
    return this.#layout.used(row, budgets.crashes) < this.#plan.crashCountMax;
  }
}
