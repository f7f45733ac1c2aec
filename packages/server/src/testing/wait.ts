/** Waiting for conditions, never for time. */
import { setTimeout as delay } from "node:timers/promises";

/**
 * Asks `probe` until it gives something other than undefined.
 *
 * @throws Error that names `what` when that takes longer than `withinMs`.
 *
 * @example
 * ```ts
 * import { eventually } from "quorate/testing";
 * let asked = 0;
 * await eventually("the third answer", 1000, () => (++asked === 3 ? asked : undefined));
 * ```
 */
export async function eventually<T>(
  what: string,
  withinMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) {
      return found;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await delay(10);
  }
}
