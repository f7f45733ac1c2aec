/** What an observer sees of a member: a copy, taken at one moment. */
import type { ConfState } from "./conf-state.ts";
import type { LogId } from "./entry.ts";
import type { HardState, Role } from "./hard-state.ts";
import type { LogIndex, NodeId } from "./ids.ts";

/** How the leader sends to a member: `probe` one append at a time, `replicate` pipelined, `snapshot` waiting for one. */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** The leader's view of one member. */
export interface ProgressStatus {
  readonly id: NodeId;
  /** Highest index known to be stored there. */
  readonly match: LogIndex;
  /** Index of the next entry to send. */
  readonly next: LogIndex;
  readonly state: ProgressState;
  /** Whether nothing is sent until the member answers. */
  readonly paused: boolean;
  /** Index of the snapshot that it is receiving, 0 when none. */
  readonly pendingSnapshot: LogIndex;
  /** Whether it answered since the last check of the quorum. */
  readonly recentActive: boolean;
  readonly isLearner: boolean;
  /** Appends under way. */
  readonly inflightCount: number;
  /** Whether the window of appends under way is full. */
  readonly inflightFull: boolean;
}

/** A member's state. */
export interface Status {
  readonly id: NodeId;
  readonly role: Role;
  /** `noNode` when unknown. */
  readonly leader: NodeId;
  readonly hardState: HardState;
  readonly applied: LogIndex;
  /** The last entry, durable or not. */
  readonly last: LogId;
  readonly confState: ConfState;
  /** Whom the leader hands over to, `noNode` when nobody. */
  readonly transferee: NodeId;
  /** Ascending by id; empty unless this member leads. */
  readonly progress: readonly ProgressStatus[];
}
