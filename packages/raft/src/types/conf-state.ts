/** The configuration: who votes, who only listens. RAFT §4. */
import type { NodeId } from "./ids.ts";

/** Lists are ascending and without repeats. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** The old voters while a joint configuration is in force; empty otherwise. RAFT §4.3. */
  readonly votersOutgoing: readonly NodeId[];
  /** Old voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** Whether the leader leaves the joint configuration by itself. */
  readonly autoLeave: boolean;
}
