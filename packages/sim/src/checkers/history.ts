/**
 * What clients asked and were told, held against the order in which commands really committed. With unique values and a
 * known total order a register history needs no search: each operation has one place in the order, and real time must
 * agree with it.
 */
import { assert, must } from "@quorate/base";
import type { LogIndex } from "@quorate/raft";
import { checkLinearizableByKey } from "../linearizability/check.ts";
import type { Operation, SequentialModel } from "../linearizability/model.ts";
import { type RegisterInput, type RegisterOutput, registerModel } from "../linearizability/models.ts";
import { promise } from "../violation.ts";

type OperationKind = "put" | "read";

/** How an operation ended for its client. `unknown`: it may or may not have happened. */
type Outcome = "pending" | "applied" | "refused" | "unknown";

/** One operation of one client. */
export interface ClientOperation {
  readonly id: number;
  readonly kind: OperationKind;
  readonly key: string;
  /** Of a put: unique in the run. Of a read: what it returned, once it did; null where the key was absent. */
  value: string | null;
  readonly invokedAtMs: number;
  /** Calls and returns of all clients in their order. */
  readonly calledAt: number;
  /** Null while nobody was told. */
  returnedAt: number | null;
  /** The newest place in the order, of this key, that had been seen by anyone when the operation began. */
  readonly floor: number;
  outcome: Outcome;
}

interface KeyState {
  /** The highest index whose effect some finished operation has shown. */
  floor: number;
  /** Value of the newest applied put. */
  value: string | null;
}

/** All operations of a run; a method throws a {@link Violation} where an answer contradicts the order. */
export class History {
  readonly #operations: ClientOperation[] = [];
  readonly #puts = new Map<string, ClientOperation>();
  readonly #placeOfValue = new Map<string, LogIndex>();
  readonly #revisionOfValue = new Map<string, number>();
  readonly #keys = new Map<string, KeyState>();
  readonly #acknowledged: ClientOperation[] = [];
  #moment = 0;

  /** Notes that a client begins. `value` is null for a read. */
  begin(kind: OperationKind, key: string, value: string | null, nowMs: number): ClientOperation {
    const operation: ClientOperation = {
      id: this.#operations.length + 1,
      kind,
      key,
      value,
      invokedAtMs: nowMs,
      calledAt: this.#nextMoment(),
      returnedAt: null,
      floor: this.#key(key).floor,
      outcome: "pending",
    };
    this.#operations.push(operation);
    if (kind === "put") {
      assert(value !== null && !this.#puts.has(value), "history: value is not unique");
      this.#puts.set(value, operation);
    }
    return operation;
  }

  #nextMoment(): number {
    this.#moment++;
    return this.#moment;
  }

