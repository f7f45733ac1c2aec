/** Snapshots (§5, paper §7), clients and reads (§6, paper §8), trial elections (§9.6), parallel writes (§10.2.1). */
import { around, core, host, outside, type Rule } from "./rule.ts";

const hostFolder = "packages/raft/src/host";
const hostTest = "packages/raft/test/host/raft-host.test.ts";

/** Snapshots. */
export const chapter5: readonly Rule[] = [
  around(
    "host",
    "snapshot-of-applied",
    "§5.1; paper §7",
    "A member makes snapshots by itself, of what it has applied; they name the last index, its term and the configuration.",
    { path: `${hostFolder}/snapshot-maker.ts`, text: "an image pinned at one applied index" },
    {
      path: "packages/sim/test/checkers/oracle.test.ts",
      text: '"state-machine-safety fires when a snapshot stands for what is not committed"',
    },
  ),
  around(
    "host",
    "snapshot-not-in-the-way",
    "§5.1.2; paper §7",
    "Writing a snapshot does not hold up what comes meanwhile.",
    { path: `${hostFolder}/snapshot-maker.ts`, text: "written in slices between other work" },
    { path: "packages/raft/src/testing/state-machine-suite.ts", text: '"state machine: an image is pinned"' },
  ),
  around(
    "wal",
    "log-dropped-after-snapshot",
    "§5.1; paper §7",
    "The log is dropped only up to a snapshot that is durable.",
    {
      path: "packages/wal/src/snapshot-files.ts",
      text: "RAFT §5.1. An image is written beside under a temporary name",
    },
    { path: "packages/wal/test/snapshot.test.ts", text: "segments below the compacted index go" },
  ),
  core(
    "snapshot-when-gone",
    "§5.3; paper §7",
    "A member that needs entries which are gone is sent the snapshot.",
  ),
  core("snapshot-stale-term", "§5.3; paper §7", "A snapshot from a leader of an earlier term is not taken."),
  core(
    "snapshot-restarts-timeout",
    "§5.3; paper §7",
    "A snapshot restarts the election time-out, as any message of the leader.",
  ),
  core(
    "snapshot-of-prefix",
    "§5.3; paper §7",
    "Where the log holds the snapshot's last entry, what follows it stays; older snapshots change nothing.",
  ),
  core(
    "snapshot-replaces",
    "§5.3; paper §7",
    "Otherwise the whole log goes, and state and configuration are the snapshot's.",
  ),
  core(
    "snapshot-configuration",
    "§5.1; paper §7",
    "The configuration in the snapshot is in force from then on.",
  ),
  around(
    "host",
    "snapshot-chunks",
    "§5.3; paper §7",
    "A snapshot travels in chunks, in order, and is used once it is whole.",
    { path: `${hostFolder}/snapshot-receiver.ts`, text: "nothing is replaced before the image is whole" },
    {
      path: hostTest,
      text: '"§5.3 a member that missed a compacted prefix gets a snapshot in chunks, and restarts from it"',
    },
  ),
];

/** Clients and reads. */
export const chapter6: readonly Rule[] = [
  host("session-serials", "§6.3; paper §8", "A command carries its client's id and a serial number."),
  host(
    "session-filter",
    "§6.3; paper §8",
    "A command whose serial number was executed is answered from the session, not executed again.",
  ),
  host(
    "session-lowest",
    "§6.3",
    "A client with several requests under way names the lowest without an answer; answers below are dropped.",
  ),
  host("session-expiry", "§6.3", "Sessions expire on all members alike, by what stands in the log."),
  host("session-keep-alive", "§6.3", "A client that has nothing to do keeps its session alive."),
  host("session-unknown", "§6.3", "A command of an unknown session is refused, not executed."),
  host("session-register", "§6.3", "A client registers and gets its id from the log."),
  core(
    "read-own-term",
    "§6.4; paper §8",
    "A leader answers no read before an entry of its own term is committed, and appends a no-op for that.",
  ),
  core(
    "read-index-saved",
    "§6.4",
    "A read waits for the commit index that the leader had when the read arrived.",
  ),
  core(
    "read-round",
    "§6.4; paper §8",
    "A round of heartbeats that began after the read proves to the leader that it still leads.",
  ),
  around(
    "host",
    "read-after-apply",
    "§6.4",
    "The read is done once the state machine has applied that index.",
    { path: `${hostFolder}/reads.ts`, text: "RAFT §6.4 step 5" },
    {
      path: "packages/raft/test/host/reads.test.ts",
      text: `"§6.4 a deposed leader confirms no read; a follower's read goes to the next leader"`,
    },
  ),
  core("read-one-round", "§6.4", "One round confirms all reads that wait."),
  core("read-by-follower", "§6.4", "A follower asks the leader for an index and reads by itself."),
  core(
    "lease-by-heartbeats",
    "§6.4.1",
    "With leases, a leader answers reads only while a majority keeps from electing another.",
  ),
  core("lease-ends-before-transfer", "§6.4.1", "A leader gives up its lease before it hands over."),
  host("lease-drift", "§6.4.1", "Leases assume a bound on how differently clocks run."),
  outside(
    "client-monotonic",
    "§6.4.1",
    "Optional: clients name the highest index they have seen, and members wait for it.",
    "for clients; etcd's revisions serve them",
  ),
];

/** Trial elections, and writing while replicating. */
export const laterChapters: readonly Rule[] = [
  core(
    "pre-vote-first",
    "§9.6",
    "A candidate raises its term only after a majority has said that it would vote for it.",
  ),
  core("pre-vote-binds-nobody", "§9.6", "The trial changes nobody's term or vote."),
  core(
    "pre-vote-conditions",
    "§9.6",
    "A trial is granted to a log that is up-to-date, by members that did not hear a leader within an election time-out.",
  ),
  core(
    "pre-vote-ends",
    "§9.6",
    "A heartbeat of the leader makes a pre-candidate a follower, in the same term.",
  ),
  core("parallel-write", "§10.2.1", "A leader replicates while its own disk writes."),
  core("own-write-counted", "§10.2.1", "The leader counts itself only once its own disk has written."),
  core(
    "commit-before-own-write",
    "§10.2.1",
    "A leader may commit what a majority of others has written before its own disk has.",
  ),
];
