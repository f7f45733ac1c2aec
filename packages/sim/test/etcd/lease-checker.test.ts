/** The time of leases: what is too early, and what comes back from the dead, is noticed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toNodeId } from "@quorate/raft";
import { type Clocks, LeaseChecker } from "../../src/etcd/lease-checker.ts";

const one = toNodeId(1);
const two = toNodeId(2);
const clocks = (first: number, second: number): Clocks =>
  new Map([
    [one, first],
    [two, second],
  ]);

function granted(): LeaseChecker {
  const checker = new LeaseChecker();
  checker.granted(7n, 5);
  checker.held(7n, clocks(1_000, 500), 1_000);
  return checker;
}

const broken = (work: () => void): void => {
  assert.throws(work, (error: Error) => error.name === "Violation" && error.message.startsWith("lease"));
};

test("an expiry a whole time to live after the last renewal, by the clock of who decides, is right", () => {
  const checker = granted();
  checker.held(7n, clocks(3_000, 2_000), 3_000);
  checker.deciding(7n, { node: two, term: 4, clockMs: 7_000 });
  checker.removed(7n, 4, 9_000);
  assert.equal(checker.expiredCount, 1);
});

test("an expiry before the time is over is none of the leader's", () => {
  const checker = granted();
  checker.deciding(7n, { node: one, term: 4, clockMs: 5_999 });
  broken(() => checker.removed(7n, 4, 6_000));
});

test("a renewal that was answered after the decision, and asked for before the end, shows the mistake as well", () => {
  const checker = granted();
  checker.deciding(7n, { node: one, term: 4, clockMs: 6_500 });
  checker.removed(7n, 4, 6_600);
  broken(() => checker.held(7n, clocks(2_000, 1_000), 6_550));
});

test("a lease that was removed before somebody asked for it is renewed for nobody", () => {
  const checker = granted();
  checker.removed(7n, 0, 2_000);
  broken(() => checker.held(7n, clocks(3_000, 2_500), 2_001));
});

test("an expiry that nobody decided in that term", () => {
  const checker = granted();
  checker.deciding(7n, { node: one, term: 3, clockMs: 60_000 });
  broken(() => checker.removed(7n, 4, 60_000));
});

test("a lease that is never granted is held by nobody; one that exists is not gone", () => {
  broken(() => new LeaseChecker().held(9n, clocks(0, 0), 0));
  broken(() => granted().gone(7n, true));
});
