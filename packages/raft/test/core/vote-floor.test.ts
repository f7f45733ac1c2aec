/** A member whose log lost its end to damage: what it must not do until it has again what it may have acknowledged. RAFT §3.6.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkInvariants, type MessageOf, toNodeId, type VoteFloor } from "@quorate/raft";
import { conf, entry, Peer, startingLog } from "../support/group.ts";
import { append, heartbeat, logId, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

/** A follower that holds entries 1 to 3 of term 1, and may have acknowledged up to `voteFloor`. */
function damaged(voteFloor: VoteFloor | null): Peer {
  const log = startingLog(group3, 0);
  log.append([entry(1, 1), entry(1, 2), entry(1, 3)]);
  return new Peer(1, log, { confState: group3, voteFloor, checkQuorum: false });
}

function answers(peer: Peer): MessageOf<"vote-response" | "pre-vote-response">[] {
  const ready = peer.node.ready();
  peer.persist(ready);
  peer.node.persisted(ready.seq);
  return [...ready.sendNow, ...ready.sendAfterPersist].flatMap((message) =>
    message.type === "vote-response" || message.type === "pre-vote-response" ? [message] : [],
  );
}

for (const type of ["request-vote", "pre-vote"] as const) {
  // [floor-votes]
  test(`${type}: granted at the floor and above it, refused below, whatever the own log ends in`, () => {
    const cases = [
      { last: logId(1, 3), granted: false },
      { last: logId(1, 99), granted: false },
      { last: logId(2, 6), granted: false },
      { last: logId(2, 7), granted: true },
      { last: logId(3, 1), granted: true },
    ];
    for (const { last, granted } of cases) {
      const peer = damaged(logId(2, 7));
      peer.node.step(voteRequest(type, 2, peer, 5, last));
      assert.deepEqual(
        answers(peer).map((answer) => answer.granted),
        [granted],
        JSON.stringify(last),
      );
    }
  });
}

// [floor-votes]
test("an unknown floor grants no vote at all; without a floor the log alone decides", () => {
  const unknown = damaged("unknown");
  unknown.node.step(voteRequest("request-vote", 2, unknown, 5, logId(4, 1000)));
  assert.equal(answers(unknown)[0]?.granted, false);
  const whole = damaged(null);
  whole.node.step(voteRequest("request-vote", 2, whole, 5, logId(1, 3)));
  assert.equal(answers(whole)[0]?.granted, true);
});

// [floor-campaigns]
test("it does not campaign below the floor: not at a time-out, not on request, not when it is told to take over", () => {
  const peer = damaged(logId(2, 7));
  assert.equal(peer.node.campaign(), false);
  for (let tick = 0; tick < 100; tick++) {
    peer.node.tick();
  }
  peer.node.step({ type: "timeout-now", from: toNodeId(2), to: peer.id, term: peer.state.term });
  assert.equal(peer.role, "follower");
});

test("a heartbeat teaches it no commit index: other entries may stand at those places now", () => {
  const peer = damaged(logId(2, 7));
  const result = peer.node.step(heartbeat(2, peer, 3, 3));
  assert.equal(result.status, "accepted");
  assert.equal(peer.node.committed, 0);
  const { sendNow, sendAfterPersist } = peer.node.ready();
  assert.deepEqual(
    [...sendNow, ...sendAfterPersist].map(({ type }) => type),
    ["heartbeat-response"],
    "but it answers: it follows this leader",
  );
});

test("without a floor, a heartbeat about entries that are gone proves that the disk was set back", () => {
  const peer = damaged(null);
  const result = peer.node.step(heartbeat(2, peer, 3, 9));
  assert.equal(result.status, "inconsistent");
  assert.equal("lostAfter" in result ? result.lostAfter : null, 3);
  assert.equal(peer.node.committed, 0);
});

test("appends raise it above the floor; from then on it votes, campaigns and learns what is committed", () => {
  const peer = damaged(logId(2, 5));
  const entries = [entry(2, 3), entry(2, 4)];
  peer.node.step(append(2, peer, 2, logId(1, 2), entries, 2));
  assert.equal(peer.node.belowVoteFloor, true);
  assert.throws(() => peer.node.setVoteFloor(null), /before it was reached/);
  peer.node.step(append(2, peer, 2, logId(2, 4), [entry(2, 5)], 2));
  assert.equal(peer.node.belowVoteFloor, false);
  peer.node.step(heartbeat(2, peer, 2, 5));
  assert.equal(peer.node.committed, 5);
  peer.node.setVoteFloor(null);
  answers(peer);
  assert.equal(peer.node.campaign(), true);
  checkInvariants(peer.state);
});

test("an unknown floor becomes a known one, once, and a known one is never moved", () => {
  const peer = damaged("unknown");
  assert.throws(() => peer.node.setVoteFloor(null), /before it was reached/);
  peer.node.setVoteFloor(logId(2, 9));
  assert.throws(() => peer.node.setVoteFloor(logId(2, 8)), /not moved/);
});
