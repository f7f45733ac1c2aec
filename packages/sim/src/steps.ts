/**
 * What troubles a run, counted: each fault, change of the members, act of a client and call to the API asks before it happens. Shrinking lets all but a
 * few of them not happen; a run without a list lets everything happen.
 */

/** What asks. */
export const stepKinds = ["fault", "change", "operation", "call"] as const;

/** One of them. */
export type StepKind = (typeof stepKinds)[number];

/** By kind, the numbers of those that may happen, counted from 1; null for all of them. */
export type KeptSteps = Readonly<Record<StepKind, readonly number[] | null>>;

/** Everything happens. */
export const keepAll: KeptSteps = { fault: null, change: null, operation: null, call: null };

/** One per run. */
export class Steps {
  readonly #kept: Readonly<Record<StepKind, ReadonlySet<number> | null>>;
  readonly #counts: Record<StepKind, number> = { fault: 0, change: 0, operation: 0, call: 0 };

  constructor(kept: KeptSteps = keepAll) {
    const { call, change, fault, operation } = kept;
    const setOf = (list: readonly number[] | null): ReadonlySet<number> | null =>
      list === null ? null : new Set(list);
    this.#kept = {
      fault: setOf(fault),
      change: setOf(change),
      operation: setOf(operation),
      call: setOf(call),
    };
  }

  /** Whether the next one of this kind happens. Whoever asks draws its numbers first: what is left out shifts nothing else. */
  admit(kind: StepKind): boolean {
    this.#counts[kind]++;
    return this.#kept[kind]?.has(this.#counts[kind]) ?? true;
  }

  /** How many asked. */
  count(kind: StepKind): number {
    return this.#counts[kind];
  }
}
