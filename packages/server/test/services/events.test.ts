/** Outcomes keep their certainty, and what is known of leaders and links follows the events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { noNode, toNodeId } from "@quorate/raft";
import { submitOutcome } from "../../src/services/outcomes.ts";
import { PeerLinks } from "../../src/services/peer-links.ts";
import { Leadership } from "../../src/services/raft-events.ts";

test("a refusal stays a refusal, an unknown outcome stays unknown", () => {
  for (const reason of ["no-leader", "not-leader", "leader-changed", "transferring", "stopped"] as const) {
    assert.equal(submitOutcome({ kind: "refused", reason, leader: noNode }).kind, "refused", reason);
  }
  for (const reason of ["leader-changed", "connection-lost", "snapshot", "stopped", "abandoned"] as const) {
    assert.equal(submitOutcome({ kind: "unknown", reason }).kind, "unknown", reason);
  }
  assert.deepEqual(submitOutcome({ kind: "refused", reason: "uncommitted-limit", leader: toNodeId(3) }), {
    kind: "refused",
    reason: "too-many-requests",
    leader: 3,
  });
});

test("leader changes are counted, the loss of one is not", () => {
  const leadership = new Leadership();
  leadership.changed(7, 100);
  leadership.changed(7, 200); // A new term of the same leader.
  leadership.changed(0, 300);
  assert.deepEqual([leadership.changeCount, leadership.leaderSinceMs], [1, 0]);
  leadership.changed(8, 400);
  assert.deepEqual([leadership.changeCount, leadership.leaderSinceMs], [2, 400]);
});

test("a majority is connected since the moment the last one needed came", () => {
  const links = new PeerLinks();
  assert.equal(links.sinceCount(0), 0);
  assert.equal(links.sinceCount(1), null);
  links.connected(2, 10);
  links.connected(3, 20);
  links.connected(2, 30);
  assert.deepEqual([links.sinceOf(2), links.sinceCount(1), links.sinceCount(2)], [10, 10, 20]);
  links.disconnected(2);
  assert.deepEqual([links.sinceOf(2), links.sinceCount(1), links.sinceCount(2)], [null, 20, null]);
});
