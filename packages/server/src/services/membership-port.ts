/** Who belongs to the cluster: the recorded first members, and what each has published of itself since. */
import type { ClusterMember, MembershipPort } from "@quorate/etcd";
import type { KvStateMachine } from "@quorate/kv";
import type { MemberIdentity } from "../identity/data-directory.ts";

/** The member list. ETCD: a member has no name and no client URLs before it has started for the first time. */
export function membershipPort(identity: MemberIdentity, machine: KvStateMachine): MembershipPort {
  return {
    clusterId: identity.clusterId,
    members(): readonly ClusterMember[] {
      const published = new Map(machine.members().map((member) => [member.id, member]));
      return identity.members.map(({ id, peerUrls }) => {
        const attributes = published.get(id);
        return {
          id,
          name: attributes?.name ?? "",
          peerUrls,
          clientUrls: attributes?.clientUrls ?? [],
          isLearner: false,
        };
      });
    },
  };
}
