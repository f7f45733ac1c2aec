/**
 * What one user may do, from all its roles: for each kind of access the union of its ranges as disjoint intervals in
 * order, so that a question costs the logarithm of their number, however many permissions made them.
 */
import { assert, compareBytes } from "@quorate/base";
import type { AuthState } from "./auth-state.ts";
import { type AuthPermission, type AuthUser, rootName } from "./auth-types.ts";

/** An interval of keys; without an end it goes on for ever. */
interface Interval {
  readonly begin: Uint8Array;
  readonly end: Uint8Array | null;
}

/** The union of intervals. */
class Cover {
  readonly #intervals: readonly Interval[];

  constructor(intervals: Interval[]) {
    this.#intervals = merge(intervals);
  }

  /** Whether the whole of `wanted` lies within. */
  contains(wanted: Interval): boolean {
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.#intervals[middle] as Interval).begin, wanted.begin) <= 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const found = this.#intervals[low - 1];
    return found !== undefined && endsWithin(wanted.end, found.end);
  }
}

/** Rights of one user at one revision. */
export class Rights {
  /** Whether the user has the role that may do everything. */
  readonly isRoot: boolean;
  readonly #read: Cover;
  readonly #write: Cover;

  constructor(state: AuthState, user: AuthUser) {
    this.isRoot = user.roles.includes(rootName);
    const permissions = user.roles.flatMap((role) => state.roles.get(role)?.permissions ?? []);
    this.#read = new Cover(intervalsOf(permissions, "write"));
    this.#write = new Cover(intervalsOf(permissions, "read"));
  }

  /** Whether the user has `access` to every key of the range, read as in a request. */
  allows(access: "read" | "write", key: Uint8Array, rangeEnd: Uint8Array): boolean {
    const cover = access === "read" ? this.#read : this.#write;
    return this.isRoot || cover.contains(intervalOf(key, rangeEnd));
  }
}

/** The intervals of all permissions but those for nothing else than `other`. */
function intervalsOf(permissions: readonly AuthPermission[], other: "read" | "write"): Interval[] {
  return permissions
    .filter(({ access }) => access !== other)
    .map(({ key, rangeEnd }) => intervalOf(key, rangeEnd));
}

/**
 * A range as an interval. One that ends before it begins holds no key, but asks about its key all the same: nothing is
 * allowed for being empty.
 */
function intervalOf(key: Uint8Array, rangeEnd: Uint8Array): Interval {
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) {
    return { begin: key, end: null };
  }
  if (rangeEnd.length > 0 && compareBytes(key, rangeEnd) < 0) {
    return { begin: key, end: rangeEnd };
  }
  const end = new Uint8Array(key.length + 1);
  end.set(key);
  return { begin: key, end };
}

function merge(intervals: Interval[]): Interval[] {
  intervals.sort((left, right) => compareBytes(left.begin, right.begin));
  const merged: Interval[] = [];
  for (const interval of intervals) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== null && compareBytes(last.end, interval.begin) < 0)) {
      merged.push(interval);
    } else if (!endsWithin(interval.end, last.end)) {
      merged[merged.length - 1] = { begin: last.begin, end: interval.end };
    }
  }
  assert(merged.length <= intervals.length, "rights: more intervals than permissions");
  return merged;
}

/** Whether an interval that ends at `inner` ends no later than one that ends at `outer`. */
function endsWithin(inner: Uint8Array | null, outer: Uint8Array | null): boolean {
  return outer === null || (inner !== null && compareBytes(inner, outer) <= 0);
}
