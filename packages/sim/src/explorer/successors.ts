/**
 * What can happen next in a world. The steps that are taken, one by one, lead to worlds; between two worlds stand those steps whose order
 * among the others does not matter, so that the worlds in between are not kept.
 */
import { assert, must } from "@quorate/base";
import { toNodeId } from "@quorate/raft";
import { type ActionKind, packAction } from "./actions.ts";
import { budgets } from "./budgets.ts";
import type { Ghosts } from "./ghost.ts";
import { Happening, inputNumber } from "./happening.ts";
import { IdleMessages } from "./idle-messages.ts";
import { Independence } from "./independence.ts";
import { messageInput } from "./inputs.ts";
import type { WorldView } from "./world-view.ts";

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
  readonly #view: WorldView;
  readonly #happening: Happening;
  readonly #idle: IdleMessages;
  readonly #independence: Independence;
  /** The world that is built, and those that branch off from it by crashes. */
  readonly #rows: readonly Int32Array[];
  readonly #path: number[] = [];
  #stepCount = 0;
  #withheldCount = 0;

  constructor(view: WorldView, ghosts: Ghosts) {
    this.#view = view;
    this.#happening = new Happening(view, ghosts);
    this.#idle = new IdleMessages(view);
    this.#independence = new Independence(view);
    this.#rows = Array.from({ length: view.plan.crashCountMax + 2 }, () => new Int32Array(view.layout.width));
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  /** Steps that were not taken in some world, because what is sent by them had no room. */
  get withheldCount(): number {
    return this.#withheldCount;
  }

  /** Goes on counting where an earlier walk ended. */
  resume(stepCount: number, withheldCount: number): void {
    assert(this.#stepCount === 0 && this.#withheldCount === 0, "explorer: resumed after it began");
    this.#stepCount = stepCount;
    this.#withheldCount = withheldCount;
  }

  /** The steps, packed, from the world that is expanded to the one that is visited, or to the one that broke a promise. */
  get path(): readonly number[] {
    return this.#path;
  }

  /** Puts the start into `row`: nothing has happened. */
  begin(row: Int32Array): void {
    this.#happening.begin(row);
  }

  /** @throws Violation when a step breaks a promise. */
  expand(row: Int32Array, visit: (row: Int32Array) => void): void {
    const independent = this.#view.reduced ? this.#independence.member(row) : -1;
    if (independent >= 0) {
      this.#expandNode(row, independent, visit);
      return;
    }
    for (let node = 0; node < this.#view.plan.nodeCount; node++) {
      this.#expandNode(row, node, visit);
    }
  }

  /** Everything that can happen to one member next. */
  #expandNode(row: Int32Array, node: number, visit: (row: Int32Array) => void): void {
    const { facts } = this.#view.locals;
    const state = this.#view.stateOf(row, node);
    const pendingCount = facts.pendingCount(state);
    if (pendingCount > 0) {
      this.#try(row, visit, "disk", node);
    }
    if (this.#view.left(row, budgets.crashes) > 0) {
      this.#try(row, visit, "crash", node);
    }
    if (pendingCount >= this.#view.plan.pendingBatchesMax) {
      return;
    }
    for (let from = 0; from < this.#view.plan.nodeCount; from++) {
      if (this.#view.layout.head(row, from, node) !== 0) {
        this.#try(row, visit, "deliver", node, from);
      }
    }
    if (facts.leads(state)) {
      this.#expandLeader(row, node, state, visit);
    } else if (facts.term(state) < this.#view.plan.termMax && this.#view.left(row, budgets.campaigns) > 0) {
      this.#try(row, visit, "campaign", node);
    }
  }

  #expandLeader(row: Int32Array, node: number, state: number, visit: (row: Int32Array) => void): void {
    if (this.#view.left(row, budgets.heartbeats) > 0) {
      this.#try(row, visit, "heartbeat", node);
    }
    if (this.#view.left(row, budgets.proposals) > 0) {
      this.#try(row, visit, "propose", node);
    }
    if (this.#view.left(row, budgets.changes) === 0) {
      return;
    }
    const { voters } = this.#view.locals.facts.of(state).confState;
    for (const voter of voters) {
      if (voters.length > 1) {
        this.#try(row, visit, "remove", node, voter - 1);
      }
      for (let spare = 0; spare < this.#view.plan.nodeCount; spare++) {
        if (!voters.includes(toNodeId(spare + 1))) {
          this.#try(row, visit, "replace", node, voter - 1, spare);
        }
      }
    }
  }

  #try(
    row: Int32Array,
    visit: (row: Int32Array) => void,
    kind: ActionKind,
    node: number,
    other = 0,
    spare = 0,
  ): void {
    const head = kind === "deliver" ? messageInput(this.#view.layout.head(row, other, node)) : null;
    const input = head ?? inputNumber(kind, other, spare);
    if (this.#isVain(row, kind, node, input)) {
      return;
    }
    if (this.#mustWait(row, kind, node, input)) {
      this.#withheldCount++;
      return;
    }
    this.#stepCount++;
    const next = this.#rowAt(0);
    next.set(row);
    this.#path.length = 0;
    this.#happen(next, kind, node, other, spare);
    this.#settle(0, kind === "crash" ? everybody : node, visit);
  }

  /** Whether the member refuses to: the world is then as before, with less that may still happen. */
  #isVain(row: Int32Array, kind: ActionKind, node: number, input: number): boolean {
    const isOwnWill = kind !== "crash" && kind !== "deliver" && kind !== "disk";
    const state = this.#view.stateOf(row, node);
    return this.#view.reduced && isOwnWill && this.#view.doesNothing(row, state, input);
  }

  /** Whether links that lose nothing have no room for what the step would send. Its receivers make some, or crash. */
  #mustWait(row: Int32Array, kind: ActionKind, node: number, input: number): boolean {
    if (this.#view.plan.linksLose || kind === "crash") {
      return false;
    }
    const step = this.#view.locals.step(this.#view.stateOf(row, node), input);
    return !this.#independence.hasRoomFor(row, node, step);
  }

  /**
   * Takes the steps whose order does not matter, and visits the worlds that they end in: one more for each crash that is
   * possible. In `row` of the level `moved` has just moved.
   */
  #settle(level: number, moved: number, visit: (row: Int32Array) => void): void {
    const row = this.#rowAt(level);
    if (this.#view.reduced) {
      this.#dropIdle(row, moved);
      for (let step = this.#forced(row); step !== null; step = this.#forced(row)) {
        if (this.#view.left(row, budgets.crashes) > 0) {
          const length = this.#path.length;
          this.#rowAt(level + 1).set(row);
          this.#happen(this.#rowAt(level + 1), "crash", step.node, 0, 0);
          this.#settle(level + 1, everybody, visit);
          this.#path.length = length;
        }
        this.#happen(row, step.kind, step.node, step.other, 0);
        this.#dropIdle(row, step.node);
      }
    }
    visit(row);
  }

  /** A step that has no alternative but a crash of the same member. */
  #forced(row: Int32Array): Forced | null {
    const waiting = this.#independence.waiting(row);
    if (waiting >= 0) {
      return { kind: "disk", node: waiting, other: 0 };
    }
    const node = this.#independence.member(row);
    const other = node < 0 ? -1 : this.#independence.onlySender(row, node);
    return other < 0 ? null : { kind: "deliver", node, other };
  }

  /** Only what goes to or comes from the member that has moved can have become idle. */
  #dropIdle(row: Int32Array, moved: number): void {
    for (let from = 0; from < this.#view.plan.nodeCount; from++) {
      for (let to = 0; to < this.#view.plan.nodeCount; to++) {
        if (from !== to && (moved === everybody || from === moved || to === moved)) {
          this.#dropIdleOn(row, from, to);
        }
      }
    }
  }

  #dropIdleOn(row: Int32Array, from: number, to: number): void {
    this.#idle.levelOn(row, from, to);
    let place = this.#idle.placeOn(row, from, to);
    while (place >= 0) {
      this.#path.push(packAction("drop", to, from, place));
      this.#view.layout.take(row, from, to, place);
      place = this.#idle.placeOn(row, from, to);
    }
  }

  #happen(row: Int32Array, kind: ActionKind, node: number, other: number, spare: number): void {
    this.#path.push(packAction(kind, node, other, spare));
    this.#happening.happen(row, kind, node, other, spare);
  }

  #rowAt(level: number): Int32Array {
    assert(level < this.#rows.length, "explorer: more branches than crashes");
    return must(this.#rows[level], "explorer: no such row");
  }
}
