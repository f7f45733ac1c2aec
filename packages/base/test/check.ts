/** How property tests of this package run: bounded, and with a seed that a failure prints and a rerun accepts. */
import fc from "fast-check";

/** `QUORATE_TEST_SEED=<n>` replays what a failure printed. */
const seed = Number(process.env["QUORATE_TEST_SEED"] ?? 20_240_229);

/** Checks a property over generated values; the failure's text names seed and smallest counterexample. */
export function check(property: fc.IRawProperty<unknown>, runs = 300): void {
  fc.assert(property as fc.IProperty<unknown>, { seed, numRuns: runs });
}
