/**
 * What holds in quiet times. RAFT §9.6, §4.2.3: with trial elections and the quorum check nobody who does not hear a leader disturbs
 * those who do. RAFT §6.2: a leader that is cut off itself stops leading, and the others elect.
 */
import type { NodeId } from "@quorate/raft";
import type { Network } from "./network.ts";
import { promise } from "./violation.ts";

/** What is asked of a healed cluster. */
export interface StandingTarget {
  readonly network: Network;
  /** Everybody whose process runs. */
  readonly nodes: readonly NodeId[];
  readonly voters: readonly NodeId[];
  leader(): NodeId | null;
  /** Whether the leader was asked to hand over, and has not done so yet. */
  handsOver(): boolean;
  /** Of a member that runs. */
  statusOf(node: NodeId): { readonly term: number; readonly role: string };
  /** Lets the world go on for so long, or until `done`. */
  run(durationMs: number, done: () => boolean): void;
}

/** Cuts members off and looks at what comes of it; of clusters that can do without one. Times count in the longest election time-out. */
export function checkStanding(target: StandingTarget, preVote: boolean, timeoutMs: number): void {
  if (target.voters.length < 3) {
    return;
  }
  if (preVote) {
    checkStickiness(target, timeoutMs);
  }
  checkStepsDown(target, timeoutMs);
}

function checkStickiness(target: StandingTarget, timeoutMs: number): void {
  if (target.handsOver()) {
    // Somebody asked before the heal for another leader, and that is not what is looked at here.
    target.run(4 * timeoutMs, () => !target.handsOver());
  }
  const leader = target.leader();
  const away = target.voters.find((id) => id !== leader);
  if (leader === null || !target.voters.includes(leader) || away === undefined) {
    return;
  }
  const { term } = target.statusOf(leader);
  // It does not hear the leader, but reaches all who do.
  target.network.block(leader, away);
  let isAsked = false;
  const noteAsked = (): boolean => {
    isAsked ||= target.handsOver();
    return false;
  };
  target.run(4 * timeoutMs, noteAsked);
  target.network.unblockAll();
  target.run(2 * timeoutMs, noteAsked);
  if (isAsked) {
    return;
  }
  const now = target.statusOf(leader);
  promise(
    now.role === "leader" && now.term === term,
    "leader-stickiness",
    () => `node ${leader} no longer leads term ${term} after ${away} did not hear it for a while`,
  );
}

function checkStepsDown(target: StandingTarget, timeoutMs: number): void {
  const leader = target.leader();
  // One that was removed ends its process by itself.
  if (leader === null || !target.voters.includes(leader)) {
    return;
  }
  const { term } = target.statusOf(leader);
  isolate(target, leader);
  // It looks once in a time-out whether a quorum answered since the last look.
  target.run(2 * timeoutMs, () => false);
  const now = target.statusOf(leader);
  promise(
    !(now.role === "leader" && now.term === term),
    "quorum-check",
    () => `node ${leader} still leads term ${term}; for two election time-outs nobody was heard`,
  );
  target.run(8 * timeoutMs, () => target.leader() !== null);
  promise(
    target.leader() !== null,
    "liveness-leader",
    () => `no leader 10 election time-outs after ${leader} was cut off`,
  );
  target.network.unblockAll();
}

function isolate({ network, nodes }: StandingTarget, away: NodeId): void {
  for (const other of nodes) {
    if (other !== away) {
      network.block(away, other);
      network.block(other, away);
    }
  }
}
