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
