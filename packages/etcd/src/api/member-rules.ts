/**
 * What etcd refuses about changes of the members, as functions of the member list: first what makes no configuration, then,
 * with the strict check, what would put the quorum at risk.
 */
import { assert } from "@quorate/base";
import type { KvErrorCode } from "@quorate/kv";
import type { ClusterMember, MembershipStep } from "../ports.ts";

/** ETCD: how long a member must have been connected to count as healthy, in milliseconds. */
const healthIntervalMs = 5000;

/** What the strict check looks at. */
interface Health {
  readonly self: number;
  readonly nowMs: number;
  connectedSinceMs(id: number): number | null;
}

/** Why `step` makes no configuration; null when it does. */
export function refuseStep(
  members: readonly ClusterMember[],
  step: MembershipStep,
  learnerCountMax: number,
): KvErrorCode | null {
  const member = members.find(({ id }) => id === step.id);
  switch (step.op) {
    case "add-learner":
    case "add-voter":
      if (member !== undefined) {
        return "KV_MEMBER_EXIST";
      }
      if (sharesUrl(members, step.peerUrls)) {
        return "KV_PEER_URL_EXIST";
      }
      return step.op === "add-learner" && learnersOf(members).length >= learnerCountMax
        ? "KV_TOO_MANY_LEARNERS"
        : null;
    case "remove":
      return member === undefined ? "KV_MEMBER_NOT_FOUND" : null;
    case "promote":
      if (member === undefined) {
        return "KV_MEMBER_NOT_FOUND";
      }
      return member.isLearner ? null : "KV_MEMBER_NOT_LEARNER";
    case "update": {
      if (member === undefined) {
        return "KV_MEMBER_NOT_FOUND";
      }
      const others = members.filter(({ id }) => id !== step.id);
      return sharesUrl(others, step.peerUrls) ? "KV_PEER_URL_EXIST" : null;
    }
  }
}

/** Why `step` would put the quorum at risk; null when it would not. Only for steps that {@link refuseStep} lets pass. */
export function refuseRisk(
  members: readonly ClusterMember[],
  step: MembershipStep,
  health: Health,
): KvErrorCode | null {
  const voters = members.filter(({ isLearner }) => !isLearner);
  assert(voters.length > 0, "member rules: a cluster without voters");
  switch (step.op) {
    case "add-voter":
      return startedQuorumAfterAdding(voters) ? refuseUnlessAllHealthy(voters, health) : notEnoughStarted;
    case "add-learner":
      return refuseUnlessAllHealthy(voters, health);
    case "promote":
      // The learner counts as started: it has caught up.
      return startedCount(voters) + 1 >= quorumOf(voters.length + 1) ? null : notEnoughStarted;
    case "remove":
      return voters.some(({ id }) => id === step.id) ? refuseRemoval(voters, step.id, health) : null;
    case "update":
      return null;
  }
}

const notEnoughStarted = "KV_MEMBER_NOT_ENOUGH_STARTED";

function startedQuorumAfterAdding(voters: readonly ClusterMember[]): boolean {
  const started = startedCount(voters);
  // ETCD: a member alone may be given a second one, although nobody has started it yet.
  return (started === 1 && voters.length === 1) || started >= quorumOf(voters.length + 1);
}

function refuseUnlessAllHealthy(voters: readonly ClusterMember[], health: Health): KvErrorCode | null {
  return healthyCount(voters, health) === voters.length ? null : "KV_UNHEALTHY";
}

function refuseRemoval(voters: readonly ClusterMember[], id: number, health: Health): KvErrorCode | null {
  const rest = voters.filter((voter) => voter.id !== id);
  if (rest.length === 0 || startedCount(rest) < quorumOf(rest.length)) {
    return notEnoughStarted;
  }
  // ETCD: one that is down is not part of the active quorum, so that it may go.
  if (id !== health.self && health.connectedSinceMs(id) === null) {
    return null;
  }
  const remaining = healthyCount(voters, health) - 1;
  return remaining < 1 + Math.floor((voters.length - 1) / 2) ? "KV_UNHEALTHY" : null;
}

/** This member, and those that have been connected for a while. */
function healthyCount(voters: readonly ClusterMember[], health: Health): number {
  return voters.filter(({ id }) => {
    const since = id === health.self ? 0 : health.connectedSinceMs(id);
    return id === health.self || (since !== null && since <= health.nowMs - healthIntervalMs);
  }).length;
}

function learnersOf(members: readonly ClusterMember[]): readonly ClusterMember[] {
  return members.filter(({ isLearner }) => isLearner);
}

/** ETCD: whoever has published a name has started. */
function startedCount(members: readonly ClusterMember[]): number {
  return members.filter(({ name }) => name !== "").length;
}

function quorumOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

function sharesUrl(members: readonly ClusterMember[], urls: readonly string[]): boolean {
  return members.some(({ peerUrls }) => peerUrls.some((url) => urls.includes(url)));
}
