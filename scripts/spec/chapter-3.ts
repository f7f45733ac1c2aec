/** Chapter 3 of the dissertation (paper §5, §8) beyond Figure 2. */
import { around, core, host, outside, type Rule } from "./rule.ts";

/** In the order of the chapter. */
export const chapter3: readonly Rule[] = [
  core(
    "starts-as-follower",
    "§3.4; paper §5.2",
    "A member begins as a follower, and stays one while it hears a leader or candidates it votes for.",
  ),
  core(
    "candidate-refuses-stale",
    "§3.4; paper §5.2",
    "A candidate that hears a leader of an earlier term refuses it and stays a candidate.",
  ),
  core(
    "timeout-random",
    "§3.4; paper §5.2",
    "Election time-outs are drawn at random from a fixed interval, anew for each election.",
  ),
  core(
    "append-retry",
    "§3.3; §3.5; §3.7; paper §5.3",
    "A leader sends until every member has stored all entries, also after it answered the client.",
  ),
  core(
    "commit-prefix",
    "§3.5; §3.6.2; paper §5.3",
    "Committing an entry commits all before it, also those of earlier leaders.",
  ),
  core(
    "commit-told",
    "§3.5; paper §5.3",
    "The leader tells its commit index in later appends, and members apply up to it.",
  ),
  core(
    "probe-one",
    "§3.5",
    "Until it knows where the logs agree, the leader has one append under way to a member.",
  ),
  core(
    "hint-by-term",
    "§3.5; paper §5.3",
    "Optional: a refusal names term and index where the logs may agree, so that a conflict costs one exchange for each term.",
  ),
  core(
    "log-up-to-date",
    "§3.6.1; paper §5.4.1",
    "Of two logs the one with the later last term is more up-to-date; of equal terms, the longer.",
  ),
  core("entry-keeps-term", "§3.6.2; paper §5.4.2", "Entries keep their term when a later leader sends them."),
  core("messages-idempotent", "§3.7; paper §5.5", "A request that arrives twice does no harm."),
  core("vote-durable", "§3.8; FIG 2 State", "Term and vote are durable before the vote leaves."),
  core("own-vote-durable", "§3.8", "A candidate's own vote counts once it is durable."),
  {
    ...core(
      "candidacy-durable",
      "§3.8",
      "A candidate's new term and vote are durable before it asks for votes.",
    ),
    tests: [
      {
        path: "packages/raft/test/host/found-by-simulation.test.ts",
        text: '"a candidate asks for votes only once its own term and vote are durable"',
      },
    ],
  },
  core("ack-durable", "§3.8; FIG 2 State", "An append is acknowledged once its entries are durable."),
  core(
    "commit-volatile",
    "§3.8",
    "The commit index may be lost: a restarted member finds it again from the leader.",
  ),
  core("applied-kept", "§3.8", "A state machine that kept its state is not given again what it had applied."),
  around(
    "host",
    "applied-again",
    "§3.8",
    "A state machine without its state gets it back from the newest snapshot and the entries behind it.",
    { path: "packages/raft/src/host/start.ts", text: "Replaces the state by the newest durable snapshot" },
    {
      path: "packages/raft/test/host/raft-host.test.ts",
      text: '"members restart with what was durable, and go on"',
    },
  ),
  around(
    "host",
    "lost-state-stays-out",
    "§3.8",
    "A member that lost durable state does not come back under its old identity.",
    {
      path: "packages/raft-node/src/peer-store-ids.ts",
      text: "The store id of each peer, noted durably at the first meeting",
    },
    {
      path: "packages/raft-node/test/tcp/tcp-transport.test.ts",
      text: '"a member whose disk was changed is refused: remove and add anew"',
    },
  ),
  core(
    "floor-votes",
    "§3.8; §3.6.1",
    "A member whose log lost its end grants votes only to logs that reach what it may have acknowledged.",
  ),
  core("floor-campaigns", "§3.8; §3.6.1", "Below that it does not campaign itself."),
  around(
    "host",
    "majority-lost",
    "§3.8",
    "Where a majority lost what was durable, only an administrator who admits loss of data can go on.",
    {
      path: "packages/raft-node/src/recovery/recover.ts",
      text: "of which it is the only voter",
    },
    {
      path: "packages/raft-node/test/recovery.test.ts",
      text: '"the findings say what there is; a no changes nothing; a yes makes a cluster of one with everything"',
    },
  ),
  around(
    "host",
    "safe-without-timing",
    "§3.9; paper §5.6",
    "No result depends on how fast messages, disks or clocks are; only availability does.",
    { path: "packages/raft/src/host/ports.ts", text: "export interface Scheduler" },
    { path: "packages/sim/test/seeds.test.ts", text: "break no promise" },
  ),
  core("timing-order", "§3.9; paper §5.6", "Heartbeats come more often than election time-outs."),
  outside(
    "timing-ratio",
    "§3.9; paper §5.6",
    "The time-out is an order of magnitude above the round trip and the disk's write, and far below the time between failures.",
    "a choice of the operator: `heartbeatMs` and `electionMs`",
  ),
  core("transfer-no-proposals", "§3.10", "A leader that hands over takes no proposals."),
  core("transfer-catch-up", "§3.10", "The target gets all of the leader's log first."),
  core(
    "transfer-now",
    "§3.10",
    "The target is then told to campaign at once, without waiting for its time-out.",
  ),
  core(
    "transfer-gives-up",
    "§3.10",
    "A transfer that has not succeeded within an election time-out ends, and proposals are taken again.",
  ),
  host("transfer-on-trouble", "§3.10", "A leader whose machine is in trouble hands over first."),
  core(
    "route-to-leader",
    "§6.2; paper §8",
    "Who does not lead refuses a request and names the leader, or hands the request on.",
  ),
  core("leader-forgotten", "§6.2; paper §8", "Who campaigns or changes its term forgets who led."),
  core(
    "quorum-check",
    "§6.2; paper §8",
    "A leader that does not hear a majority for an election time-out steps down.",
  ),
  outside(
    "client-retries",
    "§6.2; paper §8",
    "A client that lost its member tries another, chosen at random.",
    "for clients",
  ),
];
