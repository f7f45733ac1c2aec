/**
 * What can happen next in a world. The steps that are taken, one by one, lead to worlds; between two worlds stand those steps whose order
 * among the others does not matter (see ./reduction.ts), so that the worlds in between are not kept.
 */
import { assert, must, unreachable } from "@quorate/base";
import { toNodeId } from "@quorate/raft";
import { type ActionKind, packAction } from "./actions.ts";
import { type Budget, budgets } from "./budgets.ts";
import type { Ghosts } from "./ghost.ts";
import {
  campaignInput,
  diskInput,
  heartbeatInput,
  messageInput,
  proposeInput,
  removalInput,
  replacementInput,
} from "./inputs.ts";
import type { LocalStates } from "./local-states.ts";
import { LogMatching } from "./log-matching.ts";
import type { ExplorerPlan } from "./plan.ts";
import { Reduction } from "./reduction.ts";
import type { WorldLayout } from "./world-layout.ts";

/** In place of a member: a crash may make all members forget what their disks hold. */
const everybody = -1;

/** See {@link Successors.#forced}. */
interface Forced {
  readonly kind: "disk" | "deliver";
  readonly node: number;
  readonly other: number;
}

/** Gives each world that can follow, in an order that depends on nothing but the world before. */
export class Successors {
  readonly #plan: ExplorerPlan;
  readonly #layout: WorldLayout;
  readonly #locals: LocalStates;
  readonly #ghosts: Ghosts;
  readonly #matching: LogMatching;
  /** Null when every order of steps is wanted. */
  readonly #reduction: Reduction | null;
  /** The world that is built, and those that branch off from it by crashes. */
  readonly #rows: readonly Int32Array[];
  readonly #path: number[] = [];
  #stepCount = 0;

  constructor(
    plan: ExplorerPlan,
    layout: WorldLayout,
    locals: LocalStates,
    ghosts: Ghosts,
    reduced: boolean,
  ) {
    this.#plan = plan;
    this.#layout = layout;
    this.#locals = locals;
    this.#ghosts = ghosts;
    this.#matching = new LogMatching(locals.facts);
    this.#reduction = reduced ? new Reduction(plan, layout, locals) : null;
    this.#rows = Array.from({ length: plan.crashCountMax + 2 }, () => new Int32Array(layout.width));
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  /** The steps, packed, from the world that is expanded to the one that is visited, or to the one that broke a promise. */
  get path(): readonly number[] {
    return this.#path;
  }

  /** Puts the start into `row`: nothing has happened. */
  begin(row: Int32Array): void {
    row.fill(0);
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      row[this.#layout.stateAt(node)] = this.#locals.fresh(toNodeId(node + 1));
    }
    this.#forgetDisks(row);
  }

  /** @throws Violation when a step breaks a promise. */
  expand(row: Int32Array, visit: (row: Int32Array) => void): void {
    const independent = this.#reduction?.independent(row) ?? -1;
    if (independent >= 0) {
      this.#expandNode(row, independent, visit);
      return;
    }
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      this.#expandNode(row, node, visit);
    }
  }

  /** Everything that can happen to one member next. */
  #expandNode(row: Int32Array, node: number, visit: (row: Int32Array) => void): void {
    const { facts } = this.#locals;
    const state = row[this.#layout.stateAt(node)] as number;
    const pendingCount = facts.pendingCount(state);
    if (pendingCount > 0) {
      this.#try(row, visit, "disk", node);
    }
    if (this.#left(row, budgets.crashes, this.#plan.crashCountMax)) {
      this.#try(row, visit, "crash", node);
    }
    if (pendingCount >= this.#plan.pendingBatchesMax) {
      return;
    }
    for (let from = 0; from < this.#plan.nodeCount; from++) {
      if (this.#layout.head(row, from, node) !== 0) {
        this.#try(row, visit, "deliver", node, from);
      }
    }
    if (facts.leads(state)) {
      this.#expandLeader(row, node, state, visit);
    } else if (
      facts.term(state) < this.#plan.termMax &&
      this.#left(row, budgets.campaigns, this.#plan.campaignCountMax ?? Number.POSITIVE_INFINITY)
    ) {
      this.#try(row, visit, "campaign", node);
    }
  }

