/**
 * Every world that can be reached within a plan, by breadth: the real core under all orders of deliveries, time-outs, disk
 * completions, crashes and changes. What Figure 3 of the Raft paper promises is checked in each.
 */
import { assert, must } from "@quorate/base";
import { type ConfState, toNodeId } from "@quorate/raft";
import { Violation } from "../violation.ts";
import { describeAction, unpackAction } from "./actions.ts";
import { type CheckpointSink, type CheckpointSource, loadNumber, saveNumbers } from "./checkpoint.ts";
import { Fingerprint } from "./fingerprint.ts";
import { Frontier } from "./frontier.ts";
import { Ghosts } from "./ghost.ts";
import type { LocalFacts } from "./local-facts.ts";
import { LocalStates } from "./local-states.ts";
import { exchanges } from "./names.ts";
import { checkExplorerPlan, defaultExplorerPlan, type ExplorerPlan } from "./plan.ts";
import { Successors } from "./successors.ts";
import { Trail } from "./trail.ts";
import { missedChance, VisitedWorlds } from "./visited-worlds.ts";
import { WorldLayout } from "./world-layout.ts";
import { WorldView } from "./world-view.ts";

/** How far an exploration has come. */
export interface ExplorerProgress {
  /** Worlds met: of those that differ only in the names of members one, and none in which some step has no alternative. */
  readonly worldCount: number;
  /** Worlds whose every next step has been taken. */
  readonly expandedCount: number;
  readonly stepCount: number;
  /** Steps that some world does not take, because a link has no room for what is sent by them. */
  readonly withheldCount: number;
  /** Worlds in which something waits for room, and nothing else can happen: what would follow them is out of bounds. */
  readonly stuckCount: number;
  /** Worlds that were met and wait for their next steps to be taken. */
  readonly frontierCount: number;
  /** Steps from the start to the worlds that are expanded now; those that have no alternative do not count. */
  readonly depth: number;
  readonly localStateCount: number;
  /** Inputs of members in a state that the core has worked out; all other steps were looked up. */
  readonly localStepCount: number;
  readonly messageCount: number;
  /** The longest committed log in any world. */
  readonly committedMax: number;
  /** Chance that a world was taken for another one, because 64 bits stand for each. */
  readonly missedChance: number;
}

/** What an exploration found. */
export interface ExplorerReport extends ExplorerProgress {
  /** Whether all reachable worlds were expanded: no violation, no limit. */
  readonly complete: boolean;
  readonly violation: Violation | null;
  /** The shortest way to the violation, one line a step; empty without one. */
  readonly way: readonly string[];
}

/** How an exploration is watched and limited. */
export interface ExploreOptions {
  /** What differs from {@link defaultExplorerPlan}. */
  readonly plan?: Partial<ExplorerPlan>;
  /** Whether steps that need no alternatives get none, and states that behave alike are one. The default is true. */
  readonly reduction?: boolean;
  /** Called once for each state of a member that was met. */
  readonly onMember?: (facts: LocalFacts) => void;
  /** Stops after so many worlds; the report then says that it is not complete. */
  readonly worldCountMax?: number;
  /** Asked now and then; once it says yes the walk stops, as after `worldCountMax`. */
  readonly isTimeUp?: () => boolean;
  /** Where an earlier call, with the same plan and reduction, ended: the walk goes on from there. */
  readonly resumeFrom?: CheckpointSource;
  /** Where this one ends, when a limit ends it: called then. */
  readonly saveTo?: () => CheckpointSink;
  readonly onProgress?: (progress: ExplorerProgress) => void;
  /** Worlds between two calls of `onProgress`. The default is 100,000. */
  readonly progressInterval?: number;
}

/**
 * Explores.
 *
 * @example
 * ```ts
 * import { explore } from "@quorate/sim";
 * const report = explore({ plan: { termMax: 1, proposalCountMax: 1, crashCountMax: 0, confChangeCountMax: 0 } });
 * if (!report.complete) throw report.violation ?? new Error("not all worlds were visited");
 * ```
 */
export function explore(options: ExploreOptions = {}): ExplorerReport {
  const plan = { ...defaultExplorerPlan, ...options.plan };
  checkExplorerPlan(plan);
  return new Exploration(plan, options).run();
}

/** Worlds between two looks at whether the time is up. */
const timeInterval = 4096;

class Exploration {
  readonly #options: ExploreOptions;
  readonly #locals: LocalStates;
  readonly #ghosts: Ghosts;
  readonly #successors: Successors;
  readonly #fingerprint: Fingerprint;
  readonly #visited = new VisitedWorlds();
  readonly #frontier: Frontier;
  readonly #trail = new Trail();
  readonly #row: Int32Array;
  #expandedCount = 0;
  #stuckCount = 0;
  #depth = 0;
  #depthEnd = 1;
  /** Successors of the world that is expanded, so far. */
  #place = 0;

  constructor(plan: ExplorerPlan, options: ExploreOptions) {
    const reduced = options.reduction ?? true;
    const layout = new WorldLayout(plan);
    const orders = exchanges(plan.nodeCount);
    const { candidatesAnswered, diskForgets, preVote } = plan;
    this.#options = options;
    this.#locals = new LocalStates(
      { confState: startOf(plan), preVote, candidatesAnswered, diskForgets, reduced },
      orders,
    );
    this.#ghosts = new Ghosts(orders);
    const view = new WorldView(plan, layout, this.#locals, reduced);
    this.#successors = new Successors(view, this.#ghosts);
    this.#fingerprint = new Fingerprint(view, this.#ghosts, orders);
    this.#frontier = new Frontier(layout);
    this.#row = new Int32Array(layout.width);
  }

