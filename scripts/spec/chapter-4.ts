/** Chapter 4 of the dissertation (paper §6): membership. */
import { around, core, differs, host, outside, type Rule } from "./rule.ts";

/** In the order of the chapter. */
export const chapter4: readonly Rule[] = [
  core(
    "single-overlap",
    "§4.1",
    "Without a joint configuration one voter at most changes, so that majorities overlap.",
  ),
  differs(
    "conf-from-append",
    "§4.1; paper §6",
    "A member uses the newest configuration in its log, committed or not.",
    "a change counts from when it is applied",
  ),
  core(
    "one-change",
    "§4.1; paper §6",
    "The next change waits until the one before it has been committed (here: applied).",
  ),
  core(
    "new-leader-waits",
    "§4.1",
    "A new leader takes up no change before an entry of its own term is committed (here: all that its log held is applied).",
  ),
  core(
    "no-campaign-unapplied",
    "§4.1",
    "In place of using changes from their append: nobody campaigns while a committed change is not applied.",
  ),
  differs(
    "conf-falls-back",
    "§4.1",
    "A member whose newest configuration is cut from its log goes back to the one before.",
    "what is not committed was never used, so nothing is taken back",
  ),
  core(
    "append-from-stranger",
    "§4.1",
    "A member takes appends from a leader that is not in its configuration.",
  ),
  core("vote-for-stranger", "§4.1", "A member votes for candidates that are not in its configuration."),
  core(
    "learner-silent",
    "§4.2.1; paper §6",
    "A new member first receives the log without a vote and without counting.",
  ),
  host(
    "learner-rounds",
    "§4.2.1",
    "The change waits until the new member has caught up (there: within a round as short as an election time-out; here: to within a margin of entries).",
  ),
  host(
    "learner-given-up",
    "§4.2.1",
    "The change is given up when the new member cannot catch up or is not there.",
  ),
  core("joiner-found-empty", "§4.2.1", "A leader finds out quickly that a new member's log is empty."),
  core(
    "removed-leader-leads",
    "§4.2.2; paper §6",
    "A leader that is removed leads until the change is committed, then steps down.",
  ),
  core(
    "removed-leader-uncounted",
    "§4.2.2; paper §6",
    "Meanwhile it does not count itself in the majority that it does not belong to.",
  ),
  differs(
    "removed-campaigns",
    "§4.2.2",
    "A member that is not in its own newest configuration still campaigns, without its own vote.",
    "a removal counts once applied, so nobody needs the removed member any more, and it does not campaign",
  ),
  host("removed-leader-hands-over", "§4.2.2", "Optional: a leader hands over before it is removed."),
  core(
    "sticky-voters",
    "§4.2.3; paper §6",
    "Who heard a leader within an election time-out neither votes nor takes over the asker's term.",
  ),
  core(
    "sticky-except-transfer",
    "§4.2.3; §3.10",
    "A campaign that the leader asked for is exempt from that.",
  ),
  core(
    "joint-both-commit",
    "§4.3; paper §6",
    "While joint, an entry is committed by majorities of both configurations.",
  ),
  core(
    "joint-both-elect",
    "§4.3; paper §6",
    "While joint, a leader is elected by majorities of both configurations.",
  ),
  core(
    "joint-replicates-to-all",
    "§4.3; paper §6",
    "While joint, entries go to the members of both configurations.",
  ),
  core("joint-any-leader", "§4.3; paper §6", "While joint, a member of either configuration may lead."),
  core(
    "joint-left-after-commit",
    "§4.3; paper §6",
    "The new configuration alone is appended only once the joint one is committed (here: applied).",
  ),
  core("joint-from-simple", "§4.3; paper §6", "A joint configuration begins from one that is not joint."),
  around(
    "host",
    "replaced-stays-out",
    "§4",
    "A member that was removed or replaced never comes back under its identity.",
    {
      path: "packages/raft/src/host/membership-check.ts",
      text: "was removed; a new member needs a new id",
    },
    {
      path: "packages/raft-node/test/membership.test.ts",
      text: "/member 4 was removed; a new member needs a new id/",
    },
  ),
  outside(
    "no-removal-by-itself",
    "§4.4",
    "Members that fail are not removed by the cluster itself without a policy.",
    "nothing is removed by itself; only learners that caught up are promoted, where that was asked for",
  ),
  outside(
    "add-before-remove",
    "§4.4",
    "Of several single changes, additions come before removals.",
    "a replacement is one joint change, with no state in between that has fewer members",
  ),
  around(
    "host",
    "bootstrap",
    "§4.4",
    "A group begins from a configuration that is written once, at its first start; who joins begins empty.",
    {
      path: "packages/wal/src/open-wal.ts",
      text: "export interface WalBootstrap",
    },
    {
      path: "packages/wal/test/files.test.ts",
      text: "a directory that holds no store is not created without a bootstrap",
    },
  ),
];
