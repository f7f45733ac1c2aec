/** What checks and bounds need to know of a member without waking it. */
import { must } from "@quorate/base";
import { type ConfState, type NodeId, noNode, type Role } from "@quorate/raft";
import { NumberList } from "./growing.ts";
import type { LocalNode } from "./local-node.ts";

/** A member in one of its states. */
export interface LocalFacts {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: number;
  readonly commit: number;
  /** The log as texts, by index − 1. */
  readonly log: readonly string[];
  readonly confState: ConfState;
}

const unbounded = -1;

/** How many batches on the way to a disk can be told from each other in number. */
const pendingMax = 15;

/** By the number of a state, in the order in which they are pushed. PERF: what each step of each world asks for lies flat. */
export class LocalFactsTable {
  readonly #facts: LocalFacts[] = [];
  readonly #logs: (readonly string[])[] = [];
  readonly #logNumbers = new Map<string, number>();
  readonly #histories = new Map<string, number>([["", 0]]);
  readonly #terms = new NumberList();
  readonly #durableTerms = new NumberList();
  readonly #pendingCounts = new NumberList();
  readonly #leads = new NumberList();
  readonly #stands = new NumberList();
  readonly #commitRises = new NumberList();
  readonly #silenced = new NumberList();
  readonly #votes = new NumberList();
  readonly #logOf = new NumberList();
  readonly #historyOf = new NumberList();

  push(id: NodeId, node: LocalNode): void {
    const { core } = node;
    const { role, term, committed } = core;
    const logNumber = this.#logNumber(node.logTexts());
    const log = this.log(logNumber);
    const { confState } = core.unsafeState.tracker.membership;
    this.#facts.push({ id, role, term, commit: committed, log, confState });
    this.#terms.push(term);
    this.#durableTerms.push(node.durableTerm);
    this.#pendingCounts.push(Math.min(node.pendingCount, pendingMax));
    this.#leads.push(role === "leader" ? 1 : 0);
    this.#stands.push(role === "candidate" || role === "pre-candidate" ? 1 : 0);
    this.#commitRises.push(commitRises(node, log));
    this.#silenced.push(silencedMask(node));
    this.#votes.push(core.unsafeState.vote);
    this.#logOf.push(logNumber);
    this.#historyOf.push(this.#historyNumber(id, role, term, log, committed));
  }

  of(state: number): LocalFacts {
    return must(this.#facts[state], "explorer: no such state of a member");
  }

  term(state: number): number {
    return this.#terms.at(state);
  }

  /** The term that no crash takes back. */
  durableTerm(state: number): number {
    return this.#durableTerms.at(state);
  }

  pendingCount(state: number): number {
    return this.#pendingCounts.at(state);
  }

  leads(state: number): boolean {
    return this.#leads.at(state) === 1;
  }

  /** Whether it is a candidate, on trial or not. */
  stands(state: number): boolean {
    return this.#stands.at(state) === 1;
  }

  /**
   * How often a leader's commit index can still rise at most, and so be told, if nothing more is proposed; infinite when its
   * configuration changes on the way.
   */
  commitRises(state: number): number {
    const count = this.#commitRises.at(state);
    return count === unbounded ? Number.POSITIVE_INFINITY : count;
  }

  /** Whether a leader sends nothing to the member, from 0, before it answers. RAFT §3.5 [probe-one]. */
  hasSilenced(state: number, member: number): boolean {
    return ((this.#silenced.at(state) >> member) & 1) === 1;
  }

  /** Whether its vote of this term is another's than that of the member, from 0: no vote is given twice (RAFT §3.4 [vote-once]). */
  hasVotedAgainst(state: number, member: number): boolean {
    const vote = this.#votes.at(state);
    return vote !== noNode && vote !== member + 1;
  }

  /** Equal for equal logs, counted from 0. */
  logNumber(state: number): number {
    return this.#logOf.at(state);
  }

  /** Whether the log in one state begins with the log in another one. */
  extendsLog(later: number, earlier: number): boolean {
    const laterNumber = this.logNumber(later);
    const earlierNumber = this.logNumber(earlier);
    if (laterNumber === earlierNumber) {
      return true;
    }
    const laterLog = this.log(laterNumber);
    return this.log(earlierNumber).every((entry, i) => laterLog[i] === entry);
  }

  log(number: number): readonly string[] {
    return must(this.#logs[number], "explorer: no such log");
  }

  /** Equal for states that add the same to what must stay true; 0 for those that add nothing. See {@link Ghosts}. */
  history(state: number): number {
    return this.#historyOf.at(state);
  }

  /** The facts of some state of each history. */
  byHistory(): (history: number) => LocalFacts {
    const states: number[] = [];
    for (let state = 0; state < this.#facts.length; state++) {
      states[this.history(state)] ??= state;
    }
    return (history) => this.of(must(states[history], "explorer: no state of this history"));
  }

  #logNumber(log: readonly string[]): number {
    const text = log.join(" ");
    let number = this.#logNumbers.get(text);
    if (number === undefined) {
      number = this.#logs.length;
      this.#logs.push(log);
      this.#logNumbers.set(text, number);
    }
    return number;
  }

  #historyNumber(id: NodeId, role: Role, term: number, log: readonly string[], commit: number): number {
    const leads = role === "leader";
    const text = leads
      ? `${id} ${term} ${commit} ${log.join(" ")}`
      : commit === 0
        ? ""
        : `${term} ${log.slice(0, commit).join(" ")}`;
    const number = this.#histories.get(text) ?? this.#histories.size;
    this.#histories.set(text, number);
    return number;
  }
}

function commitRises({ core }: LocalNode, log: readonly string[]): number {
  const isSettled =
    core.unsafeState.tracker.membership.confState.votersOutgoing.length === 0 &&
    log.slice(core.committed).every((entry) => !entry.includes("conf-change"));
  return isSettled ? log.length - core.committed : unbounded;
}

function silencedMask({ core }: LocalNode): number {
  let mask = 0;
  for (const one of core.unsafeState.tracker.membership.members) {
    mask |= one.state === "probe" && one.flowPaused ? 1 << (one.id - 1) : 0;
  }
  return mask;
}
