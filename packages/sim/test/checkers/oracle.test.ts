import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { type NodeId, type PeerFrame, toLogIndex, toTerm } from "@quorate/raft";
import { Oracle } from "../../src/checkers/oracle.ts";
import { accepted, batch, commitTold, entry, hardState, snapshot, status, view, voteFor } from "./build.ts";
import { all, fires, fresh, one, replicated, three, two } from "./trio.ts";

test("election-safety fires when two members lead one term", () => {
  const oracle = fresh();
  oracle.stepped(one, status(2, "leader", 0, 0));
  oracle.stepped(two, status(3, "leader", 0, 0));
  fires("election-safety", () => oracle.stepped(three, status(3, "leader", 0, 0)));
});

test("leader-append-only fires when a leader replaces an entry of its log", () => {
  const oracle = fresh();
  replicated(oracle, [one], 3, 1);
  oracle.stepped(one, status(1, "leader", 0, 0));
  oracle.writing(one, batch([entry(4, 1)]));
  fires("leader-append-only", () => oracle.writing(one, batch([entry(3, 1)])));
});

test("log-matching fires when two logs hold one (index, term) after different prefixes", () => {
  const oracle = fresh();
  oracle.writing(one, batch([entry(1, 1), entry(2, 2)]));
  fires("log-matching", () => oracle.writing(two, batch([entry(1, 1, "other"), entry(2, 2)])));
  const later = fresh();
  later.writing(one, batch([entry(1, 1), entry(2, 3)]));
  fires("log-matching", () => later.writing(two, batch([entry(1, 2), entry(2, 3)])));
});

test("log-matching fires on a gap", () => {
  fires("log-matching", () => fresh().writing(one, batch([entry(2, 1)])));
});

test("leader-completeness fires when a later leader lacks a committed entry", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 2, 1);
  oracle.stepped(one, status(1, "leader", 2, 2));
  fires("leader-completeness", () => oracle.stepped(three, status(2, "leader", 0, 0)));
});

test("leader-completeness lets a late leader of an earlier term be", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 2, 5);
  oracle.stepped(one, status(5, "leader", 2, 2));
  oracle.stepped(three, status(4, "leader", 0, 0));
});

test("state-machine-safety fires when members apply different commands at one index", () => {
  const oracle = fresh();
  oracle.applied(one, toLogIndex(1), toTerm(1), utf8Encode("a"), 7);
  oracle.applied(two, toLogIndex(1), toTerm(1), utf8Encode("a"), 7);
  fires("state-machine-safety", () => oracle.applied(three, toLogIndex(1), toTerm(1), utf8Encode("b"), 7));
});

test("state-machine-safety fires when one command has two results", () => {
  const oracle = fresh();
  oracle.applied(one, toLogIndex(1), toTerm(1), utf8Encode("a"), 7);
  fires("state-machine-safety", () => oracle.applied(two, toLogIndex(1), toTerm(1), utf8Encode("a"), 8));
});

test("state-machine-safety fires when a member skips an entry or applies one twice", () => {
  const oracle = fresh();
  oracle.applied(one, toLogIndex(1), toTerm(1), utf8Encode("a"), 0);
  oracle.applied(one, toLogIndex(2), toTerm(1), utf8Encode("b"), 0);
  fires("state-machine-safety", () => oracle.applied(two, toLogIndex(2), toTerm(1), utf8Encode("b"), 0));
  const again = fresh();
  again.applied(one, toLogIndex(1), toTerm(1), utf8Encode("a"), 0);
  fires("state-machine-safety", () => again.applied(one, toLogIndex(1), toTerm(1), utf8Encode("a"), 0));
});

test("state-machine-safety fires when more is applied than committed", () => {
  fires("state-machine-safety", () => fresh().stepped(one, status(1, "follower", 0, 1)));
});

test("state-machine-safety fires when a snapshot stands for what is not committed", () => {
  const install = { hardState: null, entries: [], snapshot: snapshot(3, 1), mustSync: true };
  fires("state-machine-safety", () => fresh().writing(one, install));
});

