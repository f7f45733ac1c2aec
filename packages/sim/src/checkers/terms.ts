/**
 * Elections come to an end: where trials precede them (RAFT §9.6), terms do not run ahead of what is committed. Without trials a member
 * that is cut off may count as far as it likes.
 */
import { promise } from "../violation.ts";

/** The terms of a run. */
export class Terms {
  #countMax: number | null = null;
  #committedIn = 0;
  #committed = 0;

  /** From now on so many terms may pass without anything being committed. */
  bound(countMax: number): void {
    this.#countMax = countMax;
  }

  /** Some member is in `term`; `committed` is the highest index that anybody reported. */
  seen(node: number, term: number, committed: number): void {
    if (committed > this.#committed) {
      this.#committed = committed;
      this.#committedIn = Math.max(this.#committedIn, term);
    }
    promise(
      this.#countMax === null || term <= this.#committedIn + this.#countMax,
      "bounded-terms",
      () => `node ${node} is in term ${term}; nothing was committed since term ${this.#committedIn}`,
    );
  }
}
