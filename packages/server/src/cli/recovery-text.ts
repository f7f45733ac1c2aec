/** What a recovery found, in words and as JSON: above all, what may be lost. */
import type { RecoveryFindings } from "@quorate/raft-node";
import type { MemberIdentity } from "../identity/data-directory.ts";
import { idText } from "../identity/member-id.ts";

/** The lines that an operator decides by. */
export function describeFindings(findings: RecoveryFindings, identity: MemberIdentity): string[] {
  const { committed, confState, firstIndex, last, snapshotIndex } = findings;
  const name = (id: number): string => identity.members.find((member) => member.id === id)?.name ?? "";
  const memberText = (id: number): string => (name(id) === "" ? idText(id) : `${idText(id)} (${name(id)})`);
  const others = [...new Set([...confState.voters, ...confState.votersOutgoing, ...confState.learners])]
    .filter((id) => id !== findings.nodeId)
    .map(memberText);
  return [
    `found: member ${memberText(findings.nodeId)} of cluster ${idText(findings.clusterId)}, store ${findings.storeId}`,
    `  term ${findings.term}, vote ${findings.vote === 0 ? "none" : idText(findings.vote)}`,
    `  entries ${firstIndex} to ${last.index}, the last of term ${last.term}; known committed to ${committed}; snapshot ${snapshotIndex === 0 ? "none" : `at ${snapshotIndex}`}`,
    `  voters ${confState.voters.map(memberText).join(", ") || "none"}; learners ${confState.learners.map(memberText).join(", ") || "none"}`,
    ...findings.report.map((line) => `  ${line}`),
    "what may be lost:",
    ...uncertainText(findings),
    others.length === 0
      ? "  nothing that only others had: there is no other member"
      : `  whatever ${others.join(", ")} acknowledged without this member, behind entry ${committed}: nobody can tell from here`,
    ...discardedText(findings),
    "what will be:",
    `  a new cluster ${idText(findings.newClusterId)} with this member as the only voter; members of the old one are refused`,
  ];
}

function uncertainText({ committed, last }: RecoveryFindings): string[] {
  return last.index > committed
    ? [
        `  nothing of entries ${committed + 1} to ${last.index}: they are kept and count from now on, whether they were acknowledged or not`,
      ]
    : ["  nothing that this member has: all of its entries are known committed"];
}

function discardedText({ discarded, last }: RecoveryFindings): string[] {
  if (discarded === null) {
    return [];
  }
  return discarded === "unknown"
    ? [`  DISCARDED as damaged: every entry from ${last.index + 1} on; how many there were cannot be read`]
    : [
        discarded.index > last.index
          ? `  DISCARDED as damaged: entries ${last.index + 1} to ${discarded.index}`
          : `  DISCARDED as damaged: what term ${discarded.term} wrote in place of entries up to ${discarded.index}`,
      ];
}

/** The same for programs. Ids as etcd writes them. */
export function jsonFindings(findings: RecoveryFindings): Record<string, unknown> {
  const { confState, discarded, last } = findings;
  return {
    clusterId: idText(findings.clusterId),
    newClusterId: idText(findings.newClusterId),
    memberId: idText(findings.nodeId),
    storeId: findings.storeId,
    term: findings.term,
    vote: idText(findings.vote),
    firstIndex: findings.firstIndex,
    lastIndex: last.index,
    lastTerm: last.term,
    committed: findings.committed,
    snapshotIndex: findings.snapshotIndex,
    voters: confState.voters.map(idText),
    learners: confState.learners.map(idText),
    uncertain: last.index > findings.committed ? { from: findings.committed + 1, to: last.index } : null,
    discarded:
      discarded === null
        ? null
        : { from: last.index + 1, to: discarded === "unknown" ? null : discarded.index },
    report: findings.report,
  };
}