test("state-machine-safety fires when a snapshot stands for an entry of another term than the committed one", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 2, 1);
  oracle.stepped(one, status(1, "leader", 2, 0));
  const install = { hardState: null, entries: [], snapshot: snapshot(2, 2), mustSync: true };
  fires("state-machine-safety", () => oracle.writing(three, install));
});

test("state-machine-safety fires when a restored state stands where nobody applied anything, or applies again", () => {
  const oracle = fresh();
  oracle.applied(one, toLogIndex(2), toTerm(1), utf8Encode("a"), 0);
  oracle.applied(one, toLogIndex(4), toTerm(1), utf8Encode("b"), 0);
  oracle.restored(two, 2);
  oracle.applied(two, toLogIndex(4), toTerm(1), utf8Encode("b"), 0);
  fires("state-machine-safety", () => oracle.restored(three, 3));
  oracle.restored(three, 4);
  fires("state-machine-safety", () => oracle.applied(three, toLogIndex(4), toTerm(1), utf8Encode("b"), 0));
});

test("state-machine-safety fires when two members commit different entries at one index", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 1, 1);
  oracle.writing(three, batch([entry(1, 2, "other")], hardState(2, 0, 1)));
  oracle.stepped(one, status(1, "leader", 1, 0));
  fires("state-machine-safety", () => oracle.stepped(three, status(2, "follower", 1, 0)));
});

test("term-monotonic fires when a member falls back, also over a restart", () => {
  const oracle = fresh();
  oracle.stepped(one, status(3, "follower", 0, 0));
  fires("term-monotonic", () => oracle.stepped(one, status(2, "follower", 0, 0)));
  const restarted = fresh();
  restarted.writing(two, batch([], hardState(4, 1, 0)));
  restarted.written(two);
  restarted.sending(two, voteFor(2, 1, 4));
  fires("term-monotonic", () => restarted.recovered(two, view([]), hardState(3, 0, 0)));
});

test("vote-once fires on a second vote in a term, also over a restart", () => {
  const oracle = fresh();
  oracle.writing(one, batch([], hardState(2, 2, 0)));
  oracle.written(one);
  oracle.sending(one, voteFor(1, 2, 2));
  oracle.sending(one, voteFor(1, 2, 2));
  oracle.recovered(one, view([]), hardState(2, 2, 0));
  fires("vote-once", () => oracle.sending(one, voteFor(1, 3, 2)));
});

test("durable-before-reported fires when a vote leaves before its batch is durable", () => {
  const oracle = fresh();
  oracle.writing(one, batch([], hardState(2, 2, 0)));
  fires("durable-before-reported", () => oracle.sending(one, voteFor(1, 2, 2)));
});

test("durable-before-reported fires when a term is durable but the vote is not", () => {
  const oracle = fresh();
  oracle.writing(one, batch([], hardState(2, 0, 0)));
  oracle.written(one);
  fires("durable-before-reported", () => oracle.sending(one, voteFor(1, 2, 2)));
});

test("durable-before-reported fires when an append is acknowledged before its batch is durable", () => {
  const oracle = fresh();
  oracle.writing(one, batch([], hardState(2, 2, 0)));
  oracle.written(one);
  oracle.writing(one, batch([entry(1, 2)]));
  fires("durable-before-reported", () => oracle.sending(one, accepted(1, 2, 2, 1)));
  oracle.written(one);
  oracle.sending(one, accepted(1, 2, 2, 1));
});

test("durable-before-reported fires when a leader tells of a change that its disk does not know as committed", () => {
  const oracle = fresh();
  const change = { ...entry(2, 1), type: "conf-change-v2" } as const;
  oracle.writing(one, batch([entry(1, 1), change], hardState(1, 1, 0)));
  oracle.written(one);
  oracle.writing(one, { ...batch([], hardState(1, 1, 2)), mustSync: false });
  oracle.written(one);
  oracle.sending(one, commitTold(1, 2, 1));
  fires("durable-before-reported", () => oracle.sending(one, commitTold(1, 2, 2)));
  oracle.writing(one, batch([], hardState(1, 1, 2)));
  oracle.written(one);
  oracle.sending(one, commitTold(1, 2, 2));
});

