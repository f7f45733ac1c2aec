/** A change of the membership as it is asked for, and how it ends. RAFT §4. */
import type { ConfChangeSingle, ConfChangeTransition } from "../types/conf-change.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { LogIndex, NodeId } from "../types/ids.ts";
import type { ConfChangeRefusal, ProposalRefusal } from "../types/proposal.ts";
import type { UnknownReason } from "./outcome.ts";

/** One step of a {@link MembershipChange}. */
export interface MemberChange extends ConfChangeSingle {
  /** Where the member listens for its peers; left out, it stays as it was. At most 255 bytes. */
  readonly address?: string;
  /** A name for people; left out, it stays as it was. At most 255 bytes. */
  readonly label?: string;
  /** With `add-learner`: the leader makes it a voter as soon as it has caught up. RAFT §4.2.1. */
  readonly promote?: boolean;
}

/** What is to become of the membership, in one atomic change. */
export interface MembershipChange {
  /** Empty: leaves a joint configuration that was entered explicitly. */
  readonly changes: readonly MemberChange[];
  /** Default `auto`. */
  readonly transition?: ConfChangeTransition;
  /** `single` is the form of one step that never becomes joint. Default `joint`. */
  readonly form?: "single" | "joint";
  /** The change is refused unless the configuration in force was applied at this index. Default: whichever is. */
  readonly expectedConfIndex?: LogIndex;
}

/** How a change of the membership ended. */
export type MembershipOutcome =
  /** In force at `confIndex`, a joint configuration on the way left again (unless it is left explicitly). */
  | { readonly kind: "applied"; readonly confIndex: LogIndex; readonly confState: ConfState }
  /** Certainly never in force. */
  | { readonly kind: "refused"; readonly reason: ProposalRefusal | "leader-changed"; readonly leader: NodeId }
  | {
      readonly kind: "refused";
      readonly reason: "conf-change";
      readonly refusal: ConfChangeRefusal;
      readonly problem: string;
      /** Where the configuration in force was applied. */
      readonly confIndex: LogIndex;
    }
  | { readonly kind: "unknown"; readonly reason: UnknownReason };
