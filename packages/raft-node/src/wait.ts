/** How long a caller waits: a deadline, a signal, and the wait that ends with the first of them. */
import type { Waiting } from "@quorate/raft";
import type { WaitOptions } from "./options.ts";

/** Deadline and signal of one wait. It may end before it begins: a refusal comes at once. */
export class Wait {
  readonly #options: WaitOptions;
  #ended = false;
  #abandon: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WaitOptions) {
    this.#options = options;
  }

  begin(waiting: Waiting): void {
    if (this.#ended) {
      return;
    }
    const { deadlineMs, signal } = this.#options;
    this.#abandon = () => waiting.abandon();
    signal?.addEventListener("abort", this.#abandon, { once: true });
    this.#timer = deadlineMs === undefined ? undefined : setTimeout(this.#abandon, deadlineMs);
  }

  end(): void {
    this.#ended = true;
    if (this.#abandon !== null) {
      this.#options.signal?.removeEventListener("abort", this.#abandon);
    }
    clearTimeout(this.#timer);
  }
}

/**
 * What calls back, as a promise: deadline and signal abandon what `begin` returns, which then calls back with that. `begin` is not
 * called where the signal has fired already.
 */
export function promised<T>(
  options: WaitOptions,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => Waiting,
): Promise<T> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const wait = new Wait(options);
    const waiting = begin(
      (value) => {
        wait.end();
        resolve(value);
      },
      (error) => {
        wait.end();
        reject(error);
      },
    );
    wait.begin(waiting);
  });
}
