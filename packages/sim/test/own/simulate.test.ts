/** The simulator for people's own state machines: what it lets pass, and each mistake that it is there to find. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "@quorate/raft";
import {
  checkLinearizable,
  type RegisterInput,
  type RegisterOutput,
  registerModel,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from "@quorate/sim";

interface Add {
  readonly add: number;
}

class Counter {
  protected total = 0;

  apply({ add }: Add): number {
    this.total += add;
    return this.total;
  }

  snapshot(): unknown {
    return { total: this.total };
  }

  restore({ total }: { readonly total: number }): void {
    this.total = total;
  }

  get value(): number {
    return this.total;
  }
}

const workload: SimulationOptions<Add, number, Counter>["workload"] = {
  next: (random) =>
    random.chance(0.6) ? { command: { add: random.integer(1, 10) } } : { query: ({ value }) => value },
};

function run(
  stateMachine: () => Counter,
  more: Partial<SimulationOptions<Add, number, Counter>> = {},
): SimulationReport {
  return simulate({ stateMachine, workload, seeds: 6, profile: "short", ...more });
}

test("a counter: real work under real faults, and no promise is broken", () => {
  const hashes: string[] = [];
  const report = run(() => new Counter(), { onSeed: ({ traceHash }) => hashes.push(traceHash) });
  assert.deepEqual(report.failures, []);
  assert.equal(report.seedCount, 6);
  assert.ok(report.answeredCount > 200, `${report.answeredCount} operations answered`);
  assert.ok(report.faults.total > 100 && report.snapshotCount > 10);
  const again: string[] = [];
  run(() => new Counter(), { onSeed: ({ traceHash }) => again.push(traceHash) });
  assert.deepEqual(again, hashes);
});

test("the check sees what every client did and was told, in order", () => {
  let largest = 0;
  const report = run(() => new Counter(), {
    workload: {
      ...workload,
      check: (operations) => {
        const sum = operations.reduce((total, { command }) => total + (command?.add ?? 0), 0);
        for (const { answer, calledAt, command, result, returnedAt } of operations) {
          assert.ok(returnedAt === null || returnedAt > calledAt);
          const seen = command === null ? answer : result;
          if (seen !== undefined) {
            assert.ok(Number(seen) <= sum, `${seen} of ${sum}`);
            largest = Math.max(largest, Number(seen));
          }
        }
        // Who was told earlier was told less.
        const answered = operations.filter(({ returnedAt }) => returnedAt !== null);
        for (const later of answered) {
          const earlier = answered.filter(({ returnedAt }) => Number(returnedAt) < later.calledAt);
          const before = Math.max(0, ...earlier.map(({ answer, result }) => Number(result ?? answer ?? 0)));
          assert.ok(Number(later.result ?? later.answer ?? 0) >= before);
        }
      },
    },
    seeds: 2,
  });
  assert.deepEqual(report.failures, []);
  assert.ok(largest > 0);
});

test("a check that throws is a failure of its seed", () => {
  const report = run(() => new Counter(), {
    workload: {
      ...workload,
      check: () => {
        throw new Error("never content");
      },
    },
    keepGoing: true,
    seeds: 2,
  });
  assert.deepEqual(
    report.failures.map(({ checker, message, seed }) => ({ checker, message, seed })),
    [1, 2].map((seed) => ({ checker: "check", message: "never content", seed })),
  );
});

test("a machine whose result depends on who applies is found", () => {
  let made = 0;
  class Biased extends Counter {
    readonly #bias = made++;
    override apply(command: Add): number {
      return super.apply(command) + this.#bias;
    }
  }
  const [failure] = run(() => new Biased()).failures;
  assert.equal(failure?.checker, "state-machine-safety");
  assert.match(failure.message, /comes to \d+ at entry \d+; another member came to \d+/);
});

test("a machine whose hidden state differs is found by its images", () => {
  let made = 0;
  class Marked extends Counter {
    readonly #mark = made++;
    override snapshot(): unknown {
      return { total: this.total, mark: this.#mark };
    }
  }
  const [failure] = run(() => new Marked()).failures;
  assert.equal(failure?.checker, "state-machine-safety");
  assert.match(failure.message, /has another state behind entry/);
});

test("an image that leaves something out is found", () => {
  class Forgetful extends Counter {
    override restore(): void {
      this.total = 0;
    }
  }
  const [failure] = run(() => new Forgetful()).failures;
  assert.equal(failure?.checker, "state-machine-safety");
});

test("what a machine throws ends the run and is handed on", () => {
  class Failing extends Counter {
    override apply(command: Add): number {
      if (this.total > 50) {
        throw new RangeError("full");
      }
      return super.apply(command);
    }
  }
  const [failure] = run(() => new Failing()).failures;
  assert.equal(failure?.checker, "invariant");
  assert.match(failure.message, /RangeError: full/);
  assert.ok(failure.cause instanceof RangeError);
});

test("a register: its clients' history has an order", () => {
  class Register {
    #value: string | null = null;
    apply({ write }: { readonly write: string }): string {
      this.#value = write;
      return write;
    }
    snapshot(): unknown {
      return this.#value;
    }
    restore(value: string | null): void {
      this.#value = value;
    }
    get value(): string | null {
      return this.#value;
    }
  }
  let checkedCount = 0;
  const report = simulate({
    stateMachine: () => new Register(),
    workload: {
      next: (random, client) =>
        random.chance(0.5)
          ? { command: { write: `${client}-${random.uint32()}` } }
          : { query: (register: Register) => register.value },
      check: (operations) => {
        const history = operations.map(({ answer, calledAt, command, returnedAt }) => {
          const input: RegisterInput =
            command === null ? { kind: "read" } : { kind: "write", value: command.write };
          const told: RegisterOutput =
            command === null ? { kind: "value", value: answer as string | null } : { kind: "written" };
          return { input, output: returnedAt === null ? null : told, calledAt, returnedAt };
        });
        const { kind } = checkLinearizable(registerModel, history, { stepsMax: 3_000_000 });
        assert.equal(kind, "linearizable");
        checkedCount += history.length;
      },
    },
    seeds: 4,
    profile: "short",
  });
  assert.deepEqual(report.failures, []);
  assert.ok(checkedCount > 50, `${checkedCount} operations`);
});

test("options that make no sense are refused, all at once", () => {
  const bad = { stateMachine: 1, workload: {}, seeds: 0, from: -1, profile: "loud" };
  assert.throws(
    () => simulate(bad as unknown as SimulationOptions<Add, number, Counter>),
    (error: unknown) => error instanceof ConfigError && error.problems.length === 5,
  );
});