  /**
   * Whether what the clients alone saw has an order: first that of the log, held against the answers like any guess, else by the search of
   * `linearizability/check.ts`. A put of unknown outcome whose value nobody read explains nothing, so it is left out.
   */
  checkLinearizable(stepsMax: number): void {
    const read = new Set(
      this.#operations
        .filter(({ kind, outcome }) => kind === "read" && outcome === "applied")
        .map(({ value }) => value),
    );
    const seen = this.#operations.filter(
      ({ kind, outcome, value }) =>
        outcome === "applied" || (kind === "put" && outcome !== "refused" && read.has(value)),
    );
    const verdict = checkLinearizableByKey(keyedRegister, seen.map(toOperation), ({ key }) => key, {
      stepsMax,
      guess: this.#logOrder(seen),
    });
    promise(
      verdict.kind === "linearizable",
      "linearizability",
      () => `the clients' history of ${seen.length} operations: ${verdict.kind}`,
    );
  }

  /** Positions of `operations`: puts as they stand in the log, reads behind the put whose value they show. */
  #logOrder(operations: readonly ClientOperation[]): readonly number[] {
    const placeOf = ({ value }: ClientOperation): number =>
      value === null ? 0 : (this.#placeOfValue.get(value) ?? Infinity);
    return operations
      .map((operation, position) => ({ operation, place: placeOf(operation), position }))
      .sort(
        (left, right) =>
          (left.place === right.place ? 0 : left.place - right.place) ||
          Number(left.operation.kind === "read") - Number(right.operation.kind === "read") ||
          left.operation.calledAt - right.operation.calledAt,
      )
      .map(({ position }) => position);
  }

  /** Some member applied a put, for the first time or again. */
  applied(index: LogIndex, key: string, value: string): void {
    const known = this.#placeOfValue.get(value);
    if (known !== undefined) {
      promise(
        known === index,
        "at-most-once",
        () => `the put of ${value} stands in the log at ${known} and at ${index}`,
      );
      return;
    }
    const operation = must(this.#puts.get(value), "history: applied what nobody proposed");
    promise(
      operation.outcome !== "refused",
      "refused-never-applied",
      () => `the put of ${value} was refused as never applied, and is applied at ${index}`,
    );
    this.#placeOfValue.set(value, index);
    this.#key(key).value = value;
  }

  /** The client is told that its put was applied at `index`. */
  putApplied(operation: ClientOperation, index: LogIndex): void {
    const value = must(operation.value, "history: put without value");
    promise(
      this.#placeOfValue.get(value) === index,
      "acknowledged-writes",
      () => `the put of ${value} is acknowledged at ${index}; it stands at ${this.#placeOfValue.get(value)}`,
    );
    promise(
      index > operation.floor,
      "linearizable-reads",
      () =>
        `the put of ${value} took place ${index}, before ${operation.floor}, which was seen before it began`,
    );
    operation.outcome = "applied";
    operation.returnedAt = this.#nextMoment();
    this.#acknowledged.push(operation);
    this.#raise(operation.key, index);
  }

  /** A member applied the put of `value`, which made `revision`. */
  made(value: string, revision: number): void {
    if (!this.#revisionOfValue.has(value)) {
      this.#revisionOfValue.set(value, revision);
    }
  }

  /** The client of a session is told that its put was applied, now or by an earlier attempt; null where the answer was lost. */
  sessionPutApplied(operation: ClientOperation, revision: number | null): void {
    const value = must(operation.value, "history: put without value");
    const made = this.#revisionOfValue.get(value);
    promise(
      revision === null || revision === made,
      "exactly-once",
      () => `the put of ${value} is answered with revision ${revision}; it made ${made}`,
    );
    const place = this.#placeOfValue.get(value);
    promise(
      place !== undefined,
      "acknowledged-writes",
      () => `the put of ${value} is acknowledged and was never applied`,
    );
    this.putApplied(operation, place);
  }

  /** The client is told the value of a linearizable read, null where the key is absent. */
  readReturned(operation: ClientOperation, value: string | null): void {
    const place = value === null ? 0 : this.#placeOfValue.get(value);
    promise(
      place !== undefined,
      "linearizable-reads",
      () => `a read of ${operation.key} returned ${value}, which is not committed`,
    );
    promise(
      place >= operation.floor,
      "linearizable-reads",
      () =>
        `a read of ${operation.key} returned the state at ${place}; ${operation.floor} had been seen before it began`,
    );
    operation.outcome = "applied";
    operation.returnedAt = this.#nextMoment();
    operation.value = value;
    this.#raise(operation.key, place);
  }

  /** The client is told that its put certainly never happens, or that its read was not served. */
  refused(operation: ClientOperation): void {
    if (operation.kind === "put") {
      promise(
        !this.#placeOfValue.has(must(operation.value, "history: put without value")),
        "refused-never-applied",
        () => `the put of ${operation.value} is refused as never applied, but it was applied`,
      );
    }
    operation.outcome = "refused";
  }

  /** The client gives up, or is told that nobody knows. */
  unknown(operation: ClientOperation): void {
    operation.outcome = "unknown";
  }

  /** Every acknowledged put is in the state: `valueAt` answers what a member holds for a key. */
  checkFinal(node: number, valueAt: (key: string) => string | null): void {
    for (const [key, state] of this.#keys) {
      const found = valueAt(key);
      promise(
        found === state.value,
        "acknowledged-writes",
        () => `node ${node} holds ${found} for ${key}; the last applied put wrote ${state.value}`,
      );
    }
  }

  /** The highest index at which an acknowledged put stands. */
  get acknowledgedIndex(): number {
    let highest = 0;
    for (const operation of this.#acknowledged) {
      const place = this.#placeOfValue.get(must(operation.value, "history: put without value"));
      highest = Math.max(highest, place ?? 0);
    }
    return highest;
  }

  /** How many operations ended so. */
  count(outcome: Outcome): number {
    return this.#operations.reduce((sum, operation) => sum + (operation.outcome === outcome ? 1 : 0), 0);
  }

  get operationCount(): number {
    return this.#operations.length;
  }

  #raise(key: string, place: number): void {
    const state = this.#key(key);
    state.floor = Math.max(state.floor, place);
  }

  #key(key: string): KeyState {
    let state = this.#keys.get(key);
    if (state === undefined) {
      state = { floor: 0, value: null };
      this.#keys.set(key, state);
    }
    return state;
  }
}

interface KeyedInput {
  readonly key: string;
  readonly input: RegisterInput;
}

const keyedRegister: SequentialModel<string | null, KeyedInput, RegisterOutput> = {
  initial: registerModel.initial,
  step: (state, { input }, output) => registerModel.step(state, input, output),
  keyOf: registerModel.keyOf,
  isReadOnly: ({ input }) => input.kind === "read",
};

function toOperation(operation: ClientOperation): Operation<KeyedInput, RegisterOutput> {
  const { calledAt, key, kind, returnedAt, value } = operation;
  const input: RegisterInput =
    kind === "read" ? { kind } : { kind: "write", value: must(value, "history: put without value") };
  const answer: RegisterOutput = kind === "read" ? { kind: "value", value } : { kind: "written" };
  return { input: { key, input }, output: returnedAt === null ? null : answer, calledAt, returnedAt };
}
