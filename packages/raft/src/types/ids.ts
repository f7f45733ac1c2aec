/** The numbers of the protocol, kept apart by the compiler. All casts to them live here. */
import { assert, type Brand } from "@quorate/base";

/** A member of the group: 1 … 2^53−1. {@link noNode} (0) stands for none. */
export type NodeId = Brand<number, "NodeId">;

/** Election epoch: at most one leader in each. RAFT §3.3. */
export type Term = Brand<number, "Term">;

/** Position in the log, counted from 1; 0 is the place before the first entry. */
export type LogIndex = Brand<number, "LogIndex">;

/** No member: nobody voted for, no leader known. */
export const noNode: NodeId = 0 as NodeId;

/** The term before any election. */
export const termZero: Term = 0 as Term;

/** The place before the first entry. */
export const indexZero: LogIndex = 0 as LogIndex;

/** @throws InvariantViolation unless `value` is 1 … 2^53−1: bytes from outside are checked before they come here. */
export function toNodeId(value: number): NodeId {
  assert(Number.isSafeInteger(value) && value > 0, "ids: not a node id");
  return value as NodeId;
}

/** @throws InvariantViolation unless `value` is a safe non-negative integer. */
export function toTerm(value: number): Term {
  assert(Number.isSafeInteger(value) && value >= 0, "ids: not a term");
  return value as Term;
}

/** @throws InvariantViolation unless `value` is a safe non-negative integer. */
export function toLogIndex(value: number): LogIndex {
  assert(Number.isSafeInteger(value) && value >= 0, "ids: not a log index");
  return value as LogIndex;
}

/** The position after `index`. */
export function nextIndex(index: LogIndex): LogIndex {
  return (index + 1) as LogIndex;
}

/** The position before `index`. */
export function previousIndex(index: LogIndex): LogIndex {
  assert(index > 0, "ids: nothing before index 0");
  return (index - 1) as LogIndex;
}

/** `index` moved forward by `count` (or back, when negative). */
export function offsetIndex(index: LogIndex, count: number): LogIndex {
  assert(index + count >= 0, "ids: index below 0");
  return (index + count) as LogIndex;
}

/** The smaller of two positions. */
export function minIndex(left: LogIndex, right: LogIndex): LogIndex {
  return left < right ? left : right;
}

/** The larger of two positions. */
export function maxIndex(left: LogIndex, right: LogIndex): LogIndex {
  return left > right ? left : right;
}
