/** What becomes of a proposal at the moment it is made. Its fate in the log is decided later. */
import type { LogIndex, NodeId, Term } from "./ids.ts";

/** Why a proposal certainly never entered a log. */
export type ProposalRefusal =
  | "no-leader"
  | "not-leader"
  | "uncommitted-limit"
  | "too-large"
  | "transferring"
  | "not-a-member"
  | "stopped";

/**
 * The answer to a proposal: it stands in the log from `firstIndex` on (and may still be overwritten by another leader), it
 * was handed to the leader (and nothing more is known), or it never entered a log.
 */
export type ProposeResult =
  | { readonly ok: true; readonly forwarded: false; readonly term: Term; readonly firstIndex: LogIndex }
  | { readonly ok: true; readonly forwarded: true; readonly leader: NodeId }
  | { readonly ok: false; readonly reason: ProposalRefusal; readonly leader: NodeId };

/** Why a change of the configuration was not taken up. */
export type ConfChangeRefusal =
  /** An earlier change is not applied yet, or may not be. RAFT §4.1: one at a time. */
  | "pending"
  /** A joint configuration is in force; it must be left first. */
  | "joint"
  /** There is no joint configuration to leave. */
  | "not-joint"
  /** The change makes no valid configuration; `problem` says why. */
  | "invalid"
  /** The configuration is another one than the change was made for. */
  | "conf-index"
  /** Too few voters of the new configuration were heard lately: it could commit nothing. */
  | "quorum";

/** The answer to a proposed configuration change; a refused change has no effect on any member. */
export type ConfChangeResult =
  | ProposeResult
  | {
      readonly ok: false;
      readonly reason: "conf-change";
      readonly refusal: ConfChangeRefusal;
      readonly problem: string;
      readonly leader: NodeId;
    };
