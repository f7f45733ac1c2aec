/** Questions about a world that stands in a row: what its members are in, and what may still happen to them. */
import { type Budget, budgets } from "./budgets.ts";
import type { LocalStates } from "./local-states.ts";
import type { ExplorerPlan } from "./plan.ts";
import type { WorldLayout } from "./world-layout.ts";

/** See the head of this file. */
export class WorldView {
  readonly plan: ExplorerPlan;
  readonly layout: WorldLayout;
  readonly locals: LocalStates;
  /** Whether differences that no future shows are left out. */
  readonly reduced: boolean;
  /** The most of each budget. PERF: by its place, asked for many times in each step. */
  readonly #most: Int32Array;

  constructor(plan: ExplorerPlan, layout: WorldLayout, locals: LocalStates, reduced: boolean) {
    this.plan = plan;
    this.layout = layout;
    this.locals = locals;
    this.reduced = reduced;
    this.#most = new Int32Array(budgets.campaigns + 1);
    this.#most[budgets.proposals] = plan.proposalCountMax;
    this.#most[budgets.crashes] = plan.crashCountMax;
    this.#most[budgets.changes] = plan.confChangeCountMax;
    this.#most[budgets.heartbeats] = plan.heartbeatCountMax;
    this.#most[budgets.campaigns] = plan.campaignCountMax ?? unlimited;
  }

  /** How often something may still happen. */
  left(row: Int32Array, budget: Budget): number {
    return (this.#most[budget] as number) - this.layout.used(row, budget);
  }

  mayCrash(row: Int32Array): boolean {
    return this.left(row, budgets.crashes) > 0;
  }

  stateOf(row: Int32Array, node: number): number {
    return row[this.layout.stateAt(node)] as number;
  }

  /** The term that the member in this state never goes back from. */
  lastingTerm(row: Int32Array, state: number): number {
    const { facts } = this.locals;
    return this.mayCrash(row) ? facts.durableTerm(state) : facts.term(state);
  }

  /** In a world in which nobody crashes any more, states that differ only in what a crash would leave are one. */
  kept(row: Int32Array, state: number): number {
    return !this.reduced || this.mayCrash(row) ? state : this.locals.lasting(state);
  }

  /** Whether the input leaves a member in the state in which it is, and nobody hears of it. */
  doesNothing(row: Int32Array, state: number, input: number): boolean {
    const step = this.locals.step(state, input);
    return this.locals.sentCount(step) === 0 && this.kept(row, this.locals.next(step)) === state;
  }
}

/** More than any world can use up. */
const unlimited = 2 ** 30;
