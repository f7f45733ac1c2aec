/** How large a world the explorer walks through. Everything is bounded, so that the walk ends. */
import { assert } from "@quorate/base";
import { budgetMax } from "./budgets.ts";

/** The bounds of one exploration. */
export interface ExplorerPlan {
  /** Voters at the start, named 1, 2, …; members beyond them (up to `nodeCount`) exist but belong to no configuration yet. */
  readonly voterCount: number;
  readonly nodeCount: number;
  /** Nobody campaigns in this term. */
  readonly termMax: number;
  readonly proposalCountMax: number;
  readonly crashCountMax: number;
  /** Changes of the configuration: the leader proposes to remove any one voter, or to replace it by a member that is none. */
  readonly confChangeCountMax: number;
  /** How often anybody campaigns; null for as often as the terms allow. With pre-vote a campaign uses up no term. */
  readonly campaignCountMax: number | null;
  /** Rounds of heartbeats, which repeat what was lost. */
  readonly heartbeatCountMax: number;
  /** Messages under way on one directed link, in order. */
  readonly linkCapacity: number;
  /** Whether what is sent into a full link is lost. Else no step is taken before all that is sent by it finds room: some three times fewer worlds. */
  readonly linksLose: boolean;
  /** Batches on their way to a disk before the member takes no more input. */
  readonly pendingBatchesMax: number;
  readonly preVote: boolean;
  /** Whether a candidate of an earlier term is answered. All that it learns is a term, for which there are up to three and a half times as many worlds. */
  readonly candidatesAnswered: boolean;
  /** A crash takes term and vote from the disk, which no real disk may do: shows that the checks bite. */
  readonly diskForgets: boolean;
}

/** What the issue of the simulator asks for: three voters, three terms, two proposals, one crash, one change. */
export const defaultExplorerPlan: ExplorerPlan = {
  voterCount: 3,
  nodeCount: 3,
  termMax: 3,
  proposalCountMax: 2,
  crashCountMax: 1,
  confChangeCountMax: 1,
  campaignCountMax: null,
  heartbeatCountMax: 0,
  linkCapacity: 2,
  linksLose: false,
  pendingBatchesMax: 1,
  preVote: false,
  candidatesAnswered: true,
  diskForgets: false,
};

/** Refuses a plan that is none. */
export function checkExplorerPlan(plan: ExplorerPlan): void {
  assert(plan.voterCount >= 1 && plan.voterCount <= plan.nodeCount, "explorer: voters among the members");
  assert(plan.nodeCount <= 4, "explorer: at most four members, whose names take 24 orders");
  assert(plan.termMax >= 1, "explorer: at least one term");
  assert(!plan.preVote || plan.campaignCountMax !== null, "explorer: trials of elections without end");
  const counts = [
    plan.proposalCountMax,
    plan.crashCountMax,
    plan.confChangeCountMax,
    plan.heartbeatCountMax,
    plan.campaignCountMax ?? 0,
  ];
  assert(Math.max(...counts) <= budgetMax, "explorer: a count that a world has no room for");
  assert(plan.linkCapacity >= 1 && plan.pendingBatchesMax >= 1, "explorer: links and disks take something");
}
