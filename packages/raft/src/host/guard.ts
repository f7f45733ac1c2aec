/** Every way into the host from outside passes here: what throws stops the member, what comes after its end does nothing. */
import { type Task, wait } from "@quorate/base";
import type { Completed, CompletedWith, Scheduler } from "./ports.ts";

/** Runs work inside the host. */
export interface Guard {
  /** Runs `work` unless the member has ended; what it throws ends the member. */
  enter(work: () => void): void;
  /** Ends the member. */
  fail(error: Error): void;
  /** Runs a task whose operations come back through {@link guarded}; a failure ends the member. */
  run<T>(task: Task<T>, completed: (value: T) => void): void;
}

/** Waits for a port inside a task. A failed operation is thrown at the `yield*`. */
export function* guarded<T>(guard: Guard, start: (completed: CompletedWith<T>) => void): Task<T> {
  return yield* wait<T>((completed) => {
    start((error, value) => guard.enter(() => completed(error, value)));
  });
}

/** Lets other work of the event loop run. */
export function* pause(guard: Guard, scheduler: Scheduler): Task<void> {
  yield* guarded<void>(guard, (completed: Completed) => scheduler.defer(() => completed(null)));
}
