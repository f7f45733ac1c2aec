/** Outcomes of the host as errors of the API: what certainly did not happen, and what nobody knows. */
import {
  type MembershipOutcome,
  type NodeId,
  type ProposalOutcome,
  RaftError,
  type ReadOutcome,
  type RequestOutcome,
  type SnapshotRequestOutcome,
  type TransferOutcome,
} from "@quorate/raft";

/** The error for a proposal that was not applied here, as far as known. */
export function proposalError(outcome: Exclude<ProposalOutcome, { kind: "applied" }>): RaftError {
  return outcome.kind === "refused"
    ? refusedError(outcome.reason, outcome.leader)
    : unknownError(outcome.reason);
}

function refusedError(reason: (ProposalOutcome & { kind: "refused" })["reason"], leader: NodeId): RaftError {
  switch (reason) {
    case "no-leader":
    case "not-leader":
      return new RaftError({ code: "RAFT_NOT_LEADER", leader });
    case "leader-changed":
      return new RaftError({ code: "RAFT_LEADER_CHANGED", maybeCommitted: false });
    case "transferring":
      return new RaftError({ code: "RAFT_LEADERSHIP_TRANSFERRING", transferee: leader });
    case "stopped":
      return new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false });
    case "uncommitted-limit":
    case "too-large":
    case "not-a-member":
      return new RaftError({ code: "RAFT_PROPOSAL_DROPPED", reason });
  }
}

function unknownError(reason: (ProposalOutcome & { kind: "unknown" })["reason"]): RaftError {
  switch (reason) {
    case "abandoned":
      return new RaftError({ code: "RAFT_DEADLINE", maybeCommitted: true });
    case "stopped":
      return new RaftError({ code: "RAFT_STOPPED", maybeCommitted: true });
    case "leader-changed":
      return new RaftError({ code: "RAFT_UNKNOWN_OUTCOME", maybeCommitted: true, cause: "leader-lost" });
    case "connection-lost":
    case "snapshot":
      return new RaftError({ code: "RAFT_UNKNOWN_OUTCOME", maybeCommitted: true, cause: reason });
  }
}

/** The error for a read that got no index. A read changes nothing, so it may always be asked again. */
export function readError(outcome: ReadOutcome & { kind: "refused" }): RaftError {
  switch (outcome.reason) {
    case "no-leader":
      return new RaftError({ code: "RAFT_NOT_LEADER", leader: outcome.leader });
    case "stopped":
      return new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false });
    case "too-many":
      return new RaftError({ code: "RAFT_PROPOSAL_DROPPED", reason: "uncommitted-limit" });
    case "abandoned":
      return new RaftError({ code: "RAFT_READ_DEADLINE" });
  }
}

/** The error for a change of the membership that is not in force, as far as known. */
export function membershipError(outcome: Exclude<MembershipOutcome, { kind: "applied" }>): RaftError {
  if (outcome.kind === "unknown") {
    return unknownError(outcome.reason);
  }
  if (outcome.reason !== "conf-change") {
    return refusedError(outcome.reason, outcome.leader);
  }
  const { confIndex, problem, refusal } = outcome;
  return refusal === "pending"
    ? new RaftError({ code: "RAFT_CONF_CHANGE_PENDING", problem, confIndex })
    : new RaftError({ code: "RAFT_CONF_CHANGE_INVALID", refusal, problem, confIndex });
}

/** The error for a transfer that did not take place, as far as known. */
export function transferError(outcome: Exclude<TransferOutcome, { kind: "done" }>): RaftError {
  const { transferee } = outcome;
  if (outcome.kind === "timed-out") {
    return new RaftError({ code: "RAFT_TRANSFER_TIMEOUT", transferee });
  }
  switch (outcome.reason) {
    case "no-leader":
    case "not-leader":
      return new RaftError({ code: "RAFT_NOT_LEADER", leader: outcome.leader });
    case "stopped":
      return new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false });
    default:
      return new RaftError({ code: "RAFT_TRANSFER_REFUSED", transferee, reason: outcome.reason });
  }
}

/** The error for an image that did not take the place of the state machine's state. */
export function snapshotRequestError(
  outcome: Exclude<SnapshotRequestOutcome, { kind: "installed" }>,
): RaftError {
  const { reason } = outcome;
  switch (reason) {
    case "no-leader":
    case "not-leader":
      return new RaftError({ code: "RAFT_NOT_LEADER", leader: outcome.leader });
    case "leader-changed":
      return new RaftError({ code: "RAFT_LEADER_CHANGED", maybeCommitted: false });
    case "stopped":
      return new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false });
    case "timed-out":
    case "abandoned":
      return new RaftError({ code: "RAFT_DEADLINE", maybeCommitted: false });
    default:
      return new RaftError({ code: "RAFT_SNAPSHOT_REFUSED", reason });
  }
}

/** The error for a request to the leader that got no answer. */
export function requestError(outcome: Exclude<RequestOutcome, { kind: "answered" }>): RaftError {
  if (outcome.kind === "unknown") {
    return outcome.reason === "timed-out"
      ? new RaftError({ code: "RAFT_DEADLINE", maybeCommitted: true })
      : unknownError(outcome.reason);
  }
  switch (outcome.reason) {
    case "no-leader":
    case "not-leader":
      return new RaftError({ code: "RAFT_NOT_LEADER", leader: outcome.leader });
    case "stopped":
      return new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false });
    default:
      return new RaftError({ code: "RAFT_REQUEST_REFUSED", reason: outcome.reason });
  }
}
