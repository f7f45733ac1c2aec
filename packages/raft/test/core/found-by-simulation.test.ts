/** Mistakes of the core that the simulator found, each as the shortest schedule that shows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { progressOf } from "../../src/tracker/tracker.ts";
import { MemoryLog } from "../interaction/memory-log.ts";
import { conf, Group, Peer, startingLog } from "../support/group.ts";
import { heartbeat, logId, rejected, voteRequest } from "../support/messages.ts";

// A joiner had voted for a candidate that was removed then. It knows no configuration, so that it never campaigns, and where
// neither trial elections nor the quorum check are on, it left the leader's messages unanswered: it stayed behind for ever.
test("a joiner whose term is ahead answers the leader of an earlier term, so that it leads on in a later one", () => {
  const joiner = new Peer(4, new MemoryLog(), { checkQuorum: false, preVote: false });
  joiner.node.step(voteRequest("request-vote", 2, joiner, 6, logId(1, 1)));
  joiner.drain();
  joiner.node.step(heartbeat(3, joiner, 5));
  const answers = joiner.drain();
  assert.deepEqual(
    answers.map(({ to, term }) => ({ to, term })),
    [{ to: 3, term: 6 }],
  );
});

// Its log ends below what it acknowledged: whatever is sent behind that is refused. The leader probed again at once, and each heartbeat
// added one more probe that went to and fro: a million messages an hour later.
test("a member that refuses what it acknowledged is not probed again before its next answer to a heartbeat", () => {
  const group = new Group(conf([1, 2, 3]));
  group.peer(1).node.campaign();
  group.settle();
  const leader = group.peer(1);
  const { match } = progressOf(leader.state.tracker, group.peer(2).id) ?? assert.fail();
  assert.equal(match, leader.state.log.lastIndex);
  leader.node.reportUnreachable(group.peer(2).id);
  for (let count = 0; count < 3; count++) {
    leader.node.step(rejected(2, leader, leader.state.term, match, logId(0, 0)));
    assert.deepEqual(leader.drain(), []);
  }
  assert.equal(progressOf(leader.state.tracker, group.peer(2).id)?.next, toLogIndex(match + 1));
});

// Three copies of an old grant, held up for seconds, made a member campaign against a leader that everybody heard.
test("a grant of an earlier trial election does not count in a later one", () => {
  const group3 = conf([1, 2, 3]);
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, preVote: true });
  const grant = (term: number) =>
    peer.node.step({
      type: "pre-vote-response",
      from: toNodeId(2),
      to: peer.id,
      term: toTerm(term),
      granted: true,
    });
  peer.node.step(heartbeat(3, peer, 5));
  peer.drain();
  peer.node.campaign();
  peer.drain();
  grant(5);
  assert.equal(peer.role, "pre-candidate", "the grant was for term 5");
  grant(6);
  assert.equal(peer.role, "candidate");
});
