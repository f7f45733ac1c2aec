/** How far a run of `npm run mutants` has come, as a file with a line for each verdict: a long run may be ended and called again. */
import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import type { Verdict } from "./mutant-runner.ts";

/** What a verdict is on. */
type Subject = "mutant" | "control";

/** See the head of this file. It belongs to the code that it was made of: whoever changes that begins another one. */
export class MutantProgress {
  readonly #path: string | null;
  readonly #known: Map<string, Verdict> = new Map();

  /** @param path Null: nothing is kept. */
  constructor(path: string | null) {
    this.#path = path;
    if (path !== null && existsSync(path)) {
      const text = readFileSync(path, "utf8");
      // A line that was being written when the run was ended is of no use.
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      truncateSync(path, Buffer.byteLength(whole));
      for (const line of whole.split("\n").slice(0, -1)) {
        const { of, verdict } = JSON.parse(line) as { readonly of: Subject; readonly verdict: Verdict };
        this.#known.set(keyOf(of, verdict.id), verdict);
      }
    }
  }

  /** The verdict of an earlier call, or that of `judge`, which is then kept. */
  async verdict(of: Subject, id: string, judge: () => Promise<Verdict>): Promise<Verdict> {
    const known = this.#known.get(keyOf(of, id));
    if (known !== undefined) {
      return known;
    }
    const verdict = await judge();
    if (this.#path !== null) {
      appendFileSync(this.#path, `${JSON.stringify({ of, verdict })}\n`);
    }
    return verdict;
  }
}

function keyOf(of: Subject, id: string): string {
  return `${of} ${id}`;
}
