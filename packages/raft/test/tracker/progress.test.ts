import assert from "node:assert/strict";
import { test } from "node:test";
import { toNodeId } from "@quorate/raft";
import { Inflights } from "../../src/tracker/inflights.ts";
import {
  acknowledge,
  becomeProbe,
  becomeReplicate,
  becomeSnapshot,
  canRaiseCommit,
  createProgress,
  isPaused,
  type Progress,
  resetProgress,
  retreat,
  sentEntries,
} from "../../src/tracker/progress.ts";
import { at } from "../support/group.ts";

function member(match: number, next: number): Progress {
  const progress = createProgress(toNodeId(2), at(next), false, new Inflights(2, 1_000));
  progress.match = at(match);
  return progress;
}

test("a probe sends one append and waits", () => {
  const progress = member(3, 5);
  sentEntries(progress, 0, 0);
  assert.equal(isPaused(progress), false, "an empty append does not count");
  sentEntries(progress, 4, 40);
  assert.equal(isPaused(progress), true);
  assert.equal(progress.next, 5);
});

test("replication moves next forward at once and stops when the window is full", () => {
  const progress = member(3, 5);
  becomeReplicate(progress);
  assert.equal(progress.next, 4);
  sentEntries(progress, 2, 20);
  assert.equal(isPaused(progress), false);
  sentEntries(progress, 1, 10);
  assert.equal(progress.next, 7);
  assert.equal(isPaused(progress), true);
  assert.equal(acknowledge(progress, at(5)), true);
  progress.inflights.freeTo(at(5));
  assert.equal(isPaused(progress), false);
});

test("a stale refusal never rewinds a member below what it is known to have", () => {
  const progress = member(5, 10);
  becomeReplicate(progress);
  sentEntries(progress, 4, 40);
  assert.equal(retreat(progress, at(5), at(2)), false, "refused at match");
  assert.equal(retreat(progress, at(4), at(2)), false, "refused below match");
  assert.equal(progress.match, 5);
  assert.equal(progress.next, 10);
  assert.equal(retreat(progress, at(9), at(2)), true, "a refusal above match is news");
  assert.equal(progress.next, 6, "and leads back to after match, not to the hint");
});

test("a probe listens only to the refusal of the append that it sent", () => {
  const progress = member(0, 9);
  sentEntries(progress, 1, 1);
  assert.equal(retreat(progress, at(5), at(4)), false);
  assert.equal(progress.next, 9);
  assert.equal(retreat(progress, at(8), at(4)), true);
  assert.equal(progress.next, 5);
  assert.equal(isPaused(progress), false);
});

// [case-37]
test("a retreat stays above match, and goes back at least one", () => {
  const progress = member(6, 9);
  assert.equal(retreat(progress, at(8), at(2)), true);
  assert.equal(progress.next, 7);
  const other = member(0, 9);
  assert.equal(retreat(other, at(8), at(20)), true);
  assert.equal(other.next, 8);
});

test("after a snapshot, probing begins behind it; after a failed one, behind what is known", () => {
  const arrived = member(2, 3);
  becomeSnapshot(arrived, at(10));
  assert.equal(isPaused(arrived), true);
  becomeProbe(arrived);
  assert.equal(arrived.next, 11);
  const failed = member(2, 3);
  becomeSnapshot(failed, at(10));
  failed.pendingSnapshot = at(0);
  becomeProbe(failed);
  assert.equal(failed.next, 3);
});

test("an acknowledgement never moves match back", () => {
  const progress = member(5, 6);
  assert.equal(acknowledge(progress, at(5)), false);
  assert.equal(acknowledge(progress, at(3)), false);
  assert.equal(progress.match, 5);
});

test("an empty append is worth sending only for a commit index that the member can use and was not told", () => {
  const progress = member(5, 6);
  assert.equal(canRaiseCommit(progress, at(4)), true);
  progress.sentCommit = at(4);
  assert.equal(canRaiseCommit(progress, at(4)), false);
  progress.sentCommit = at(5);
  assert.equal(canRaiseCommit(progress, at(9)), false, "all that it has is known to be committed");
});

test("a reset gives back every byte under way", () => {
  const progress = member(0, 1);
  becomeReplicate(progress);
  sentEntries(progress, 1, 999);
  sentEntries(progress, 1, 999);
  assert.equal(progress.inflights.full, true);
  resetProgress(progress, at(0), at(4));
  assert.equal(progress.inflights.bytes, 0);
  assert.equal(progress.inflights.count, 0);
  assert.equal(isPaused(progress), false);
});
