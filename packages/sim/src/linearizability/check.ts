/**
 * Whether a concurrent history has an order: each operation at one moment between its call and its return, such that the
 * object doing them one by one in that order gives the same answers. The search is that of Wing and Gong with Lowe's
 * memory of the places it has been ("Testing for linearizability", 2017), the one Porcupine uses. It is exponential at
 * worst, so it has a budget; running out of it is an answer of its own and never counts as "linearizable".
 */
import { assert, must } from "@quorate/base";
import type { Operation, SequentialModel } from "./model.ts";
import { lift, type Mark, timeline, unlift } from "./timeline.ts";
import { PlacedSet, Visited } from "./visited.ts";

/** What a check found. */
export type Verdict =
  | {
      readonly kind: "linearizable";
      /** One order that explains the history: positions in the list of operations that was given. */
      readonly order: readonly number[];
    }
  | {
      readonly kind: "violation";
      /** The longest order the search found. No operation can follow it. */
      readonly longest: readonly number[];
      /** The operation that returned before anything else could have been placed behind `longest`. */
      readonly stuckAt: number;
    }
  | { readonly kind: "exhausted"; readonly steps: number };

/** How much a check may cost. */
export interface CheckLimits {
  /** Operations tried in some place. The default is ten million, some seconds. */
  readonly stepsMax?: number;
  /**
   * An order that somebody believes in, as positions in the list of operations; those left out come last, if ever. It is held against the
   * object and against real time like any other: when it explains the history there is nothing to search for.
   */
  readonly guess?: readonly number[];
}

/**
 * Checks one history.
 *
 * @example
 * ```ts
 * import { checkLinearizable, registerModel } from "@quorate/sim";
 * const verdict = checkLinearizable(registerModel, [
 *   { input: { kind: "write", value: "a" }, output: { kind: "written" }, calledAt: 0, returnedAt: 10 },
 *   { input: { kind: "read" }, output: { kind: "value", value: null }, calledAt: 11, returnedAt: 12 },
 * ]);
 * if (verdict.kind !== "violation") throw new Error("a read after the write must see it");
 * ```
 */
export function checkLinearizable<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  limits: CheckLimits = {},
): Verdict {
  const { guess, stepsMax = 10_000_000 } = limits;
  if (guess !== undefined && explains(model, operations, guess)) {
    return { kind: "linearizable", order: guess };
  }
  return new Search(model, operations, stepsMax).run();
}

/**
 * Checks a history of independent objects, one by one: linearizability is local, so that the whole is linearizable exactly
 * when each part is (Herlihy and Wing 1990). The orders in the verdict are positions in the whole list. An object that exhausts its limit
 * makes the verdict "exhausted" unless another one violates.
 */
export function checkLinearizableByKey<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  keyOf: (input: Input) => string,
  limits: CheckLimits = {},
): Verdict {
  const parts = positionsByKey(operations, operations.keys(), keyOf);
  const guesses = positionsByKey(operations, limits.guess ?? [], keyOf);
  const order: number[] = [];
  let exhausted: Verdict | null = null;
  for (const [key, positions] of parts) {
    const at = (local: number): number => must(positions[local], "check: a place outside its part");
    const verdict = checkLinearizable(
      model,
      positions.map((position) => must(operations[position], "check: a part outside the whole")),
      { ...limits, guess: localPlaces(positions, guesses.get(key) ?? []) },
    );
    if (verdict.kind === "violation") {
      return { kind: "violation", longest: verdict.longest.map(at), stuckAt: at(verdict.stuckAt) };
    }
    if (verdict.kind === "exhausted") {
      exhausted = verdict;
    } else {
      order.push(...verdict.order.map(at));
    }
  }
  return exhausted ?? { kind: "linearizable", order };
}

function positionsByKey<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  positions: Iterable<number>,
  keyOf: (input: Input) => string,
): Map<string, number[]> {
  const parts = new Map<string, number[]>();
  for (const position of positions) {
    const key = keyOf(must(operations[position], "check: a position outside the list").input);
    const part = parts.get(key);
    if (part === undefined) {
      parts.set(key, [position]);
    } else {
      part.push(position);
    }
  }
  return parts;
}

