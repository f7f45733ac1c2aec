/** What went wrong in etcd with reads: the same schedules, and what must hold here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "@quorate/base";
import { Scene } from "./scene.ts";

// etcd #20418: a member that was paused went on afterwards, took a confirmation from before the pause for one of now, and answered a read with an old value.
// Here a read is confirmed by a round that began after it arrived, and a lease that a pause outlasted answers nothing.
for (const leaseReads of [false, true]) {
  test(`etcd #20418: a leader that was paused answers no read with what was overwritten meanwhile (${leaseReads ? "by lease" : "by rounds"})`, () => {
    let answeredAtOnce = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const scene = new Scene(3, { leaseReads }, seed);
      const old = scene.begin();
      scene.putMany(old, "a", 2);
      const first = scene.put(old, "k", "old");
      scene.until("the first value", () => first.answer?.kind === "applied");
      // Long enough for a lease to be held, where there is one.
      scene.run(300 + 7 * seed);
      const early = scene.read(old, "k");
      scene.run(seed % 4);
      answeredAtOnce += early.answer?.kind === "value" ? 1 : 0;
      scene.cluster.pause(old);
      scene.isolate(old);
      scene.until("another leader", () => ![old, null].includes(scene.cluster.leader()));
      const next = scene.cluster.leader() ?? old;
      const second = scene.put(next, "k", "new");
      scene.until("the second value", () => second.answer?.kind === "applied");
      // Asked while it sleeps and taken up when it wakes up, before it hears of anything else: its links are down.
      const late = scene.read(old, "k");
      scene.cluster.resume(old);
      scene.run(20);
      const later = scene.read(old, "k");
      scene.run(500);
      assert.notEqual(late.answer?.kind, "value", "cut off, it cannot know");
      assert.notEqual(later.answer?.kind, "value", "cut off, it cannot know");
      scene.cluster.network.unblockAll();
      scene.until(
        "the reads end",
        () => late.answer !== null && later.answer !== null && early.answer !== null,
      );
      scene.checkEqual();
    }
    assert.equal(answeredAtOnce, leaseReads ? 8 : 0, "reads that needed no round");
  });
}

// No bug of anybody's, but one that no chance brings about soon: RAFT §4.2.1, §6.4. Learners answer heartbeats, and are no part of any quorum.
test("a leader that reaches nobody but a learner answers no read", () => {
  const membership = {
    meanIntervalMs: 1000,
    voterCountMax: 3,
    newcomerCountMax: 1,
    strictQuorum: false,
    promotionMarginEntryCount: 3,
    explicitChance: 0,
  };
  const scene = new Scene(3, { membership, checkQuorum: false, preVote: false });
  const old = scene.begin();
  const learner = must(scene.cluster.newcomer(), "test: no newcomer");
  scene.cluster.changeMembers(old, { changes: [{ op: "add-learner", id: learner }] }, () => {});
  scene.until("a learner", () => scene.cluster.members.includes(learner));
  scene.leader();
  for (const other of scene.cluster.nodes.filter((id) => id !== old && id !== learner)) {
    for (const here of [old, learner]) {
      scene.cluster.network.block(here, other);
      scene.cluster.network.block(other, here);
    }
  }
  scene.until("another leader", () => scene.cluster.leader() !== old);
  const next = must(scene.cluster.leader(), "test: no leader");
  const put = scene.put(next, "k", "new");
  scene.until("a new value", () => put.answer?.kind === "applied");
  const read = scene.read(old, "k");
  scene.run(1_000);
  assert.notEqual(read.answer?.kind, "value");
  scene.cluster.network.unblockAll();
  scene.until("the read ends", () => read.answer !== null);
  scene.checkEqual();
});
