/**
 * Messages that change nothing at their receivers any more. They are taken off their links at once, and take up no room there.
 * For each kind the argument why it is so is given; `reduction: false` goes without, and tests compare the two.
 */
import { messageInput } from "./inputs.ts";
import type { WorldView } from "./world-view.ts";

/** See the head of this file. */
export class IdleMessages {
  readonly #view: WorldView;

  constructor(view: WorldView) {
    this.#view = view;
  }

  /**
   * The place on a link, from 0, of a message that changes nothing at its receiver, neither now nor later, so that it takes up no
   * room on the link; -1 when there is none. It is of an earlier term than one that no crash takes back: terms only grow. Or it
   * is of this term, and one of those below.
   */
  placeOn(row: Int32Array, from: number, to: number): number {
    // A trial of an election is answered in any term.
    if (from === to || this.#view.plan.preVote) {
      return -1;
    }
    const { facts, messages } = this.#view.locals;
    const state = this.#view.stateOf(row, to);
    const term = facts.term(state);
    const lastingTerm = this.#view.lastingTerm(row, state);
    const start = this.#view.layout.linkAt(from, to);
    for (let place = 0; place < this.#view.layout.linkCapacity; place++) {
      const message = row[start + place] as number;
      if (message === 0) {
        return -1;
      }
      const messageTerm = messages.term(message);
      const isIdle =
        messageTerm < lastingTerm
          ? this.#view.doesNothing(row, state, messageInput(message)) ||
            this.#isAnsweredInVain(row, state, message, from)
          : messageTerm === lastingTerm &&
            term === lastingTerm &&
            this.#isIdleInTerm(row, state, message, from, place);
      if (isIdle) {
        return place;
      }
    }
    return -1;
  }

  /**
   * Puts in place of each append, and of each request for a vote, of an earlier term than one that no crash takes back the one that stands for
   * all: all that comes of it is that its sender is told the present term.
   */
  levelOn(row: Int32Array, from: number, to: number): void {
    if (this.#view.plan.preVote) {
      return;
    }
    const { messages } = this.#view.locals;
    const lastingTerm = this.#view.lastingTerm(row, this.#view.stateOf(row, to));
    const start = this.#view.layout.linkAt(from, to);
    for (let at = start; at < start + this.#view.layout.linkCapacity; at++) {
      const message = row[at] as number;
      if (message === 0) {
        return;
      }
      if (messages.term(message) < lastingTerm) {
        row[at] = messages.level(message);
      }
    }
  }

  #isIdleInTerm(row: Int32Array, state: number, message: number, from: number, place: number): boolean {
    const { facts, messages } = this.#view.locals;
    switch (messages.kind(message)) {
      case "refusal":
        // Who counts only votes is elected by the same ones; and a candidate that has lost answers everything as the follower that it could become.
        return this.#keepsFacts(state, message);
      case "vote":
        // The member is no candidate any more, and never is again in this term.
        return !facts.stands(state) && this.#view.doesNothing(row, state, messageInput(message));
      case "accepted":
        // The sender, whose answers come in order, has acknowledged as much before; or this is no leader any more, for good.
        return (
          (place === 0 || this.#isFollower(state)) &&
          this.#view.doesNothing(row, state, messageInput(message))
        );
      case "vote-request":
        // What comes before it on the link may still lead to a vote, unless that is given.
        return (
          (place === 0 || facts.hasVotedAgainst(state, from)) &&
          this.#isRefusedForGood(row, state, message, from)
        );
      case "rejected":
        return this.#isFollower(state) && this.#view.doesNothing(row, state, messageInput(message));
      case "other":
        return false;
    }
  }

  /** Who follows in a term neither leads nor stands in it ever again: that begins with a term of its own. */
  #isFollower(state: number): boolean {
    const { facts } = this.#view.locals;
    return !facts.leads(state) && !facts.stands(state);
  }

  /**
   * A leader or a candidate of an earlier term is told the present one (RAFT §3.4 [candidate-refuses-stale]), and that is all that comes of
   * its message. It learns nothing from that if it is in the last term already: the answer is of no later one. It names no index, so
   * that it is news only to a leader that has heard nothing from this member yet; and a refusal is idle, see {@link #isIdleInTerm}.
   */
  #isAnsweredInVain(row: Int32Array, state: number, message: number, from: number): boolean {
    const { facts, messages } = this.#view.locals;
    const locals = this.#view.locals;
    const sender = this.#view.stateOf(row, from);
    const step = locals.step(state, messageInput(message));
    const isToldTerm =
      this.#view.kept(row, locals.next(step)) === state &&
      locals.sentCount(step) === 1 &&
      locals.receiver(step, 0) === from;
    if (
      !isToldTerm ||
      this.#view.lastingTerm(row, sender) !== this.#view.plan.termMax ||
      facts.term(sender) !== this.#view.plan.termMax
    ) {
      return false;
    }
    const answer = locals.message(step, 0);
    const kind = messages.kind(answer);
    return (
      kind === "refusal" || (kind === "accepted" && messages.isOfNoIndex(answer) && this.#isFollower(sender))
    );
  }

  #keepsFacts(state: number, message: number): boolean {
    const { facts } = this.#view.locals;
    const step = this.#view.locals.step(state, messageInput(message));
    const next = this.#view.locals.next(step);
    return (
      this.#view.locals.sentCount(step) === 0 &&
      facts.term(next) === facts.term(state) &&
      facts.logNumber(next) === facts.logNumber(state) &&
      facts.of(next).commit === facts.of(state).commit
    );
  }

  /**
   * Whether a request for a vote of the receiver's term does nothing but bring a refusal of that term, which is idle in turn. A
   * refusal lasts: the vote is given to another; or the leader is known; or the log is the better one, which in this term only
   * its leader changes, by an entry of this term, and such an entry no candidate of it has. Only the knowledge of the leader is
   * lost in a crash, so that the member is asked as it would be after one, too.
   */
  #isRefusedForGood(row: Int32Array, state: number, message: number, from: number): boolean {
    const { facts, messages } = this.#view.locals;
    const candidate = this.#view.stateOf(row, from);
    if (facts.pendingCount(state) > 0 || facts.durableTerm(candidate) < messages.term(message)) {
      return false;
    }
    return (
      this.#isRefused(row, state, message) &&
      (!this.#view.mayCrash(row) || this.#isRefused(row, this.#view.locals.crashed(state), message))
    );
  }

  #isRefused(row: Int32Array, state: number, message: number): boolean {
    const locals = this.#view.locals;
    const step = locals.step(state, messageInput(message));
    if (locals.sentCount(step) !== 1 || this.#view.kept(row, locals.next(step)) !== state) {
      return false;
    }
    const answer = locals.message(step, 0);
    return (
      locals.messages.kind(answer) === "refusal" &&
      locals.messages.term(answer) === locals.messages.term(message)
    );
  }
}
