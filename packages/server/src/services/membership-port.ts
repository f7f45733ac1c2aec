/**
 * Who belongs to the cluster: the configuration that the log has put into force, the peer URLs that came with each change, and
 * what each member has published of itself since.
 */
import { utf8Encode } from "@quorate/base";
import type { ClusterMember, MembershipOutcome, MembershipPort, MembershipStep } from "@quorate/etcd";
import type { KvStateMachine } from "@quorate/kv";
import { addressBytesMax, RaftError } from "@quorate/raft";
import type { MemberChangeStep, MembersView } from "@quorate/raft-node";
import { hostPort, parseServerUrl } from "../config/server-url.ts";
import type { MemberIdentity } from "../identity/data-directory.ts";

/** What divides the peer URLs in a member's label in the log. No URL contains it. */
const urlDivider = ",";

/** Where peers dial a member: the first of its URLs; null when that is not one this program can dial. */
export function addressOf(peerUrls: readonly string[]): string | null {
  const parsed = parseServerUrl(peerUrls[0] ?? "");
  return "value" in parsed ? hostPort(parsed.value) : null;
}

/** What a member says of itself to those that do not know it: as many of its peer URLs as fit, the one that is dialled first. */
export function advertisement(peerUrls: readonly string[]): string {
  const fitting = peerUrls.findLastIndex(
    (_url, i) => utf8Encode(peerUrls.slice(0, i + 1).join(urlDivider)).length <= addressBytesMax,
  );
  return peerUrls.slice(0, fitting + 1).join(urlDivider);
}

/** The peer URLs in an {@link advertisement}. */
export function advertisedUrls(text: string): readonly string[] {
  return text.split(urlDivider);
}

/** The member list. ETCD: a member has no name and no client URLs before it has started for the first time. */
export function membershipPort(
  identity: MemberIdentity,
  machine: KvStateMachine,
  view: () => MembersView,
): MembershipPort {
  const recorded = new Map(identity.members.map((member) => [member.id, member.peerUrls]));
  return {
    clusterId: identity.clusterId,
    members(): readonly ClusterMember[] {
      const { confState, members } = view();
      const published = new Map(machine.members().map((member) => [member.id, member]));
      return members.map(({ id, label }) => {
        const attributes = published.get(id);
        return {
          id,
          name: attributes?.name ?? "",
          peerUrls: label === "" ? (recorded.get(id) ?? attributes?.peerUrls ?? []) : label.split(urlDivider),
          clientUrls: attributes?.clientUrls ?? [],
          isLearner: !confState.voters.includes(id) && !confState.votersOutgoing.includes(id),
        };
      });
    },
  };
}

/** The step as the log takes it; null when nobody could dial the member. */
export function changeStep(step: MembershipStep): MemberChangeStep | null {
  switch (step.op) {
    case "remove":
      return { op: "remove", id: step.id };
    case "promote":
      return { op: "add-voter", id: step.id };
    default: {
      const address = addressOf(step.peerUrls);
      const label = step.peerUrls.join(urlDivider);
      return address === null ? null : { op: step.op, id: step.id, address, label };
    }
  }
}

/** How a change failed, in the words of the API. @throws what is no such failure. */
export function changeFailure(error: unknown): MembershipOutcome {
  if (!(error instanceof RaftError)) {
    throw error;
  }
  const { info } = error;
  switch (info.code) {
    case "RAFT_NOT_LEADER":
      return { kind: "refused", reason: "conf-changed" };
    case "RAFT_LEADER_CHANGED":
    case "RAFT_LEADERSHIP_TRANSFERRING":
    case "RAFT_CONF_CHANGE_PENDING":
      return { kind: "refused", reason: "conf-changed" };
    case "RAFT_CONF_CHANGE_INVALID":
      return {
        kind: "refused",
        reason: info.refusal === "invalid" || info.refusal === "not-joint" ? "invalid" : "conf-changed",
      };
    case "RAFT_PROPOSAL_DROPPED":
      return { kind: "refused", reason: info.reason };
    case "RAFT_STOPPED":
      return info.maybeCommitted
        ? { kind: "unknown", reason: "stopped" }
        : { kind: "refused", reason: "stopped" };
    case "RAFT_UNKNOWN_OUTCOME":
      return {
        kind: "unknown",
        reason: info.cause === "leader-lost" ? "leader-changed" : "connection-lost",
      };
    default:
      return { kind: "unknown", reason: "timeout" };
  }
}
