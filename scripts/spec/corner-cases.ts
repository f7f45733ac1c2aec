/** Cases that other Rafts have paid for; each is a test. The number is the tag: `// [case-31]`. */
import { type Anchor, corner, type Rule } from "./rule.ts";

const hostTest = "packages/raft/test/host/raft-host.test.ts";
const simulationTest = "packages/raft/test/host/found-by-simulation.test.ts";

function inHost(text: string): Anchor {
  return { path: hostTest, text: `"${text}"` };
}

function inWal(file: string, text: string): Anchor {
  return { path: `packages/wal/test/${file}.test.ts`, text };
}

/** In the order of their subjects: elections, membership, log and storage, snapshots, reads and clients. */
export const cornerCases: readonly Rule[] = [
  corner(1, "an entry of an earlier term is committed by counting replicas, and then replaced"),
  corner(
    2,
    "an answer leaves before term and vote are durable, or although they could not be written",
    inHost("a failed write is fatal once: nothing leaves after it, nothing is acknowledged"),
  ),
  corner(3, "a candidate counts its own vote, or asks for others, before the vote is durable", {
    path: simulationTest,
    text: '"a candidate asks for votes only once its own term and vote are durable"',
  }),
  corner(4, "logs are compared by length alone, or by index before term"),
  corner(5, "half of an even group counts as its majority"),
  corner(6, "a later vote that is seen in an answer counts as granted, or the own vote alone as an election"),
  corner(7, "a trial raises the term, or its refusal does not teach the later one"),
  corner(8, "members with and without trials block each other"),
  corner(9, "late answers to a trial begin an election after it was won, or unseat a leader"),
  corner(10, "a member whose term ran ahead under a sticky leader is never freed"),
  corner(11, "a transfer is stopped by the lease or by a trial"),
  corner(
    12,
    "leadership goes to somebody who lacks entries or is a learner, or reads and writes go on meanwhile as if nothing happened",
  ),
  corner(13, "a learner refuses a vote that the group needs, because it does not know of its promotion"),
  corner(14, "the last voter is removed"),
  corner(15, "a change is taken up before anything of the leader's own term is committed"),
  corner(16, "a new leader overlooks an unapplied change in its log"),
  corner(17, "two changes are unapplied at once"),
  corner(
    18,
    "a member campaigns with a committed change that it has not applied, also one behind the first page",
  ),
  corner(19, "a change that is refused when it is applied stops a member, or makes members differ"),
  corner(20, "a snapshot of a joint configuration loses a half of it"),
  corner(21, "a joint configuration is left twice, or never, after a transfer that failed"),
  corner(22, "a demoted voter loses its vote before the joint configuration is left"),
  corner(23, "a removed leader stops before its removal is committed, counts itself, or appends more"),
  corner(24, "after a removal, what the smaller quorum has already is not committed"),
  corner(25, "of two members one is removed, and the other waits for it for ever"),
  corner(26, "a change that is cut from the log stays in force"),
  corner(27, "a restarted member has other members than before"),
  corner(28, "answers of a removed member count, or those of one that lost its disk", {
    path: "packages/raft-node/test/tcp/tcp-transport.test.ts",
    text: '"a member whose disk was changed is refused: remove and add anew"',
  }),
  corner(29, "a write of an earlier term counts for an entry that stands at its place now"),
  corner(30, "a new leader counts its no-op before its disk has written it"),
  corner(31, "completions of writes that come out of order take back what is known"),
  corner(32, "a second snapshot arrives while the first is being written"),
  corner(33, "an entry is applied that is not durable here"),
  corner(34, "a follower commits what the append has not verified, or what a heartbeat claims"),
  corner(35, "a late append cuts what came after it"),
  corner(36, "an empty append behind the compacted prefix matches by accident"),
  corner(37, "the search for the conflict runs into the compacted prefix, or next falls to match"),
  corner(38, "the persisted commit index falls back while committed entries are handed out in pages"),
  corner(39, "a batch that changes term or vote is not synced"),
  corner(40, "bytes that were counted as uncommitted or under way do not come back to zero"),
  corner(41, "a member that has everything stays a probe after a lost message"),
  corner(42, "a heartbeat says something about entries that the member may lack"),
  corner(
    43,
    "a failed write or sync is tried again; a torn tail is taken for entries",
    inWal("failure", "is final and never retried"),
    inWal("log", "a torn batch is cut as a whole"),
  ),
  corner(44, "an only voter that restarted serves what it has not yet committed again", {
    path: simulationTest,
    text: '"an only voter that restarted answers no read before an entry of its own term is committed"',
  }),
  corner(45, "numbers beyond 2^53, negative ones and NaN get in"),
  corner(46, "a snapshot takes back what is committed, or cuts a log that contains it"),
  corner(47, "a leader whose log is compacted to its end does not help a member that has nothing"),
  corner(48, "a member whose snapshot is under way is not served when its log meets again by other means"),
  corner(49, "a snapshot is not of the state at its index", {
    path: "packages/sim/test/checkers/oracle.test.ts",
    text: "state-machine-safety fires when a restored state stands where nobody applied anything",
  }),
  corner(
    50,
    "a received snapshot leaves a gap in the log, or drops too much of a short one",
    inWal("snapshot", "a received snapshot replaces the log with its batch, not before"),
  ),
  corner(51, "a transfer of a snapshot that broke off goes on at the wrong place", {
    path: simulationTest,
    text: '"a snapshot transfer goes on when its receiver has restarted and begins anew"',
  }),
  corner(52, "a read is answered before the first commit of the leader's term"),
  corner(53, "a repeated context confirms a read that came later"),
  corner(54, "leases without the quorum check, or with a leader that was forgotten"),
  corner(55, "of many waiting reads some are dropped, or their memory stays"),
  corner(56, "a proposal of unknown outcome is called refused, or tried again blindly", {
    path: "packages/raft/test/host/outcomes.test.ts",
    text: '"a forwarded proposal whose leader is cut off is unknown, exactly once"',
  }),
  corner(
    57,
    "a state machine that throws stalls or skips",
    inHost("a state machine that throws stops its member"),
  ),
  corner(58, "messages to oneself reach the network, or inputs of the member itself come from there"),
];