test("found by mutant R54: an answer leaves while a later term's batch, on its way to the disk, replaces the entry", () => {
  const oracle = fresh();
  oracle.writing(one, batch([entry(1, 2)], hardState(2, 0, 0)));
  oracle.written(one);
  oracle.writing(one, batch([entry(1, 3)], hardState(3, 0, 0)));
  oracle.sending(one, accepted(1, 2, 2, 1));
  fires("durable-before-reported", () => oracle.sending(one, accepted(1, 2, 2, 2)));
});

test("durable-before-reported lets an answer be whose entry a later term replaced in the same batch", () => {
  const oracle = fresh();
  oracle.writing(one, batch([entry(1, 3)], hardState(3, 0, 0)));
  oracle.written(one);
  oracle.sending(one, accepted(1, 2, 2, 2));
  fires("durable-before-reported", () => oracle.sending(one, accepted(1, 2, 3, 2)));
});

test("commit-monotonic fires when a commit index falls back", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 3, 1);
  oracle.stepped(one, status(1, "leader", 3, 0));
  fires("commit-monotonic", () => oracle.stepped(one, status(1, "leader", 2, 0)));
});

test("commit-quorum fires when an entry is committed that one disk holds", () => {
  const oracle = fresh();
  replicated(oracle, [one], 1, 1);
  oracle.writing(two, batch([entry(1, 1)], hardState(1, 1, 0)));
  fires("commit-quorum", () => oracle.stepped(one, status(1, "leader", 1, 0)));
});

test("commit-term fires when a leader commits an entry of an earlier term by counting", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 2, 1);
  for (const node of [one, two]) {
    oracle.writing(node, batch([entry(3, 2)], hardState(2, 1, 3)));
    oracle.written(node);
  }
  oracle.stepped(one, status(2, "leader", 0, 0));
  fires("commit-term", () => oracle.stepped(one, status(2, "leader", 2, 0)));
  oracle.stepped(one, status(2, "leader", 3, 0));
});

test("recovery fires when a durable entry is gone after a crash", () => {
  const oracle = fresh();
  replicated(oracle, [one], 3, 1);
  fires("recovery", () => oracle.recovered(one, view([entry(1, 1), entry(2, 1)]), hardState(1, 1, 0)));
});

test("recovery fires when a durable vote is gone after a crash", () => {
  const oracle = fresh();
  replicated(oracle, [one], 1, 1);
  fires("recovery", () => oracle.recovered(one, view([entry(1, 1)]), hardState(1, 0, 0)));
});

test("recovery fires when an entry comes back that nobody wrote, or a commit index nobody reached", () => {
  fires("recovery", () => fresh().recovered(one, view([entry(1, 1)]), hardState(0, 0, 0)));
  fires("recovery", () => fresh().recovered(one, view([]), hardState(0, 0, 1)));
});

test("recovery accepts what was under way, kept or lost", () => {
  for (const kept of [[], [entry(1, 1)]]) {
    const oracle = fresh();
    oracle.writing(one, batch([entry(1, 1)]));
    oracle.recovered(one, view(kept), hardState(0, 0, 0));
  }
});

test("fail-stop fires when a batch counts as durable after the disk failed", () => {
  const oracle = fresh();
  oracle.writing(one, batch([entry(1, 1)]));
  oracle.diskFailed(one);
  fires("fail-stop", () => oracle.written(one));
});

test("leader-append-only lets a leader be that steps down and then replaces entries", () => {
  const oracle = fresh();
  replicated(oracle, [one], 3, 1);
  oracle.stepped(one, status(1, "leader", 0, 0));
  oracle.writing(one, batch([entry(3, 2)], hardState(2, 0, 0)));
});

test("acknowledged-writes fires when a majority no longer holds an acknowledged put", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 1, 1);
  oracle.stepped(one, status(1, "leader", 1, 0));
  const put = oracle.history.begin("put", "k", "v1", 0);
  oracle.history.applied(toLogIndex(1), "k", "v1");
  oracle.history.putApplied(put, toLogIndex(1));
  oracle.checkAcknowledgedDurable();
  const lost = new Oracle(all);
  Object.assign(lost, { history: oracle.history, committed: oracle.committed });
  fires("acknowledged-writes", () => lost.checkAcknowledgedDurable());
});

