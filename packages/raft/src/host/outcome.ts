/** How proposals and reads end. Exactly one outcome each, and what is unknown is never called a failure. */
import type { LogIndex, NodeId } from "../types/ids.ts";
import type { ProposalRefusal } from "../types/proposal.ts";

/** Why a proposal is certainly never applied. `leader-changed`: another leader's entry stands in its place. */
export type RefusalReason = ProposalRefusal | "leader-changed";

/** Why nobody here can say whether a proposal is applied. */
export type UnknownReason =
  /** The leader it was handed to lost its place before it answered. */
  | "leader-changed"
  /** The request or its answer was lost, or the answer came after the entry was applied. */
  | "connection-lost"
  /** A snapshot took the place of the entry here. */
  | "snapshot"
  /** This member stopped while it was under way. */
  | "stopped"
  /** Whoever waited gave up. */
  | "abandoned";

/** How a proposal ended. Only after `refused` may it be sent again without a client session. RAFT §6.3. */
export type ProposalOutcome<Result = unknown> =
  | { readonly kind: "applied"; readonly index: LogIndex; readonly result: Result }
  /** `leader` is where to go, `noNode` when unknown or here. */
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly leader: NodeId }
  | { readonly kind: "unknown"; readonly reason: UnknownReason };

/** How a read barrier ended: once `ready`, the local state is at least as new as when it was asked for. */
export type ReadOutcome =
  | { readonly kind: "ready"; readonly index: LogIndex }
  | {
      readonly kind: "refused";
      readonly reason: "no-leader" | "too-many" | "stopped" | "abandoned";
      readonly leader: NodeId;
    };

/** Something that waits. Its callback is called exactly once, also after `abandon`. */
export interface Waiting {
  /** Ends it now, as `unknown` or `refused` with the reason `abandoned`; nothing when it has ended. */
  abandon(): void;
}
