/** Requests to change the configuration, as they stand in the log. */
import type { NodeId } from "./ids.ts";

/** One step of a change. */
export interface ConfChangeSingle {
  readonly op: "add-voter" | "add-learner" | "remove" | "update";
  readonly id: NodeId;
}

/**
 * How a change of several members is carried out: `auto` uses a joint configuration only when needed and leaves it by
 * itself, `implicit` always uses one and leaves it by itself, `explicit` waits for an empty change.
 */
export type ConfChangeTransition = "auto" | "implicit" | "explicit";

/** A change; empty `changes` leaves a joint configuration. `context` is the application's (addresses, names). */
export interface ConfChange {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}
