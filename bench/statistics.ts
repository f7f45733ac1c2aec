/** The few statistics that benchmarks need. */

/** The middle one; NaN of none. */
export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

/** Least, median and greatest quotient of rounds taken in turn. */
export function ratios(ours: readonly number[], theirs: readonly number[]): [number, number, number] {
  const sorted = ours
    .map((value, i) => value / (theirs[i] ?? Number.NaN))
    .toSorted((left, right) => left - right);
  return [sorted[0] ?? Number.NaN, median(sorted), sorted.at(-1) ?? Number.NaN];
}
