/** What went wrong in etcd when machines lost power, or disks were full: the same schedules, and what must hold here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene } from "./scene.ts";

// etcd #14370: a cluster of one answered before its log was synced, because its own vote commits at once; a loss of power took what had been acknowledged.
// Here the own copy counts once the own disk has called it durable, also where it is the only one.
test("etcd #14370: a member that is alone acknowledges nothing before its disk has it", () => {
  let acknowledged = 0;
  let open = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const disk = { writeMsMax: 2, syncMsMin: 5, syncMsMax: 40, slowMsMax: 100 };
    const scene = new Scene(1, { disk }, seed);
    const only = scene.begin();
    scene.putMany(only, "a", 3);
    const sent = Array.from({ length: 8 }, (_, i) => scene.put(only, "k", `v${i}`));
    scene.run(7 * seed);
    acknowledged += sent.filter(({ answer }) => answer?.kind === "applied").length;
    open += sent.filter(({ answer }) => answer === null).length;
    scene.powerCycle();
    scene.checkEqual();
  }
  assert.ok(acknowledged > 0 && open > 0, `${acknowledged} acknowledged, ${open} under way`);
});

// etcd #14143 (Jepsen, 3.5.3 on a disk that loses what was not synced): an acknowledged transaction was gone after all five members were killed at once.
// Here whatever was acknowledged is on the synced disks of a majority, at any moment at which the power may go.
test("etcd #14143: five members lose power at once, again and again, and nothing that was acknowledged is gone", () => {
  const scene = new Scene(5, { snapshotEntryCount: 20, trailingEntryCount: 3 }, 3);
  for (let round = 0; round < 8; round++) {
    const leader = round === 0 ? scene.begin() : scene.leader();
    for (let i = 0; i < 12; i++) {
      scene.put(leader, `k${i % 3}`, `round ${round} value ${i}`);
    }
    scene.run(3 + 11 * round);
    scene.powerCycle();
  }
  scene.checkEqual();
});

// etcd #14140 (Jepsen, same disk): a linearizable read was answered with the value before one that another read had already shown.
// Here a read that was answered shows what is durable, so no loss of power makes a later one older.
test("etcd #14140: what a read has shown is shown by every later one, also after a loss of power", () => {
  const scene = new Scene(3, {}, 5);
  scene.begin();
  let shown = 0;
  for (let round = 0; round < 8; round++) {
    const leader = scene.leader();
    scene.put(leader, "k", `value ${round}`);
    const before = scene.read(leader, "k");
    scene.run(2 + 3 * round);
    scene.powerCycle();
    // The history refuses an answer that is older than what had been seen.
    const after = scene.read(scene.leader(), "k");
    scene.until("a read", () => after.answer?.kind === "value");
    shown += before.answer?.kind === "value" ? 1 : 0;
  }
  assert.ok(shown > 0, "no read was answered before the power went out");
});

// etcd #14098 (Jepsen, same disk): a log that had lost unsynced writes did not open any more, and the member never came back.
// Here what a crash can leave behind is told from damage: the member comes back from a loss of power at each single disk call.
test("etcd #14098: a member comes back from a loss of power at any of its disk calls", () => {
  const scene = new Scene(1, { snapshotEntryCount: 15, batchBytesMax: 1024 }, 7);
  const only = scene.begin();
  for (let call = 1; call <= 60; call++) {
    scene.cluster.crashAtDiskOperation(
      only,
      call % 23 === 0 ? 1 : call % 23,
      call % 2 === 0 ? "before" : "after",
    );
    for (let i = 0; i < 6; i++) {
      scene.put(only, "k", `call ${call} value ${i} ${"x".repeat(3_000)}`);
    }
    scene.run(200);
    scene.until("it is back", () => scene.cluster.allRunning());
  }
  scene.powerCycle();
  scene.checkEqual();
});

// etcd #6368: a file of the log was renamed and its directory not synced; after a loss of power the name was gone, and with it the log.
// Here a segment is written to only after its name is durable.
test("etcd #6368: a segment that has been written to keeps its name", () => {
  const scene = new Scene(1, { segmentBytes: 8192, batchBytesMax: 1024 }, 9);
  const only = scene.begin();
  for (let round = 0; round < 25; round++) {
    // More than a segment holds, acknowledged from the next one just before the power goes.
    const last = Array.from({ length: 12 + (round % 7) }, (_, i) =>
      scene.put(only, "k", `round ${round} value ${i} ${"x".repeat(700)}`),
    );
    scene.until("all are acknowledged", () => last.every(({ answer }) => answer?.kind === "applied"));
    scene.powerCycle();
    scene.leader();
  }
  scene.checkEqual();
});

// etcd #5270: a member that was killed while its first log file was made found one of no bytes, and could not start.
// Here a store that was being made is made again, whatever of it is there.
test("etcd #5270: a member that loses power at any call of its very first start comes up at the next", () => {
  for (let call = 1; call <= 40; call++) {
    const scene = new Scene(1, {}, call);
    const only = scene.other();
    scene.cluster.crashAtDiskOperation(only, call, "before");
    scene.cluster.startAll();
    scene.run(100);
    const leader = scene.leader();
    scene.putMany(leader, "a", 1);
  }
});

// etcd #2819, #3591: a full disk left half a record in the log; when there was room again, the log did not open.
// Here a write that did not fit was never acknowledged, ends the process, and is cut when the member starts again.
test("etcd #2819, #3591: a member whose disk was full comes back once there is room, with everything that it acknowledged", () => {
  const scene = new Scene(1, { snapshotEntryCount: 25 }, 11);
  const only = scene.begin();
  for (let round = 0; round < 12; round++) {
    scene.cluster.setDiskRoom(only, 150 + 337 * round);
    for (let i = 0; i < 10; i++) {
      scene.put(only, "k", `round ${round} value ${i} ${"x".repeat(100 + round)}`);
    }
    scene.run(400);
    scene.cluster.setDiskRoom(only, null);
    scene.cluster.restart(only);
    scene.until("it is back", () => scene.cluster.leader() === only);
    scene.cluster.oracle.checkAcknowledgedDurable();
  }
  scene.checkEqual();
});

// etcd #10219: a member that was given a snapshot wrote the new commit index before the snapshot; killed in between, it had a commit index beyond its log, and panicked at each start.
// Here the snapshot has its name before the log speaks of it, and a commit index never lies beyond what is there.
test("etcd #10219: a member that dies at any disk call while it installs a snapshot comes back and catches up", () => {
  for (let call = 1; call <= 26; call += 1) {
    const scene = new Scene(3, { snapshotEntryCount: 10, trailingEntryCount: 0 }, call);
    const leader = scene.begin();
    const away = scene.other(leader);
    scene.isolate(away);
    scene.putMany(leader, "a", 25);
    scene.cluster.network.unblockAll();
    scene.cluster.crashAtDiskOperation(away, call, call % 2 === 0 ? "before" : "after");
    scene.run(1_000);
    scene.until("it is back", () => scene.cluster.allRunning());
    scene.checkEqual();
  }
});