function timeoutNow(from: NodeId, to: NodeId, term: number): PeerFrame {
  return { kind: "message", message: { type: "timeout-now", from, to, term: toTerm(term) } };
}

test("transfer-caught-up fires when somebody is told to campaign who lacks an entry of the leader's", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 2, 1);
  replicated(oracle, [three], 1, 1);
  oracle.sending(one, timeoutNow(one, two, 1));
  oracle.stepped(one, status(1, "leader", 2, 2));
  oracle.sending(one, timeoutNow(one, three, 1));
  // As the last thing before it ends it may be said: nobody steps any more.
  fires("transfer-caught-up", () => oracle.stepped(one, status(1, "leader", 2, 2)));
});

test("acknowledged-entries fires when an entry that was acknowledged in a term goes while that lasts", () => {
  const oracle = fresh();
  replicated(oracle, [two], 3, 1);
  oracle.sending(two, accepted(2, 1, 1, 3));
  fires("acknowledged-entries", () => oracle.writing(two, batch([entry(2, 1)])));
  const replaced = fresh();
  replicated(replaced, [two], 3, 1);
  replaced.sending(two, accepted(2, 1, 1, 3));
  replaced.writing(two, batch([entry(3, 2)], hardState(2, 0, 2)));
});

test("acknowledged-entries fires when a snapshot takes the place of more than it stands for", () => {
  const oracle = fresh();
  replicated(oracle, [one, two], 3, 1);
  oracle.stepped(one, status(1, "leader", 3, 3));
  oracle.sending(two, accepted(2, 1, 1, 3));
  const install = { ...batch([]), snapshot: snapshot(2, 1) };
  fires("acknowledged-entries", () => oracle.writing(two, install));
});

test("recovery fires when a storage hands out other bytes than were written, or what nobody wrote", () => {
  const oracle = fresh();
  replicated(oracle, [one], 2, 1);
  oracle.reading(one, [entry(1, 1), entry(2, 1)]);
  fires("recovery", () => oracle.reading(one, [entry(2, 1, "E2")]));
  fires("recovery", () => oracle.reading(one, [entry(2, 2)]));
});

test("bounded-terms fires when terms pass and nothing is committed, but not where no bound was set", () => {
  const free = fresh();
  free.stepped(one, status(90, "candidate", 0, 0));
  const oracle = fresh();
  oracle.terms.bound(50);
  replicated(oracle, [one, two], 1, 1);
  oracle.stepped(one, status(7, "follower", 1, 1));
  oracle.stepped(two, status(57, "candidate", 1, 1));
  fires("bounded-terms", () => oracle.stepped(two, status(58, "candidate", 1, 1)));
});

// What is forgiven a damaged disk, and nothing beyond it.

test("commit-quorum: a leader counted its own disk, which was wiped before anybody told of the commit (seed short 96783)", () => {
  const counted = (leader: NodeId): void => {
    const oracle = fresh();
    replicated(oracle, [one, two], 2, 2);
    oracle.stepped(leader, status(2, "leader", 0, 0));
    oracle.sending(two, accepted(2, 1, 2, 2));
    oracle.forgets(one);
    oracle.stepped(two, status(2, leader === two ? "leader" : "follower", 2, 0));
  };
  counted(one);
  fires("commit-quorum", () => counted(two));
});

test("commit-quorum and transfer-caught-up: who counts on a disk that is gone was told what it held", () => {
  const counted = (toldTerm: number | null, count: (oracle: Oracle) => void): void => {
    const oracle = fresh();
    replicated(oracle, [one, two], 2, 2);
    if (toldTerm !== null) {
      oracle.sending(two, accepted(2, 1, toldTerm, 2));
    }
    oracle.forgets(two);
    count(oracle);
  };
  const commits = (oracle: Oracle): void => oracle.stepped(one, status(2, "leader", 2, 0));
  counted(2, commits);
  // The former disk held it, but nobody heard so: whoever counts it counts what it made up.
  fires("commit-quorum", () => counted(null, commits));
  const handsOver = (oracle: Oracle): void => {
    oracle.sending(one, timeoutNow(one, two, 2));
    oracle.stepped(one, status(2, "leader", 0, 0));
  };
  counted(2, handsOver);
  fires("transfer-caught-up", () => counted(null, handsOver));
});
