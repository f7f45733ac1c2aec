/** Messages between members. Each variant carries only its own fields; inputs of the member itself are not messages. */
import type { Entry, LogId } from "./entry.ts";
import type { LogIndex, NodeId, Term } from "./ids.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

interface Header<Type extends string> {
  readonly type: Type;
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; 0 on `forward-proposal` and `read-index`, which belong to no term. */
  readonly term: Term;
}

/** FIG 2 AppendEntries. `previous` is the entry before `entries`. */
export interface AppendEntries extends Header<"append-entries"> {
  readonly previous: LogId;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

/** Everything up to `index` matches the sender's log. */
export interface AppendAccepted extends Header<"append-response"> {
  readonly rejected: false;
  readonly index: LogIndex;
}

/** The entry before `index + 1` did not match; `hint` is where it may. RAFT §3.5, extended by the term of the hint. */
export interface AppendRejected extends Header<"append-response"> {
  readonly rejected: true;
  /** `previous.index` of the refused append. */
  readonly index: LogIndex;
  readonly hint: LogId;
}

/** FIG 2 RequestVote, and its trial of RAFT §9.6. `last` is the candidate's last entry. */
export interface RequestVote extends Header<"request-vote" | "pre-vote"> {
  readonly last: LogId;
  /** Asked by the leader (RAFT §3.10): a live leader does not speak against it. */
  readonly leadershipTransfer: boolean;
}

/** The voter's answer. A granted `pre-vote-response` carries the term that was asked for. */
export interface VoteResponse extends Header<"vote-response" | "pre-vote-response"> {
  readonly granted: boolean;
}

/** `context` names the reads that this round confirms; empty when none. RAFT §6.4. */
export interface Heartbeat extends Header<"heartbeat"> {
  readonly commit: LogIndex;
  readonly context: Uint8Array;
}

/** Echoes the heartbeat's `context`. */
export interface HeartbeatResponse extends Header<"heartbeat-response"> {
  readonly context: Uint8Array;
}

/** FIG 2 has no counterpart: RAFT §5.3. The image's bytes travel beside the message. */
export interface InstallSnapshot extends Header<"install-snapshot"> {
  readonly snapshot: SnapshotMetadata;
}

/** RAFT §3.10: campaign at once. */
export interface TimeoutNow extends Header<"timeout-now"> {}

/** A follower hands proposals to its leader. Term and index of the entries are not yet set (0). */
export interface ForwardProposal extends Header<"forward-proposal"> {
  readonly entries: readonly Entry[];
}

/** A follower asks its leader for a read index. RAFT §6.4. */
export interface ReadIndexRequest extends Header<"read-index"> {
  readonly context: Uint8Array;
}

/** The read named by `context` is linearizable once `index` is applied. */
export interface ReadIndexResponse extends Header<"read-index-response"> {
  readonly index: LogIndex;
  readonly context: Uint8Array;
}

/** Asks the leader to hand over to `from`. */
export interface TransferLeadership extends Header<"transfer-leadership"> {}

/** Everything that travels between members. */
export type Message =
  | AppendEntries
  | AppendAccepted
  | AppendRejected
  | RequestVote
  | VoteResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | ForwardProposal
  | ReadIndexRequest
  | ReadIndexResponse
  | TransferLeadership;

/** The names of the messages, as they stand on the wire. */
export type MessageType = Message["type"];

/** The variant of {@link Message} that a name stands for. */
export type MessageOf<Type extends MessageType> = Message & { readonly type: Type };