function localPlaces(positions: readonly number[], wanted: readonly number[]): readonly number[] {
  const places = new Map(positions.map((position, place) => [position, place]));
  return wanted.map((position) => must(places.get(position), "check: a guess outside its part"));
}

/** Whether `order` is one that the object could have followed, without contradicting real time, with everything in it that returned. */
function explains<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  order: readonly number[],
): boolean {
  const placed = new Set<number>();
  let state = model.initial;
  let latestCall = -Infinity;
  for (const position of order) {
    const { calledAt, input, output, returnedAt } = must(
      operations[position],
      "check: a guess outside the list",
    );
    const after = model.step(state, input, output);
    if (after === undefined || placed.has(position) || (returnedAt !== null && returnedAt < latestCall)) {
      return false;
    }
    placed.add(position);
    state = after;
    latestCall = Math.max(latestCall, calledAt);
  }
  return operations.every(({ returnedAt }, position) => returnedAt === null || placed.has(position));
}

interface Placed<State> {
  readonly call: Mark;
  /** Before the operation. */
  readonly state: State;
  readonly isReadOnly: boolean;
}

class Search<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #stepsMax: number;
  readonly #head: Mark;
  readonly #placed: PlacedSet;
  readonly #visited = new Visited();
  readonly #stack: Placed<State>[] = [];
  #state: State;
  #longest: readonly number[] = [];
  #stuckAt = -1;

  constructor(
    model: SequentialModel<State, Input, Output>,
    operations: readonly Operation<Input, Output>[],
    stepsMax: number,
  ) {
    assert(stepsMax > 0, "check: a search without a budget");
    this.#model = model;
    this.#operations = operations;
    this.#stepsMax = stepsMax;
    this.#head = timeline(operations);
    this.#placed = new PlacedSet(operations.length);
    this.#state = model.initial;
  }

  run(): Verdict {
    let steps = 0;
    let mark = this.#head.next;
    while (mark !== null) {
      if (mark.partner !== null) {
        steps++;
        if (steps > this.#stepsMax) {
          return { kind: "exhausted", steps: this.#stepsMax };
        }
        mark = this.#place(mark) ? this.#head.next : mark.next;
        continue;
      }
      // A return whose call has no place yet: whatever is placed later comes too late for it. One step back.
      this.#note(mark.operation);
      const undone = this.#undo();
      if (undone === null) {
        return { kind: "violation", longest: this.#longest, stuckAt: this.#stuckAt };
      }
      mark = undone.call.next;
    }
    assert(this.#stack.length === this.#operations.length, "check: an operation has no place");
    return { kind: "linearizable", order: this.#order() };
  }

  /**
   * Takes back the last operation that could have had another place. One that only reads could not: any order in which it comes
   * later is one with it here as well, since it disturbs nobody. That keeps reads out of the exponent.
   */
  #undo(): Placed<State> | null {
    for (;;) {
      const undone = this.#stack.pop();
      if (undone === undefined) {
        return null;
      }
      this.#state = undone.state;
      this.#placed.toggle(undone.call.operation);
      unlift(undone.call);
      if (!undone.isReadOnly) {
        return undone;
      }
    }
  }

  /** Places the operation of `call` next, if the object could have answered so and the search has not been there. */
  #place(call: Mark): boolean {
    const operation = must(this.#operations[call.operation], "check: a mark of no operation");
    const after = this.#model.step(this.#state, operation.input, operation.output);
    if (after === undefined) {
      return false;
    }
    this.#placed.toggle(call.operation);
    if (!this.#visited.add(this.#placed, this.#model.keyOf(after))) {
      this.#placed.toggle(call.operation);
      return false;
    }
    const isReadOnly = this.#model.isReadOnly?.(operation.input, operation.output) ?? false;
    this.#stack.push({ call, state: this.#state, isReadOnly });
    this.#state = after;
    lift(call);
    return true;
  }

  #note(stuckAt: number): void {
    if (this.#stuckAt < 0 || this.#stack.length > this.#longest.length) {
      this.#longest = this.#order();
      this.#stuckAt = stuckAt;
    }
  }

  #order(): readonly number[] {
    return this.#stack.map((placed) => placed.call.operation);
  }
}
