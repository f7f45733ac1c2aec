import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantViolation, runTask, type Task, wait } from "@quorate/base";

type Completed<T> = (error: Error | null, value?: T) => void;

/** Runs a task and collects each call of its completion. */
function outcomesOf<T>(task: Task<T>): { error: Error | null; value: T | undefined }[] {
  const outcomes: { error: Error | null; value: T | undefined }[] = [];
  runTask(task, (error, value) => outcomes.push({ error, value }));
  return outcomes;
}

const now = <T>(value: T): Task<T> => wait<T>((completed) => completed(null, value));
const failing = (message: string): Task<never> => wait<never>((completed) => completed(new Error(message)));

test("a task without operations completes at once, once", () => {
  // biome-ignore lint/correctness/useYield: a task that happens to need no operation is what is tested.
  function* task(): Task<string> {
    return "done";
  }
  assert.deepEqual(outcomesOf(task()), [{ error: null, value: "done" }]);
});

test("values of operations that complete at once arrive in order", () => {
  function* task(): Task<string> {
    const a = yield* now("a");
    const b = yield* now("b");
    return a + b;
  }
  assert.deepEqual(outcomesOf(task()), [{ error: null, value: "ab" }]);
});

test("an operation that completes later resumes the task then, not before", () => {
  const pending: Completed<number>[] = [];
  const later = (): Task<number> => wait<number>((completed) => pending.push(completed));
  function* task(): Task<number> {
    return (yield* later()) + (yield* now(10)) + (yield* later());
  }
  const outcomes = outcomesOf(task());
  assert.equal(pending.length, 1);
  pending[0]?.(null, 1);
  assert.equal(pending.length, 2, "the task did not run on to its second wait");
  assert.deepEqual(outcomes, []);
  pending[1]?.(null, 100);
  assert.deepEqual(outcomes, [{ error: null, value: 111 }]);
});

test("a second completion of one operation is ignored, early or late", () => {
  const pending: Completed<number>[] = [];
  function* task(): Task<number> {
    const a = yield* wait<number>((completed) => {
      completed(null, 1);
      completed(null, 2);
      completed(new Error("late"));
      pending.push(completed);
    });
    const b = yield* wait<number>((completed) => pending.push(completed));
    return a + b;
  }
  const outcomes = outcomesOf(task());
  pending[0]?.(null, 50);
  assert.deepEqual(outcomes, [], "a late completion stood in for another operation");
  pending[1]?.(null, 10);
  pending[1]?.(null, 20);
  assert.deepEqual(outcomes, [{ error: null, value: 11 }]);
});

test("a failed operation throws at its yield*, can be caught there, and finally runs", () => {
  const trail: string[] = [];
  function* task(): Task<string> {
    try {
      yield* failing("disk");
      trail.push("unreached");
    } catch (error) {
      trail.push(`caught ${(error as Error).message}`);
    } finally {
      trail.push("finally");
    }
    return yield* now("went on");
  }
  assert.deepEqual(outcomesOf(task()), [{ error: null, value: "went on" }]);
  assert.deepEqual(trail, ["caught disk", "finally"]);
});

test("an uncaught failure ends the task with that very error", () => {
  const failure = new Error("disk");
  function* inner(): Task<void> {
    yield* wait<void>((completed) => completed(failure));
  }
  function* task(): Task<string> {
    yield* inner();
    return "unreached";
  }
  const [outcome, ...more] = outcomesOf(task());
  assert.equal(outcome?.error, failure);
  assert.deepEqual(more, []);
});

test("what a task throws itself is its outcome; what is not an Error becomes one", () => {
  function* throwing(thrown: unknown): Task<void> {
    yield* now(1);
    throw thrown;
  }
  assert.equal(outcomesOf(throwing(new RangeError("own")))[0]?.error?.message, "own");
  assert.equal(outcomesOf(throwing("text"))[0]?.error?.message, "text");
});

test("an InvariantViolation is no outcome: it is thrown, and nothing is called back", () => {
  function* task(): Task<void> {
    yield* now(1);
    throw new InvariantViolation("broken");
  }
  const completions: unknown[] = [];
  assert.throws(() => runTask(task(), (error) => completions.push(error)), { name: "InvariantViolation" });
  assert.deepEqual(completions, []);
});

test("an InvariantViolation in a later turn reaches whoever completed the operation", () => {
  const pending: Completed<void>[] = [];
  function* task(): Task<void> {
    yield* wait<void>((completed) => pending.push(completed));
    throw new InvariantViolation("broken");
  }
  const outcomes = outcomesOf(task());
  assert.throws(() => pending[0]?.(null), { name: "InvariantViolation" });
  assert.deepEqual(outcomes, []);
});

test("a hundred thousand completions at once do not deepen the stack", () => {
  function* task(): Task<number> {
    let sum = 0;
    for (let i = 0; i < 100_000; i++) {
      sum += yield* now(1);
    }
    return sum;
  }
  assert.deepEqual(outcomesOf(task()), [{ error: null, value: 100_000 }]);
});

test("completions at once and later mix without deepening the stack", () => {
  let held: Completed<number> | null = null;
  function* task(): Task<number> {
    let sum = 0;
    for (let i = 0; i < 30_000; i++) {
      sum += i % 3 === 0 ? yield* wait<number>((completed) => (held = completed)) : yield* now(1);
    }
    return sum;
  }
  const outcomes = outcomesOf(task());
  while (held !== null) {
    const complete: Completed<number> = held;
    held = null;
    complete(null, 1);
  }
  assert.deepEqual(outcomes, [{ error: null, value: 30_000 }]);
});

test("an exception of the completion itself reaches the caller and calls nothing twice", () => {
  function* task(): Task<number> {
    return yield* now(1);
  }
  let calls = 0;
  const completed = (): void => {
    calls++;
    throw new Error("the caller's own");
  };
  assert.throws(() => runTask(task(), completed), { message: "the caller's own" });
  assert.equal(calls, 1);
});

test("tasks run side by side without mixing their values", () => {
  const pending: Completed<string>[] = [];
  function* task(name: string): Task<string> {
    const first = yield* wait<string>((completed) => pending.push(completed));
    return name + first;
  }
  const outcomes = [outcomesOf(task("a")), outcomesOf(task("b"))];
  pending[1]?.(null, "2");
  pending[0]?.(null, "1");
  assert.deepEqual(
    outcomes.map(([outcome]) => outcome?.value),
    ["a1", "b2"],
  );
});
