/** What an observer sees of a member when it asks. */
import type { HostStatus } from "./events.ts";
import { coreOf, type Group } from "./group.ts";
import { idsOf } from "./member-record.ts";

/** A copy of what is going on. Only of a member that has started. */
export function statusOf<Result>(group: Group<Result>): HostStatus {
  const { membership, persisting, proposals } = group;
  const { confState, liveness, members, notes } = membership;
  return {
    ...coreOf(group).status(),
    state: group.state,
    machineApplied: group.applyQueue.applied,
    pendingProposalCount: proposals.count,
    pendingProposalBytes: proposals.bytes,
    snapshotTransferCount: group.sender.transferCount,
    snapshotRequestIndex: group.snapshotRequest.index,
    persistingCount: persisting.length,
    persistingTicks: persisting.oldestTicks,
    confIndex: notes.confIndex,
    voteFloor: group.repair.floor,
    members,
    activePeers: idsOf(confState).filter((id) => liveness.isActive(id)),
    leaseHeld: group.lease !== null && coreOf(group).leaseHeld,
    counters: { ...group.counters },
  };
}
