/** Tasks that must not overlap, run one after the other. */
import { assert, RingBuffer, runTask, type Task } from "@quorate/base";
import type { CompletedWith } from "@quorate/raft";

/** First come, first served. */
export class TaskQueue {
  readonly #waiting: RingBuffer<() => void> = new RingBuffer();
  #running = false;

  /** Runs `task` when those before it have ended. */
  run<T>(task: Task<T>, completed: CompletedWith<T>): void {
    this.#waiting.push(() => {
      runTask(task, (error, value) => {
        assert(this.#running, "tasks: one ended that did not run");
        this.#running = false;
        if (error === null) {
          completed(null, value as T);
        } else {
          completed(error);
        }
        this.#next();
      });
    });
    this.#next();
  }

  #next(): void {
    if (this.#running) {
      return;
    }
    const start = this.#waiting.shift();
    if (start !== undefined) {
      this.#running = true;
      start();
    }
  }
}
