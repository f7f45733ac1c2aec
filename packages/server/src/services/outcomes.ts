/**
 * How the log says that a request ended, in the words of the API. What is unknown stays unknown: only a refusal tells that
 * nothing happened and never will.
 */
import type { RefusalReason, SubmitOutcome } from "@quorate/etcd";
import type { KvResult } from "@quorate/kv";
import type { ProposalOutcome } from "@quorate/raft";

type RaftRefusal = Extract<ProposalOutcome, { readonly kind: "refused" }>["reason"];
type RaftUnknown = Extract<ProposalOutcome, { readonly kind: "unknown" }>["reason"];
type ApiUnknown = Extract<SubmitOutcome, { readonly kind: "unknown" }>["reason"];

const refusals: { readonly [R in RaftRefusal]: RefusalReason } = {
  "no-leader": "no-leader",
  "not-leader": "not-leader",
  "leader-changed": "leader-changed",
  "uncommitted-limit": "too-many-requests",
  "too-large": "too-large",
  // Whoever asks again finds the new leader.
  transferring: "leader-changed",
  "not-a-member": "not-a-member",
  stopped: "stopped",
};

const unknowns: { readonly [R in RaftUnknown]: ApiUnknown } = {
  "leader-changed": "leader-changed",
  "connection-lost": "connection-lost",
  snapshot: "connection-lost",
  stopped: "stopped",
  abandoned: "timeout",
};

/** Why a read got no index; asking again does no harm. */
export const readRefusals = {
  "no-leader": "no-leader",
  "too-many": "too-many-requests",
  stopped: "stopped",
  abandoned: "leader-changed",
} as const;

/** The outcome of a command. */
export function submitOutcome(outcome: ProposalOutcome<KvResult>): SubmitOutcome {
  switch (outcome.kind) {
    case "applied":
      return outcome;
    case "refused":
      return { kind: "refused", reason: refusals[outcome.reason], leader: outcome.leader };
    case "unknown":
      return { kind: "unknown", reason: unknowns[outcome.reason] };
  }
}