  run(): ExplorerReport {
    const { resumeFrom, saveTo } = this.#options;
    if (resumeFrom === undefined) {
      this.#begin();
    } else {
      this.#load(resumeFrom);
    }
    try {
      while (this.#frontier.count > 0) {
        if (this.#isOver()) {
          if (saveTo !== undefined) {
            this.#save(saveTo());
          }
          return this.#report(false, null, []);
        }
        this.#expandNext();
      }
    } catch (error) {
      const violation =
        error instanceof Violation ? error : new Violation("invariant", String(error), { cause: error });
      return this.#report(false, violation, this.#way());
    }
    this.#tellMembers();
    return this.#report(true, null, []);
  }

  #begin(): void {
    this.#successors.begin(this.#row);
    assert(this.#isNew(this.#row), "explorer: nothing was met before the start");
    this.#frontier.push(this.#row);
  }

  #isOver(): boolean {
    const { isTimeUp, worldCountMax = Number.POSITIVE_INFINITY } = this.#options;
    return (
      this.#visited.count >= worldCountMax ||
      (this.#expandedCount % timeInterval === 0 && isTimeUp?.() === true)
    );
  }

  #save(sink: CheckpointSink): void {
    saveNumbers(sink, [
      this.#expandedCount,
      this.#depth,
      this.#depthEnd,
      this.#successors.stepCount,
      this.#successors.withheldCount,
      this.#stuckCount,
    ]);
    for (const part of [this.#locals, this.#ghosts, this.#visited, this.#frontier, this.#trail]) {
      part.save(sink);
    }
  }

  #load(source: CheckpointSource): void {
    this.#expandedCount = loadNumber(source);
    this.#depth = loadNumber(source);
    this.#depthEnd = loadNumber(source);
    const stepCount = loadNumber(source);
    this.#successors.resume(stepCount, loadNumber(source));
    this.#stuckCount = loadNumber(source);
    this.#locals.load(source);
    this.#ghosts.load(source, this.#locals.facts.byHistory());
    for (const part of [this.#visited, this.#frontier, this.#trail]) {
      part.load(source);
    }
    assert(
      this.#visited.count === this.#expandedCount + this.#frontier.count,
      "checkpoint: worlds that were neither expanded nor wait",
    );
  }

  #tellMembers(): void {
    for (let state = 0; state < this.#locals.count; state++) {
      this.#options.onMember?.(this.#locals.facts.of(state));
    }
  }

  #expandNext(): void {
    if (this.#expandedCount === this.#depthEnd) {
      this.#depth++;
      this.#depthEnd = this.#visited.count;
    }
    this.#frontier.shift(this.#row);
    this.#place = 0;
    const { withheldCount } = this.#successors;
    this.#successors.expand(this.#row, this.#visit);
    if (this.#place === 0 && this.#successors.withheldCount > withheldCount) {
      this.#stuckCount++;
    }
    this.#trail.expanded();
    this.#expandedCount++;
    if (this.#expandedCount % (this.#options.progressInterval ?? 100_000) === 0) {
      this.#options.onProgress?.(this.#progress());
    }
  }

  /** Notes the world unless it, or one that differs in names only, is known. */
  readonly #visit = (row: Int32Array): void => {
    if (this.#isNew(row)) {
      this.#frontier.push(row);
      this.#trail.found(this.#place);
    }
    this.#place++;
  };

  #isNew(row: Int32Array): boolean {
    this.#fingerprint.take(row);
    return this.#visited.add(this.#fingerprint.low, this.#fingerprint.high);
  }

  /** What led to the violation, from the start: all steps that were taken, with those that had no alternative. */
  #way(): string[] {
    // The steps behind the last world are those at whose end the promise was broken.
    const last = [...this.#successors.path];
    const way: number[] = [];
    this.#successors.begin(this.#row);
    for (const place of this.#trail.wayTo(this.#expandedCount)) {
      way.push(...this.#take(place));
    }
    return [...way, ...last].map((packed) => describeAction(unpackAction(packed)));
  }

  /** Takes `#row` to the successor at `place`, and gives the steps to it. */
  #take(place: number): readonly number[] {
    const next = new Int32Array(this.#row.length);
    let path: readonly number[] | null = null;
    let count = 0;
    this.#successors.expand(this.#row, (row) => {
      if (count === place) {
        next.set(row);
        path = [...this.#successors.path];
      }
      count++;
    });
    this.#row.set(next);
    return must<readonly number[]>(path, "explorer: the way is not there a second time");
  }

  #progress(): ExplorerProgress {
    return {
      worldCount: this.#visited.count,
      expandedCount: this.#expandedCount,
      frontierCount: this.#frontier.count,
      stepCount: this.#successors.stepCount,
      withheldCount: this.#successors.withheldCount,
      stuckCount: this.#stuckCount,
      depth: this.#depth,
      localStateCount: this.#locals.count,
      localStepCount: this.#locals.stepCount,
      messageCount: this.#locals.messages.count,
      committedMax: this.#ghosts.committedMax,
      missedChance: missedChance(this.#visited.count),
    };
  }

  #report(complete: boolean, violation: Violation | null, way: readonly string[]): ExplorerReport {
    return { ...this.#progress(), complete, violation, way };
  }
}

function startOf({ nodeCount, voterCount }: ExplorerPlan): ConfState {
  const ids = Array.from({ length: nodeCount }, (_, i) => toNodeId(i + 1));
  return {
    voters: ids.slice(0, voterCount),
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}
