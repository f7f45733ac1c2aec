/** The rules of Figure 2 and Figure 3 of the paper, in their order. */
import { around, core, type Rule } from "./rule.ts";

const outcomesTest = "packages/raft/test/host/outcomes.test.ts";

/** In the order of the figure. */
export const figure2: readonly Rule[] = [
  core(
    "state-durable",
    "FIG 2 State; §3.8; paper §5.6",
    "Term, vote and log are on stable storage before an answer that rests on them leaves.",
  ),
  core("term-grows", "FIG 2 State; §3.3; paper §5.1", "The term begins at 0 and only grows."),
  core(
    "vote-once",
    "FIG 2 State; §3.4; paper §5.2",
    "A member votes for one candidate at most in a term, the first that asks; a new term frees the vote.",
  ),
  core(
    "entry-shape",
    "FIG 2 State; §3.5; paper §5.3",
    "An entry carries its command and the term in which a leader took it up; the first one has index 1.",
  ),
  core("commit-grows", "FIG 2 State", "The commit index begins at 0 and only grows."),
  core(
    "applied-grows",
    "FIG 2 State",
    "The applied index begins at 0, only grows, and stays at or below the commit index.",
  ),
  core(
    "progress-anew",
    "FIG 2 State; §3.5; paper §5.3",
    "A new leader assumes of every member that it has nothing, and sends next what follows its own last entry.",
  ),
  core("match-grows", "FIG 2 State", "What a member is known to have only grows within a leadership."),
  core(
    "append-stale-term",
    "FIG 2 AppendEntries 1; §3.3; paper §5.1",
    "An append of an earlier term is refused, by an answer that carries the present term.",
  ),
  core(
    "append-previous",
    "FIG 2 AppendEntries 2; §3.5; paper §5.3",
    "An append is refused unless the entry before it is there with the same term.",
  ),
  core(
    "append-conflict",
    "FIG 2 AppendEntries 3; §3.5; paper §5.3",
    "An entry that conflicts with a new one goes, with all behind it; without a conflict nothing goes.",
  ),
  core("append-new", "FIG 2 AppendEntries 4; §3.5", "New entries that are not in the log yet are appended."),
  core(
    "append-commit",
    "FIG 2 AppendEntries 5; §3.5",
    "The commit index follows the leader's, but not beyond the last entry that the append has verified.",
  ),
  core(
    "append-arguments",
    "FIG 2 AppendEntries; §3.5; paper §5.3",
    "An append names term, leader, the entry before it with its term, the entries, and the leader's commit index.",
  ),
  core(
    "vote-stale-term",
    "FIG 2 RequestVote 1; §3.3; paper §5.1",
    "A request for a vote of an earlier term gets none, by an answer that carries the present term.",
  ),
  core(
    "vote-grant",
    "FIG 2 RequestVote 2; §3.4; §3.6.1",
    "The vote is granted when it is free, or the candidate's already, and its log is at least as up-to-date.",
  ),
  core(
    "vote-arguments",
    "FIG 2 RequestVote; §3.6.1",
    "A request for a vote names the candidate, its term, and index and term of its last entry.",
  ),
  core(
    "vote-answer-term",
    "FIG 2 RequestVote",
    "A refusal carries the voter's term, so that the candidate can learn it.",
  ),
  core(
    "apply-committed",
    "FIG 2 All Servers; §3.5; paper §5.3",
    "What is committed is applied, in the order of the log.",
  ),
  core(
    "later-term",
    "FIG 2 All Servers; §3.3; paper §5.1",
    "Whoever meets a later term takes it over and becomes a follower.",
  ),
  core("earlier-term", "FIG 2 All Servers; §3.3; paper §5.1", "Messages of an earlier term change nothing."),
  core(
    "follower-passive",
    "FIG 2 Followers; §3.3; paper §5.1",
    "A follower sends no requests of its own; it answers leaders and candidates.",
  ),
  core(
    "follower-timeout",
    "FIG 2 Followers; §3.4; paper §5.2",
    "A follower that hears nothing of a leader for an election time-out becomes a candidate.",
  ),
  core(
    "timeout-restarts",
    "FIG 2 Followers; §3.4",
    "Hearing the present leader and granting a vote restart the time-out; nothing else does.",
  ),
  core(
    "candidate-begins",
    "FIG 2 Candidates; §3.4; paper §5.2",
    "A candidate raises its term by one, votes for itself, restarts its time-out and asks all others.",
  ),
  core(
    "candidate-majority",
    "FIG 2 Candidates; §3.4; paper §5.2",
    "A majority of the voters, counted once each in this term, makes the candidate leader.",
  ),
  core(
    "candidate-follows",
    "FIG 2 Candidates; §3.4; paper §5.2",
    "A candidate that hears a leader of its own or a later term follows it.",
  ),
  core(
    "candidate-again",
    "FIG 2 Candidates; §3.4; paper §5.2",
    "A candidate whose time-out passes begins the next election, in the next term.",
  ),
  core(
    "leader-announces",
    "FIG 2 Leaders; §3.4; paper §5.2",
    "A new leader sends an append to every other member at once.",
  ),
  core(
    "leader-heartbeats",
    "FIG 2 Leaders; §3.4; paper §5.2",
    "A leader sends heartbeats while nothing else is to be sent.",
  ),
  core(
    "leader-appends",
    "FIG 2 Leaders; §3.5; paper §5.3",
    "A leader appends a command to its log and sends it to all others in parallel.",
  ),
  around(
    "host",
    "answer-after-apply",
    "FIG 2 Leaders; §3.5; paper §5.3",
    "A client is answered after its entry was applied.",
    {
      path: "packages/raft/src/host/proposals.ts",
      text: "so nothing is decided before an index is applied.",
    },
    { path: outcomesTest, text: '"a follower forwards and answers with its own result"' },
  ),
  core(
    "leader-sends-next",
    "FIG 2 Leaders; §3.5",
    "A member that lacks entries is sent them from its next index on.",
  ),
  core(
    "leader-success",
    "FIG 2 Leaders; §3.5; paper §5.3",
    "After a success the leader raises what the member is known to have, and what it is sent next.",
  ),
  core(
    "leader-backs-up",
    "FIG 2 Leaders; §3.5; paper §5.3",
    "After a refusal the leader goes back and tries again until the logs meet.",
  ),
  core(
    "commit-majority",
    "FIG 2 Leaders; §3.5; paper §5.3",
    "An entry is committed once a majority of the voters stores it.",
  ),
  core(
    "commit-own-term",
    "FIG 2 Leaders; §3.6.2; paper §5.4.2",
    "By counting, a leader commits entries of its own term only.",
  ),
  core("election-safety", "FIG 3 Election Safety; §3.4", "A term has one leader at most."),
  core(
    "leader-append-only",
    "FIG 3 Leader Append-Only; §3.5; paper §5.3",
    "A leader neither overwrites nor removes entries of its own log.",
  ),
  core(
    "log-matching",
    "FIG 3 Log Matching; §3.5; paper §5.3",
    "A leader creates one entry at most at an index in a term, and entries never move.",
  ),
  core(
    "leader-completeness",
    "FIG 3 Leader Completeness; §3.6.1; paper §5.4.1",
    "Nobody is elected whose log lacks a committed entry.",
  ),
  core(
    "state-machine-safety",
    "FIG 3 State Machine Safety; §3.6.3; paper §5.4.3",
    "What is committed is never replaced.",
  ),
];
