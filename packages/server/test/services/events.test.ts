/** Outcomes keep their certainty, and what is known of leaders and links follows the events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { noNode, toNodeId } from "@quorate/raft";
import type { Logger } from "../../src/logging/logger.ts";
import { submitOutcome } from "../../src/services/outcomes.ts";
import { PeerLinks } from "../../src/services/peer-links.ts";
import { Leadership, logEvent } from "../../src/services/raft-events.ts";

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

test("what an operator should act on is a warning or an error; a transfer is told with its end", () => {
  const lines: string[] = [];
  const at =
    (level: string): Logger["info"] =>
    (message) =>
      void lines.push(`${level} ${message}`);
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    fatal: at("fatal"),
  };
  logEvent({ type: "slow-disk", ticks: 10 }, logger);
  logEvent({ type: "resigned", ticks: 20 }, logger);
  logEvent({ type: "transfer-started", transferee: toNodeId(2) }, logger);
  logEvent({ type: "transfer-ended", transferee: toNodeId(2), ok: false }, logger);
  logEvent({ type: "transfer-ended", transferee: toNodeId(2), ok: true }, logger);
  logEvent({ type: "trace-failed", error: new Error("full") }, logger);
  logEvent({ type: "lease-held" }, logger);
  assert.deepEqual(lines, [
    "warn a write to the log takes longer than an election time-out",
    "warn gave up leadership: the disk hangs",
    "info hands leadership over",
    "info gave up handing leadership over",
    "info handed leadership over",
    "error the trace can be written no more; the member goes on without",
    "debug lease-held",
  ]);
});
