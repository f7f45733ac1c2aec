/** What disks do to members, each as the shortest world in which it happens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Peace } from "./peace.ts";

/** Members that may be replaced. */
const scene = (): Peace =>
  new Peace(2, { preVote: true, checkQuorum: true, leaseReads: false, spareMemberCount: 2 });

/** Tries until it is done, and then no more. */
function once(peace: Peace, what: string, attempt: () => boolean): void {
  let isDone = false;
  peace.until(what, () => {
    isDone ||= attempt();
    return isDone;
  });
}

test("a member whose log lost acknowledged entries sets the rest aside, and gets them back from the leader", () => {
  const peace = scene();
  const { cluster, faults, follower } = peace;
  peace.put(20);
  peace.until("all have all", () => cluster.isCaughtUp());
  once(peace, "damage", () => cluster.damage(follower, "log-write-lost"));
  assert.equal(cluster.isImpaired(follower), true);
  cluster.crash(follower);
  cluster.restart(follower);
  peace.until("repaired", () => faults.get("log-repaired") === 1);
  assert.equal(faults.get("log-set-aside"), 1);
  peace.until("all have all", () => cluster.isCaughtUp() && !cluster.isImpaired(follower));
  cluster.checkEqualStates();
});

test("a wiped disk is refused under its old name by everybody, and its member is replaced by one with a new id", () => {
  const peace = scene();
  const { cluster, faults, follower } = peace;
  peace.put(5);
  peace.until("all have all", () => cluster.isCaughtUp());
  assert.equal(cluster.wipe(follower), true);
  peace.until("refused", () => faults.get("wiped-disk-refused") >= 4);
  peace.until("replaced", () => faults.get("member-replaced") === 1);
  assert.ok(!cluster.members.includes(follower));
  assert.equal(cluster.members.length, 3);
  peace.until("all have all", () => cluster.isCaughtUp());
  cluster.checkEqualStates();
});

test("a disk that was set back below what it acknowledged is refused by the leader that remembers", () => {
  const peace = scene();
  const { cluster, faults, follower } = peace;
  peace.put(5);
  peace.until("all have all", () => cluster.isCaughtUp());
  cluster.keepImage(follower);
  peace.put(5);
  peace.until("all have all", () => cluster.isCaughtUp());
  assert.equal(cluster.setBack(follower), true);
  peace.until("refused", () => faults.get("set-back-disk-refused") === 1);
  peace.until("replaced", () => faults.get("member-replaced") === 1);
  peace.until("all have all", () => cluster.isCaughtUp());
});

test("a member without a sound vote stays away, and is replaced", () => {
  const peace = scene();
  const { cluster, faults, follower } = peace;
  peace.put(3);
  peace.until("at rest", () => cluster.isCaughtUp());
  once(peace, "lost", () => cluster.loseSlots(follower));
  peace.until("stays away", () => faults.get("start-refused") === 1);
  peace.until("replaced", () => faults.get("member-replaced") === 1);
  peace.until("all have all", () => cluster.isCaughtUp());
});
