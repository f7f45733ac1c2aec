/** The door: answers to calls, limits of a batch, entries that are not in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes, InvariantViolation, utf8Encode } from "@quorate/base";
import {
  ConfigError,
  type Entry,
  indexZero,
  type LogIndex,
  type LogView,
  type Message,
  noNode,
  RawNode,
  termZero,
  toNodeId,
  toTerm,
  validateConfig,
} from "@quorate/raft";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "./support/group.ts";

const group3 = conf([1, 2, 3]);

test("a proposal is answered by where it stands, where it went, or why it went nowhere", () => {
  const group = new Group(group3);
  assert.deepEqual(group.peer(2).node.propose([emptyBytes]), { ok: false, reason: "no-leader", leader: 0 });
  const leader = group.elect(1);
  assert.deepEqual(leader.node.propose([utf8Encode("a"), utf8Encode("b")]), {
    ok: true,
    forwarded: false,
    term: 1,
    firstIndex: 2,
  });
  assert.deepEqual(group.peer(2).node.propose([utf8Encode("c")]), { ok: true, forwarded: true, leader: 1 });
  group.settle();
  assert.deepEqual(commands(group.peer(3)), ["a", "b", "c"]);
  group.peer(3).node.campaign();
  assert.deepEqual(group.peer(3).node.propose([emptyBytes]), { ok: false, reason: "no-leader", leader: 0 });
});

test("where forwarding is off, the answer names the leader", () => {
  const group = new Group(group3, { proposalForwarding: false });
  group.elect(1);
  assert.deepEqual(group.peer(2).node.propose([emptyBytes]), { ok: false, reason: "not-leader", leader: 1 });
});

test("a configuration that cannot work names everything that is wrong with it", () => {
  const log = startingLog(group3, 0);
  const config = {
    id: toNodeId(1),
    log,
    hardState: { term: termZero, vote: noNode, commit: at(9) },
    confState: { ...conf([1]), learners: [toNodeId(1)] },
    applied: indexZero,
    random: (low: number) => low,
    heartbeatTicks: 5,
    electionTimeoutTicks: 5,
    inflightCountMax: 0,
    readMode: "lease" as const,
    checkQuorum: false,
  };
  assert.equal(validateConfig(config).length, 5);
  assert.throws(
    () => new RawNode(config),
    (error) => error instanceof ConfigError && error.problems.length === 5 && /learner/.test(error.message),
  );
});

test("messages to others, and answers from strangers, are told apart and change nothing", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  const answer = {
    type: "heartbeat-response",
    to: toNodeId(1),
    term: toTerm(7),
    context: emptyBytes,
  } as const;
  assert.deepEqual(leader.node.step({ ...answer, from: toNodeId(9) }), { status: "unknown-peer" });
  assert.deepEqual(leader.node.step({ ...answer, from: toNodeId(2), to: toNodeId(3) }), {
    status: "misdirected",
  });
  assert.equal(leader.state.term, 1);
});

test("entries of an append that do not follow each other are not believed", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  const previous = { term: termZero, index: indexZero };
  const append = {
    type: "append-entries",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(3),
    previous,
  } as const;
  for (const entries of [
    [entry(1, 2)],
    [entry(1, 1), entry(1, 3)],
    [entry(2, 1), entry(1, 2)],
    [entry(4, 1)],
  ]) {
    const result = peer.node.step({ ...append, entries, commit: indexZero });
    assert.equal(result.status, "inconsistent");
  }
  assert.equal(peer.state.log.lastIndex, 0);
});

test("a batch says whether it must be durable: for entries, term and vote, not for the commit index alone", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  const previous = { term: toTerm(1), index: at(1) };
  const head = {
    type: "append-entries",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(1),
    entries: [],
  } as const;
  peer.node.step({
    ...head,
    previous: { term: termZero, index: indexZero },
    entries: [entry(1, 1)],
    commit: indexZero,
  });
  const first = peer.node.ready();
  assert.equal(first.mustSync, true);
  peer.persist(first);
  peer.node.advance();
  peer.node.step({ ...head, previous, commit: at(1) });
  const second = peer.node.ready();
  assert.deepEqual([second.mustSync, second.hardState?.commit], [false, 1]);
});

test("committed entries are handed out in pages, and the next page waits until the last is applied", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, committedBytesPerReadyMax: 40 });
  const entries = Array.from({ length: 5 }, (_, place) => entry(1, place + 1));
  peer.node.step({
    type: "append-entries",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(1),
    previous: { term: termZero, index: indexZero },
    entries,
    commit: at(5),
  });
  const pages: number[][] = [];
  while (peer.node.hasReady()) {
    const ready = peer.node.ready();
    peer.persist(ready);
    pages.push(ready.apply.map((one) => one.index));
    peer.node.advance();
  }
  assert.deepEqual(pages, [[1, 2], [3, 4], [5]]);
  assert.equal(peer.state.log.applied, 5);
});

test("a batch is acknowledged once, in order", () => {
  const peer = loneMember(1, group3, [1], { asyncStorage: true });
  peer.node.campaign();
  const { seq } = peer.node.ready();
  peer.node.persisted(seq);
  assert.throws(() => peer.node.persisted(seq), InvariantViolation);
  assert.throws(() => peer.node.persisted(seq + 1), InvariantViolation);
});

/** A log of which only a part is in memory. */
class ColdLog implements LogView {
  readonly #entries: readonly Entry[];
  warm = false;
  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }
  get firstIndex(): LogIndex {
    return at(1);
  }
  get lastIndex(): LogIndex {
    return at(this.#entries.length);
  }
  term(index: LogIndex): ReturnType<LogView["term"]> {
    return index === 0 ? termZero : (this.#entries[index - 1]?.term ?? "unavailable");
  }
  entries(low: LogIndex, high: LogIndex): ReturnType<LogView["entries"]> {
    return this.warm ? this.#entries.slice(low - 1, high - 1) : "pending";
  }
  snapshot(): null {
    return null;
  }
}

test("what is not in memory is named once, never waited for, and served when it was loaded", () => {
  const log = new ColdLog([entry(1, 1, "a"), entry(1, 2, "b")]);
  const node = new RawNode({
    id: toNodeId(1),
    log,
    hardState: { term: toTerm(1), vote: noNode, commit: at(2) },
    confState: conf([1, 2]),
    applied: indexZero,
    random: (low) => low,
    asyncStorage: true,
    preVote: false,
  });
  const first = node.ready();
  assert.deepEqual([first.apply, first.loads], [[], [{ low: 1, high: 3, bytesMax: 16 * 1024 * 1024 }]]);
  assert.equal(node.hasReady(), false, "nothing more to say until it is loaded");
  assert.equal(node.campaign(), false, "a change of the configuration may hide in what was not read");
  node.ready();
  log.warm = true;
  node.logLoaded();
  const second = node.ready();
  assert.equal(second.apply.length, 2);
  node.applied(at(2));
  assert.equal(node.campaign(), true);
  const votes = node.ready();
  for (const message of votes.sendAfterPersist) node.step(message);
  node.persisted(votes.seq);
  node.step({ type: "vote-response", from: toNodeId(2), to: toNodeId(1), term: toTerm(2), granted: true });
  node.persisted(node.ready().seq);
  log.warm = false;
  // The follower has nothing: the leader must go back to entries that are cold.
  node.step({
    type: "append-response",
    from: toNodeId(2),
    to: toNodeId(1),
    term: toTerm(2),
    rejected: true,
    index: at(2),
    hint: { term: termZero, index: indexZero },
  });
  const third = node.ready();
  assert.deepEqual(third.sendNow, []);
  assert.equal(third.loads.length, 1);
  log.warm = true;
  node.logLoaded();
  const sent: readonly Message[] = node.ready().sendNow;
  assert.deepEqual(
    sent.map((message) => message.type === "append-entries" && message.entries.length),
    [2],
  );
});

test("a follower that is told of a read index hands it out as it came", () => {
  const peer = loneMember(2, group3, [1]);
  peer.node.step({
    type: "read-index-response",
    from: toNodeId(1),
    to: peer.id,
    term: toTerm(1),
    index: at(1),
    context: utf8Encode("r"),
  });
  assert.deepEqual(peer.node.ready().readStates, [{ index: 1, context: utf8Encode("r") }]);
});
