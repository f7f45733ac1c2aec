/** What a message led to. Messages come from outside, so nothing in them ever throws. */
import type { ProposeResult } from "../types/proposal.ts";

/**
 * `accepted` says nothing about its content: refusals of the protocol are answered by messages. `unknown-peer`: an answer from
 * somebody who is no member. `misdirected`: addressed to somebody else. `inconsistent`: impossible between correct members that
 * lost nothing; nothing was changed by it.
 */
export type StepResult =
  | { readonly status: "accepted" }
  | { readonly status: "unknown-peer" }
  | { readonly status: "misdirected" }
  | { readonly status: "refused"; readonly proposal: ProposeResult }
  | { readonly status: "inconsistent"; readonly what: string };

/** PERF: shared, because this is what almost every step returns. */
export const accepted: StepResult = { status: "accepted" };

/** An answer from somebody who is no member. */
export const unknownPeer: StepResult = { status: "unknown-peer" };

/** Addressed to somebody else. */
export const misdirected: StepResult = { status: "misdirected" };

/** Says what cannot be. */
export function inconsistent(what: string): StepResult {
  return { status: "inconsistent", what };
}
