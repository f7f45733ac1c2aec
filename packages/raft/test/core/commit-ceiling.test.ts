/** A follower that asked for an image because it doubts its state machine: what it goes on doing, and what it does not learn meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkInvariants, toLogIndex, toNodeId } from "@quorate/raft";
import { conf, entry, Peer, startingLog } from "../support/group.ts";
import { append, heartbeat, logId, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

/** A follower of 2 in term 1 that holds three entries and knows two of them to be committed. */
function follower(): Peer {
  const log = startingLog(group3, 0);
  log.append([entry(1, 1), entry(1, 2), entry(1, 3)]);
  const peer = new Peer(1, log, { confState: group3, checkQuorum: false });
  peer.node.step(heartbeat(2, peer, 1, 2));
  assert.equal(peer.node.committed, 2);
  return peer;
}

/** What the follower says it holds. */
function acknowledged(peer: Peer): number[] {
  const ready = peer.node.ready();
  peer.persist(ready);
  peer.node.persisted(ready.seq);
  return [...ready.sendNow, ...ready.sendAfterPersist].flatMap((message) =>
    message.type === "append-response" && !message.rejected ? [message.index] : [],
  );
}

test("it takes and acknowledges entries, and learns no commit index until the request has ended", () => {
  const peer = follower();
  acknowledged(peer);
  assert.deepEqual(peer.node.requestSnapshot(), { ok: true, index: 3 });
  peer.node.step(append(2, peer, 1, logId(1, 3), [entry(1, 4)], 4));
  assert.deepEqual(acknowledged(peer), [4], "a leader counts it for its majority as ever");
  peer.node.step(heartbeat(2, peer, 1, 4));
  assert.equal(peer.node.committed, 2);
  checkInvariants(peer.node.unsafeState);
  peer.node.endSnapshotRequest();
  peer.node.step(heartbeat(2, peer, 1, 4));
  assert.equal(peer.node.committed, 4);
});

test("the image raises what is known to be committed to its own index, never lower, and only where the log holds it", () => {
  const peer = follower();
  const image = (index: number, term = 1) => ({ ...logId(term, index), confState: group3 });
  assert.equal(peer.node.expectSnapshot(image(3)), false, "nothing was asked for");
  assert.ok(peer.node.requestSnapshot().ok);
  assert.equal(peer.node.expectSnapshot(image(1)), false, "below what is committed");
  assert.equal(peer.node.expectSnapshot(image(9)), false, "beyond the log");
  assert.equal(peer.node.expectSnapshot(image(3, 2)), false, "another entry");
  assert.equal(peer.node.committed, 2);
  assert.equal(peer.node.expectSnapshot(image(3)), true);
  assert.equal(peer.node.committed, 3);
  assert.equal(peer.node.expectSnapshot(image(3)), true, "the same, again");
  peer.node.step(append(2, peer, 1, logId(1, 3), [entry(1, 4)], 4));
  assert.equal(peer.node.committed, 3, "not above the image");
});

test("asked once, of a leader that is known, and by no leader", () => {
  const peer = follower();
  assert.ok(peer.node.requestSnapshot().ok);
  assert.deepEqual(peer.node.requestSnapshot(), { ok: false, reason: "already-asked" });
  peer.node.forgetLeader();
  assert.deepEqual(peer.node.requestSnapshot(), { ok: false, reason: "no-leader" });
  const alone = new Peer(1, startingLog(conf([1]), 0), { confState: conf([1]) });
  alone.node.campaign();
  for (const message of alone.node.ready().sendAfterPersist) {
    alone.node.step(message);
  }
  assert.equal(alone.node.role, "leader");
  assert.deepEqual(alone.node.requestSnapshot(), { ok: false, reason: "is-leader" });
});

test("another leader, an election of its own, or an image in place of the log ends it", () => {
  const changes: readonly ((peer: Peer) => void)[] = [
    (peer) => peer.node.step(append(3, peer, 2, logId(1, 3), [entry(2, 4)], 4)),
    (peer) => peer.node.step(voteRequest("request-vote", 3, peer, 5, logId(4, 9))),
    (peer) => peer.node.campaign(),
    (peer) =>
      peer.node.step({
        type: "install-snapshot",
        from: toNodeId(2),
        to: toNodeId(1),
        term: logId(1, 1).term,
        snapshot: { ...logId(1, 9), confState: group3 },
      }),
  ];
  for (const [at, change] of changes.entries()) {
    const peer = follower();
    assert.ok(peer.node.requestSnapshot().ok);
    change(peer);
    assert.equal(peer.node.unsafeState.commitCeiling, null, `change ${at}`);
    assert.ok(peer.node.committed >= toLogIndex(2));
  }
});
