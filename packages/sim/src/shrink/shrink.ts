/**
 * Makes a failing run small: the same checker must speak up in each smaller one. Three ways in turn, until none helps: a simpler plan,
 * another root of chance under which it fails sooner, and fewer faults, changes, acts of clients and calls (delta debugging).
 */
import { assert, must } from "@quorate/base";
import type { SeedReport } from "../simulate.ts";
import { keepAll, type StepKind, stepKinds } from "../steps.ts";
import type { SeedPlan } from "../swarm.ts";
import { playSchedule, type Schedule, scheduleVersion } from "./schedule.ts";
import { simplifications } from "./simpler.ts";

/** How shrinking is watched and limited. */
export interface ShrinkOptions {
  /** Events of the world that all tries together may take. The default is 20 million, some minutes. */
  readonly eventBudget?: number;
  /** Called whenever the run got smaller. */
  readonly onSmaller?: (schedule: Schedule, eventCount: number) => void;
}

/** What shrinking left. */
export interface Shrunken {
  readonly schedule: Schedule;
  /** Of the shrunken run. */
  readonly report: SeedReport;
  /** Steps of the protocol, as the trace counts them, ticks left out, and calls to the API; before and after. */
  readonly eventCountBefore: number;
  readonly eventCount: number;
  /** Runs that were tried. */
  readonly tryCount: number;
}

const eventBudgetDefault = 20_000_000;

/**
 * Other roots of chance that each simpler plan is tried with, at most, and the part of all events that this may take; then the same
 * for the search. PERF: the smaller the run has become, the more roots can be tried.
 */
const rootsPerPlanMax = 60;
const planShare = 1 / 400;
const rootsPerSearchMax = 1_000;
const searchShare = 1 / 20;

/** A failing seed as a schedule in which everything happens. */
export function scheduleOf(seed: number, plan: SeedPlan): Schedule {
  return { version: scheduleVersion, seed, random: seed, plan, kept: keepAll, checker: null };
}

/**
 * Shrinks a failing run.
 *
 * @throws InvariantViolation when it does not fail.
 */
export function shrink(failing: Schedule, options: ShrinkOptions = {}): Shrunken {
  return new Shrinking(failing, options).run();
}

interface Failing {
  readonly schedule: Schedule;
  readonly report: SeedReport;
  /** Steps of the protocol but for ticks, of which a quiet second has dozens, and calls to the API. */
  readonly size: number;
}

class Shrinking {
  readonly #options: ShrinkOptions;
  readonly #before: Failing;
  #best: Failing;
  #budget: number;
  #tryCount = 0;

  constructor(failing: Schedule, options: ShrinkOptions) {
    this.#options = options;
    this.#budget = options.eventBudget ?? eventBudgetDefault;
    const { report, size } = play(failing, Number.MAX_SAFE_INTEGER);
    assert(report.violation !== null, "shrink: the run breaks no promise");
    const schedule = { ...failing, checker: report.violation.checker };
    this.#before = { schedule, report, size };
    this.#best = this.#before;
  }

  run(): Shrunken {
    for (let before = Number.POSITIVE_INFINITY; this.#best.size < before && this.#budget > 0; ) {
      before = this.#best.size;
      this.#endEarly();
      this.#simplify();
      this.#search();
      for (const kind of stepKinds) {
        this.#leaveOut(kind);
      }
    }
    const { report, schedule, size } = this.#best;
    return {
      schedule,
      report,
      eventCount: size,
      eventCountBefore: this.#before.size,
      tryCount: this.#tryCount,
    };
  }

  /** What comes after the violation need not be planned. */
  #endEarly(): void {
    const { report, schedule } = this.#best;
    const { plan } = schedule;
    if (report.simulatedMs < plan.faultPhaseMs) {
      this.#try({ ...schedule, plan: { ...plan, faultPhaseMs: report.simulatedMs + 1, calmPhaseMs: 0 } });
    }
  }

  #simplify(): void {
    for (const simpler of simplifications(this.#best.schedule.plan)) {
      const { schedule } = this.#best;
      const plan = simpler(schedule.plan);
      if (plan !== null && !this.#try({ ...schedule, plan }, true)) {
        this.#tryRoots(plan, rootsPerPlanMax, planShare, true);
      }
    }
  }

  /** The same plan by other chances: some fail much sooner. */
  #search(): void {
    while (this.#tryRoots(this.#best.schedule.plan, rootsPerSearchMax, searchShare, false)) {
      // Each find is a smaller run, so that this ends.
    }
  }

  /** Under another root other steps are the ones that matter, so that all of them happen. */
  #tryRoots(plan: SeedPlan, countMax: number, share: number, isSimpler: boolean): boolean {
    const least = this.#budget - (this.#options.eventBudget ?? eventBudgetDefault) * share;
    for (let i = 0; i < countMax && this.#budget > least; i++) {
      const { schedule } = this.#best;
      const random = schedule.seed * 1_000_003 + this.#tryCount;
      if (this.#try({ ...schedule, plan, random, kept: keepAll }, isSimpler)) {
        return true;
      }
    }
    return false;
  }

  /** Delta debugging: ever smaller parts of what happens are left out, as long as it still fails. */
  #leaveOut(kind: StepKind): void {
    const all = must(this.#best.report.steps[kind], "shrink: not counted");
    let kept = this.#best.schedule.kept[kind] ?? Array.from({ length: all }, (_, i) => i + 1);
    if (kept.length > 0 && this.#tryKept(kind, [])) {
      return;
    }
    for (let parts = 2; kept.length > 1 && this.#budget > 0; ) {
      const size = Math.ceil(kept.length / parts);
      let isSmaller = false;
      for (let from = 0; from < kept.length; from += size) {
        const rest = [...kept.slice(0, from), ...kept.slice(from + size)];
        if (rest.length > 0 && this.#tryKept(kind, rest)) {
          kept = rest;
          isSmaller = true;
          from -= size;
        }
      }
      if (!isSmaller && size === 1) {
        return;
      }
      parts = isSmaller ? Math.max(2, parts - 1) : Math.min(kept.length, parts * 2);
    }
  }

  #tryKept(kind: StepKind, list: readonly number[]): boolean {
    const { schedule } = this.#best;
    return this.#try({ ...schedule, kept: { ...schedule.kept, [kind]: list } }, true);
  }

  /** Whether the run fails as the first one did and is smaller; a simpler one may be a little larger. */
  #try(schedule: Schedule, isSimpler = false): boolean {
    if (this.#budget <= 0) {
      return false;
    }
    this.#tryCount++;
    const { report: best, size: bestSize } = this.#best;
    const { report, size } = play(schedule, best.eventCount * (isSimpler ? 1.5 : 1));
    this.#budget -= report.eventCount;
    const fails = report.violation?.checker === this.#before.schedule.checker;
    if (!fails || size > bestSize * (isSimpler ? 1.1 : 1) || (!isSimpler && size === bestSize)) {
      return false;
    }
    this.#best = { schedule, report, size };
    this.#options.onSmaller?.(schedule, size);
    return true;
  }
}

function play(schedule: Schedule, eventCountMax: number): { report: SeedReport; size: number } {
  let size = 0;
  const report = playSchedule(schedule, {
    eventCountMax: Math.ceil(eventCountMax),
    protocol: ({ kind }) => {
      size += kind === "tick" ? 0 : 1;
    },
  });
  return { report, size: size + callCount(schedule, report) };
}

/** Calls that were made. */
function callCount({ kept }: Schedule, { steps }: SeedReport): number {
  return kept.call === null ? steps.call : kept.call.filter((number) => number <= steps.call).length;
}
