/**
 * Keeps the first violation, wherever it was thrown: production code may turn what its ports throw into an error of its
 * own, and the run must stop all the same.
 */
import { InvariantViolation } from "@quorate/base";
import { Violation } from "./violation.ts";

/** One per run. */
export class Watch {
  #first: Violation | null = null;

  /** The violation that ends the run; null while there is none. */
  get violation(): Violation | null {
    return this.#first;
  }

  /** Runs a check; a violation is noted before it goes on its way. */
  check<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.note(error);
    }
  }

  /** Notes what was thrown; anything that is not a violation already is a broken invariant of the code under test. */
  note(error: unknown): Violation {
    const violation =
      error instanceof Violation ? error : new Violation("invariant", describe(error), { cause: error });
    this.#first ??= violation;
    return violation;
  }
}

function describe(error: unknown): string {
  if (error instanceof InvariantViolation) {
    return error.message;
  }
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
