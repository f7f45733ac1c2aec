/** What a message led to. Messages come from outside, so nothing in them ever throws. */
import type { LogIndex } from "../types/ids.ts";
import type { ProposeResult } from "../types/proposal.ts";

/**
 * Why the answer to a request is a refusal, or why there is none. Of an append: `stale-term` (FIG 2 AppendEntries receiver 1) or
 * `inconsistent-previous` (receiver 2). Of a vote: `stale-term` (FIG 2 RequestVote receiver 1), `already-voted` for somebody else or
 * following the leader that was elected, `inconsistent-log` (RAFT §3.6.1: the candidate's is not up to date), `leader-alive`
 * (RAFT §4.2.3). It is known where it is decided; the answer on the wire says only that it is a refusal.
 */
export type RequestRefusal =
  | "stale-term"
  | "inconsistent-previous"
  | "already-voted"
  | "inconsistent-log"
  | "leader-alive";

/**
 * `accepted` says that the message was taken; `refusal` then, that what it asks for was not granted. `unknown-peer`: an answer from
 * somebody who is no member. `misdirected`: addressed to somebody else. `inconsistent`: impossible between correct members that
 * lost nothing; nothing was changed by it. `lostAfter` then, when it proves that this member acknowledged entries behind that one which it
 * does not have: its disk was set back.
 */
export type StepResult =
  | { readonly status: "accepted"; readonly refusal?: RequestRefusal }
  | { readonly status: "unknown-peer" }
  | { readonly status: "misdirected" }
  | { readonly status: "refused"; readonly proposal: ProposeResult }
  | { readonly status: "inconsistent"; readonly what: string; readonly lostAfter?: LogIndex };

/** PERF: shared, because this is what almost every step returns. */
export const accepted: StepResult = { status: "accepted" };

const refusals: Readonly<Record<RequestRefusal, StepResult>> = {
  "stale-term": { status: "accepted", refusal: "stale-term" },
  "inconsistent-previous": { status: "accepted", refusal: "inconsistent-previous" },
  "already-voted": { status: "accepted", refusal: "already-voted" },
  "inconsistent-log": { status: "accepted", refusal: "inconsistent-log" },
  "leader-alive": { status: "accepted", refusal: "leader-alive" },
};

/** Taken, but what it asks for is not granted. */
export function refusedBecause(refusal: RequestRefusal): StepResult {
  return refusals[refusal];
}

/** An answer from somebody who is no member. */
export const unknownPeer: StepResult = { status: "unknown-peer" };

/** Addressed to somebody else. */
export const misdirected: StepResult = { status: "misdirected" };

/** RAFT §3.8: what was acknowledged is gone from behind the end of the log, without damage that anybody could see. */
export function lostAcknowledged(what: string, lostAfter: LogIndex): StepResult {
  return { status: "inconsistent", what, lostAfter };
}

/** Says what cannot be. */
export function inconsistent(what: string): StepResult {
  return { status: "inconsistent", what };
}
