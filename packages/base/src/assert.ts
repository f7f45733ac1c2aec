/**
 * Executable invariants. They stay on in production: a node that finds itself in an impossible state must stop, because a
 * consensus member that limps on can lose other members' data.
 */

/** A broken invariant: a bug, or memory that changed under us. Nobody catches it to go on; hosts stop the node. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/**
 * Stops with {@link InvariantViolation} unless `condition` holds.
 *
 * The message is a literal or a function, never a template literal: that one would be built on each call.
 *
 * @example
 * ```ts
 * import { assert } from "@quorate/base";
 * const match = 3;
 * const next = 4;
 * assert(match < next, () => `match ${match} >= next ${next}`);
 * ```
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) {
    throw new InvariantViolation(typeof message === "string" ? message : message());
  }
}

/**
 * The dual of {@link assert}: tells the reader that both values are normal here. It does nothing.
 *
 * @example
 * ```ts
 * import { maybe } from "@quorate/base";
 * const entries: number[] = [];
 * maybe(entries.length === 0); // A heartbeat-like append is legal.
 * ```
 */
export function maybe(_condition: boolean): void {}

/**
 * Marks code that no value reaches; fails to compile when a union gained a case, and stops when it runs all the same.
 *
 * @example
 * ```ts
 * import { unreachable } from "@quorate/base";
 * const sign = (side: "left" | "right"): number => {
 *   switch (side) {
 *     case "left": return -1;
 *     case "right": return 1;
 *     default: return unreachable(side);
 *   }
 * };
 * sign("left");
 * ```
 */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${String(value)}`);
}

/**
 * Returns `value`, or stops when it is absent.
 *
 * @example
 * ```ts
 * import { must } from "@quorate/base";
 * must(new Map([["a", 1]]).get("a"), "a is always present"); // 1
 * ```
 */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) {
    throw new InvariantViolation(message);
  }
  return value;
}
