/** What a member must find again after a restart. FIG 2 State, persistent [state-durable]. */
import type { LogIndex, NodeId, Term } from "./ids.ts";

/** Durable before any message that depends on it leaves. RAFT §3.8. */
export interface HardState {
  readonly term: Term;
  /** Voted for in `term`, or `noNode`. */
  readonly vote: NodeId;
  /** Highest index known committed; may lag after a restart, never leads. */
  readonly commit: LogIndex;
}

/** Volatile, for observers only. */
export interface SoftState {
  readonly leader: NodeId;
  readonly role: Role;
}

/** RAFT §3.3 and §9.6. */
export type Role = "follower" | "pre-candidate" | "candidate" | "leader";