  #expandLeader(row: Int32Array, node: number, state: number, visit: (row: Int32Array) => void): void {
    if (this.#left(row, budgets.heartbeats, this.#plan.heartbeatCountMax)) {
      this.#try(row, visit, "heartbeat", node);
    }
    if (this.#left(row, budgets.proposals, this.#plan.proposalCountMax)) {
      this.#try(row, visit, "propose", node);
    }
    if (!this.#left(row, budgets.changes, this.#plan.confChangeCountMax)) {
      return;
    }
    const { voters } = this.#locals.facts.of(state).confState;
    for (const voter of voters) {
      if (voters.length > 1) {
        this.#try(row, visit, "remove", node, voter - 1);
      }
      for (let spare = 0; spare < this.#plan.nodeCount; spare++) {
        if (!voters.includes(toNodeId(spare + 1))) {
          this.#try(row, visit, "replace", node, voter - 1, spare);
        }
      }
    }
  }

  #left(row: Int32Array, budget: Budget, max: number): boolean {
    return this.#layout.used(row, budget) < max;
  }

  #try(
    row: Int32Array,
    visit: (row: Int32Array) => void,
    kind: ActionKind,
    node: number,
    other = 0,
    spare = 0,
  ): void {
    if (this.#reduction?.isVain(row, kind, node, inputNumber(kind, other, spare)) === true) {
      return;
    }
    this.#stepCount++;
    const next = this.#rowAt(0);
    next.set(row);
    this.#path.length = 0;
    this.#happen(next, kind, node, other, spare);
    this.#settle(0, kind === "crash" ? everybody : node, visit);
  }

  /**
   * Takes the steps whose order does not matter, and visits the worlds that they end in: one more for each crash that is possible. In `row` of
   * the level `moved` has just moved.
   */
  #settle(level: number, moved: number, visit: (row: Int32Array) => void): void {
    const row = this.#rowAt(level);
    const reduction = this.#reduction;
    if (reduction !== null) {
      this.#dropIdle(row, reduction, moved);
      for (let step = this.#forced(row, reduction); step !== null; step = this.#forced(row, reduction)) {
        if (this.#left(row, budgets.crashes, this.#plan.crashCountMax)) {
          const length = this.#path.length;
          this.#rowAt(level + 1).set(row);
          this.#happen(this.#rowAt(level + 1), "crash", step.node, 0, 0);
          this.#settle(level + 1, everybody, visit);
          this.#path.length = length;
        }
        this.#happen(row, step.kind, step.node, step.other, 0);
        this.#dropIdle(row, reduction, step.node);
      }
    }
    visit(row);
  }

  /** A step that has no alternative but a crash of the same member. */
  #forced(row: Int32Array, reduction: Reduction): Forced | null {
    const waiting = reduction.waiting(row);
    if (waiting >= 0) {
      return { kind: "disk", node: waiting, other: 0 };
    }
    const node = reduction.independent(row);
    const other = node < 0 ? -1 : reduction.onlySender(row, node);
    return other < 0 ? null : { kind: "deliver", node, other };
  }

  /** Only what goes to or comes from the member that has moved can have become idle. */
  #dropIdle(row: Int32Array, reduction: Reduction, moved: number): void {
    for (let from = 0; from < this.#plan.nodeCount; from++) {
      for (let to = 0; to < this.#plan.nodeCount; to++) {
        if (from !== to && (moved === everybody || from === moved || to === moved)) {
          this.#dropIdleOn(row, reduction, from, to);
        }
      }
    }
  }

  #dropIdleOn(row: Int32Array, reduction: Reduction, from: number, to: number): void {
    let place = reduction.idlePlace(row, from, to);
    while (place >= 0) {
      this.#path.push(packAction("drop", to, from, place));
      this.#layout.take(row, from, to, place);
      place = reduction.idlePlace(row, from, to);
    }
  }

  /** Changes `row`. */
  #happen(row: Int32Array, kind: ActionKind, node: number, other: number, spare: number): void {
    this.#path.push(packAction(kind, node, other, spare));
    const before = row[this.#layout.stateAt(node)] as number;
    if (kind === "crash") {
      this.#layout.spend(row, budgets.crashes);
      this.#enter(row, node, this.#locals.crashed(before));
      this.#forgetDisks(row);
      return;
    }
    const input =
      kind === "deliver"
        ? messageInput(this.#layout.take(row, other, node, 0))
        : inputNumber(kind, other, spare);
    assert(kind !== "drop", "explorer: what is dropped does not happen");
    this.#spendFor(row, kind);
    const locals = this.#locals;
    const step = locals.step(before, input);
    const sentCount = locals.sentCount(step);
    for (let i = 0; i < sentCount; i++) {
      const to = locals.receiver(step, i);
      if (to < this.#plan.nodeCount) {
        this.#layout.send(row, node, to, locals.message(step, i));
      }
    }
    this.#enter(row, node, locals.next(step));
  }

  #spendFor(row: Int32Array, kind: ActionKind): void {
    if (kind === "propose") {
      this.#layout.spend(row, budgets.proposals);
    } else if (kind === "remove" || kind === "replace") {
      this.#layout.spend(row, budgets.changes);
    } else if (kind === "heartbeat") {
      this.#layout.spend(row, budgets.heartbeats);
    } else if (kind === "campaign" && this.#plan.campaignCountMax !== null) {
      // What is not limited is not counted: worlds would differ in nothing else.
      this.#layout.spend(row, budgets.campaigns);
    }
  }

  /** The member comes into a state: what is promised about it, alone and beside the others, must hold. */
  #enter(row: Int32Array, node: number, state: number): void {
    const { facts } = this.#locals;
    const { ghostAt } = this.#layout;
    const at = this.#layout.stateAt(node);
    const before = row[at] as number;
    row[at] = this.#reduction?.kept(row, state) ?? state;
    const history = facts.history(state);
    // PERF: what was added before adds nothing.
    if (history !== 0 && history !== facts.history(before)) {
      row[ghostAt] = this.#ghosts.after(row[ghostAt] as number, history, facts.of(state));
    }
    const log = facts.logNumber(state);
    if (log === facts.logNumber(before)) {
      return;
    }
    for (let other = 0; other < this.#plan.nodeCount; other++) {
      if (other !== node) {
        this.#matching.check(log, facts.logNumber(row[this.#layout.stateAt(other)] as number));
      }
    }
  }

  #forgetDisks(row: Int32Array): void {
    if (this.#reduction === null) {
      return;
    }
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      const at = this.#layout.stateAt(node);
      row[at] = this.#reduction.kept(row, row[at] as number);
    }
  }

  #rowAt(level: number): Int32Array {
    assert(level < this.#rows.length, "explorer: more branches than crashes");
    return must(this.#rows[level], "explorer: no such row");
  }
}

/** The number of an action's input, but for deliveries, whose message stands in the world, and crashes, which are none: 0. */
function inputNumber(kind: ActionKind, other: number, spare: number): number {
  switch (kind) {
    case "propose":
      return proposeInput;
    case "remove":
      return removalInput(other);
    case "replace":
      return replacementInput(other, spare);
    case "heartbeat":
      return heartbeatInput;
    case "campaign":
      return campaignInput;
    case "disk":
      return diskInput;
    case "deliver":
    case "drop":
    case "crash":
      return 0;
    default:
      return unreachable(kind);
  }
}
