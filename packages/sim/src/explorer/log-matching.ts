/** FIG 3 Log Matching: two logs that hold one term at one index are equal up to there. Checked once for each pair of logs. */
import { must } from "@quorate/base";
import { promise } from "../violation.ts";
import type { LocalFactsTable } from "./local-facts.ts";
import { absent, PairTable } from "./pair-table.ts";

/** See the head of this file. */
export class LogMatching {
  readonly #facts: LocalFactsTable;
  readonly #checked = new PairTable();

  constructor(facts: LocalFactsTable) {
    this.#facts = facts;
  }

  /** @throws Violation when the logs, by number, do not match. */
  check(left: number, right: number): void {
    const low = Math.min(left, right);
    const high = Math.max(left, right);
    if (low === high || this.#checked.get(low, high) !== absent) {
      return;
    }
    this.#compare(this.#facts.log(low), this.#facts.log(high));
    this.#checked.add(low, high, 0);
  }

  #compare(a: readonly string[], b: readonly string[]): void {
    let equal = true;
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const here = a[i] === b[i];
      promise(
        here ? equal : termOf(a[i]) !== termOf(b[i]),
        "log-matching",
        () => `logs ${a.join(" ")} and ${b.join(" ")} differ, but hold one term at index ${i + 1}`,
      );
      equal = here;
    }
  }
}

function termOf(entry: string | undefined): string {
  return must(must(entry, "explorer: no entry").split(":", 1)[0], "explorer: an entry without a term");
}
