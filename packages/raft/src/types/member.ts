/** What the group knows of a member beside its vote: how to reach it, what people call it. RAFT §4 leaves this to the log. */
import type { NodeId } from "./ids.ts";

/** One member, as the log told of it. */
export interface MemberInfo {
  readonly id: NodeId;
  /** Where it listens for its peers, as the transport understands it; empty where each member was told at its start. */
  readonly address: string;
  /** A name for people. */
  readonly label: string;
  /** A learner that the leader makes a voter as soon as it has caught up. RAFT §4.2.1. */
  readonly promote: boolean;
}
