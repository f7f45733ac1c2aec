/** How far long work is: a line on a terminal, kept up to date; nothing where nobody watches. */

/** Time between two updates. */
const updateMs = 100;

/** One line of progress, on standard error. */
export class Progress {
  readonly #what: string;
  readonly #shown: boolean = process.stderr.isTTY === true;
  #lastMs = 0;
  #used = false;

  /** `what` is being done, such as `saving`. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Shows how much is done. */
  show(done: number, total: number, text: string): void {
    const nowMs = performance.now();
    if (!this.#shown || nowMs - this.#lastMs < updateMs) {
      return;
    }
    this.#lastMs = nowMs;
    this.#used = true;
    const percent = total <= 0 ? 100 : Math.min(100, Math.floor((100 * done) / total));
    process.stderr.write(`\r${this.#what} ${percent} % (${text})  `);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#used) {
      process.stderr.write("\r\u001b[2K");
      this.#used = false;
    }
  }
}
