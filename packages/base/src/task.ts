/**
 * Straight-line code over callbacks, without Promise: a generator that yields operations and is resumed by their
 * completion. Recovery and snapshots read like async functions, yet the simulator runs them within one virtual instant
 * and decides when, and whether, each operation completes.
 */
import { InvariantViolation } from "./assert.ts";

/** An operation that completes by calling back once: with null and its value, or with an error. */
export type Operation = (completed: (error: Error | null, value?: unknown) => void) => void;

/** A computation that waits for operations by `yield*`. */
export type Task<T> = Generator<Operation, T, unknown>;

/** Waits for one operation inside a task. A failure is thrown at the `yield*`. */
export function* wait<T>(start: (completed: (error: Error | null, value?: T) => void) => void): Task<T> {
  return (yield start as Operation) as T;
}

/**
 * Runs a task to its end, then calls back once. Completions that come at once do not deepen the stack.
 *
 * @example
 * ```ts
 * import { runTask, type Task, wait } from "@quorate/base";
 * function* sum(): Task<number> {
 *   const a = yield* wait<number>((completed) => completed(null, 1));
 *   const b = yield* wait<number>((completed) => completed(null, 2));
 *   return a + b;
 * }
 * runTask(sum(), (error, value) => value); // 3
 * ```
 */
export function runTask<T>(task: Task<T>, completed: (error: Error | null, value?: T) => void): void {
  let running = false;
  let queued: { error: Error | null; value: unknown } | null = null;

  const advance = (error: Error | null, value: unknown): void => {
    queued = { error, value };
    if (running) {
      return;
    }
    running = true;
    while (queued !== null) {
      const { error: failure, value: result }: { error: Error | null; value: unknown } = queued;
      queued = null;
      let step: IteratorResult<Operation, T>;
      try {
        step = failure === null ? task.next(result) : task.throw(failure);
      } catch (thrown) {
        running = false;
        if (thrown instanceof InvariantViolation) {
          throw thrown; // A bug is not an outcome of the operation.
        }
        completed(thrown instanceof Error ? thrown : new Error(String(thrown)));
        return;
      }
      if (step.done === true) {
        running = false;
        completed(null, step.value);
        return;
      }
      let called = false;
      step.value((operationError, operationValue) => {
        if (!called) {
          called = true;
          advance(operationError, operationValue);
        }
      });
    }
    running = false;
  };
  advance(null, undefined);
}
