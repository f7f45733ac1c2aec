/**
 * The history as a doubly linked list of calls and returns in the order of time, out of which the search lifts what it has
 * placed and into which it puts back what it takes back, both in constant time (the "dancing links" of WGL).
 */
import { assert, must } from "@quorate/base";
import type { Operation } from "./model.ts";

/** One end of an operation. `partner` of a call is its return, of a return null. */
export interface Mark {
  readonly operation: number;
  readonly partner: Mark | null;
  previous: Mark | null;
  next: Mark | null;
}

/** Builds the list; its head stands before the first mark and belongs to no operation. */
export function timeline(operations: readonly Operation<unknown, unknown>[]): Mark {
  const returns: { at: number; mark: Mark }[] = [];
  const marks: { at: number; order: number; mark: Mark }[] = [];
  for (const [index, operation] of operations.entries()) {
    assert(
      (operation.output === null) === (operation.returnedAt === null),
      "history: an outcome without an end",
    );
    const at = operation.returnedAt ?? Number.POSITIVE_INFINITY;
    assert(at >= operation.calledAt, "history: an operation ends before it begins");
    const end: Mark = { operation: index, partner: null, previous: null, next: null };
    const begin: Mark = { operation: index, partner: end, previous: null, next: null };
    marks.push({ at: operation.calledAt, order: 0, mark: begin });
    returns.push({ at, mark: end });
  }
  for (const { at, mark } of returns) {
    marks.push({ at, order: 1, mark });
  }
  // Infinity minus infinity is no number: ends that never came are compared by their order alone.
  marks.sort((a, b) =>
    a.at === b.at ? a.order - b.order || a.mark.operation - b.mark.operation : a.at - b.at,
  );
  const head: Mark = { operation: -1, partner: null, previous: null, next: null };
  let last = head;
  for (const { mark } of marks) {
    mark.previous = last;
    last.next = mark;
    last = mark;
  }
  return head;
}

/** Takes a call and its return out of the list. */
export function lift(call: Mark): void {
  unlink(call);
  unlink(must(call.partner, "timeline: a return cannot be lifted"));
}

/** Undoes {@link lift}; lifts are undone in the reverse order. */
export function unlift(call: Mark): void {
  relink(must(call.partner, "timeline: a return cannot be put back"));
  relink(call);
}

function unlink(mark: Mark): void {
  must(mark.previous, "timeline: the head stays").next = mark.next;
  if (mark.next !== null) {
    mark.next.previous = mark.previous;
  }
}

function relink(mark: Mark): void {
  must(mark.previous, "timeline: the head stays").next = mark;
  if (mark.next !== null) {
    mark.next.previous = mark;
  }
}
