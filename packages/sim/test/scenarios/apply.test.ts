/** What went wrong in etcd between the log and the state that is made of it: the same schedules, and what must hold here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCommand } from "@quorate/kv";
import type { NodeId } from "@quorate/raft";
import { deleteOf } from "../../src/workloads/requests.ts";
import { Scene } from "./scene.ts";

// etcd #13766: the index up to which entries were applied was saved apart from what they had changed; a member that was killed in between skipped entries, and its data and revisions
// differed from then on, unnoticed. Here the state is that of one image, whose index is part of it, and of the log behind it.
test("etcd #13766: a member that dies next to the application of any entry skips none and repeats none", () => {
  const scene = new Scene(3, { snapshotEntryCount: 7, trailingEntryCount: 3 }, 1);
  scene.begin();
  for (let count = 1; count <= 12; count++) {
    const leader = scene.leader();
    const dying = scene.other(leader);
    scene.cluster.crashAtEffect(dying, "apply", count, count % 2 === 0 ? "before" : "after");
    scene.putMany(leader, `a${count}-`, 14);
    scene.until("it is back", () => scene.cluster.allRunning());
    scene.checkEqual();
  }
});

// etcd #14685: a member that was killed while it defragmented its database had the changes of entries on disk and not their index; it applied them twice, and its revision ran ahead.
// Here nothing but a whole image, under its final name, takes the place of another: a death at any disk call of making one changes no revision.
test("etcd #14685: a member that dies at any disk call while it makes an image comes back with the same revisions", () => {
  const scene = new Scene(3, { snapshotEntryCount: 6, trailingEntryCount: 2 }, 2);
  scene.begin();
  for (let call = 1; call <= 24; call++) {
    const leader = scene.leader();
    const dying = scene.other(leader);
    scene.cluster.crashAtDiskOperation(dying, call, call % 2 === 0 ? "before" : "after");
    scene.putMany(leader, `a${call}-`, 7);
    scene.until("it is back", () => scene.cluster.allRunning());
    scene.checkEqual();
  }
});

// etcd #17780: a member whose last changes were deletions was killed while it compacted; it inferred its revision from what was left, and went back.
// Here the revision is part of the image, whatever compaction took away.
test("etcd #17780: the revision does not go back when a member dies while history is compacted", () => {
  const scene = new Scene(1, { snapshotEntryCount: 5, trailingEntryCount: 0 }, 3);
  const only = scene.begin();
  let highest = 0;
  for (let call = 1; call <= 20; call++) {
    scene.putMany(only, `a${call}-`, 4);
    // The last change is a deletion of everything, and history is compacted up to it: nothing that is left names the revision.
    scene.propose(only, deleteOf("a", "b"));
    const before = scene.cluster.revisionOf(only);
    assert.ok(before > highest, `revision ${before} after ${highest}`);
    highest = before;
    scene.propose(only, { type: "compaction", revision: before, physical: false });
    scene.cluster.crashAtDiskOperation(only, call, "before");
    // Entries that change nothing (a second compaction to the same place is refused), until an image is due.
    for (let i = 0; i < 6; i++) {
      scene.cluster.propose(
        only,
        encodeCommand({ type: "compaction", revision: before, physical: false }),
        () => {},
      );
    }
    scene.run(200);
    scene.cluster.crash(only);
    scene.cluster.restart(only);
    scene.leader();
    assert.equal(scene.cluster.revisionOf(only), highest, "the revision is what it was");
  }
});

// etcd #18055: a member that was sent two snapshots in a row removed the first one's file while it was still to be put in place, and panicked.
// Here what was received stays until its turn has come, and what is in force until a newer one is.
test("etcd #18055: of two images that wait behind a call of the log that hangs, each is there when its turn comes", () => {
  let waited = 0;
  for (let seed = 1; seed <= 6; seed++) {
    let away: NodeId | null = null;
    let received = 0;
    const disk = { writeMsMax: 0, syncMsMin: 1, syncMsMax: 2, slowMsMax: 20_000 };
    const plan = { snapshotEntryCount: 4, trailingEntryCount: 0, snapshotChunkBytes: 65_536, disk };
    const scene = new Scene(3, plan, seed, (_, line) => {
      received += line.startsWith(`send ${away}>`) && line.includes("snapshot-answer") ? 1 : 0;
    });
    const leader = scene.begin();
    away = scene.other(leader);
    const before = scene.cluster.revisionOf(away);
    scene.cluster.setDiskSlow(away, true);
    scene.put(leader, "k", `seed ${seed}`);
    scene.run(20);
    // The call under way stays slow; those that store what comes now are not.
    scene.cluster.setDiskSlow(away, false);
    for (let image = 1; image <= 2; image++) {
      scene.isolate(away);
      scene.putMany(leader, `image ${image} of `, 12);
      scene.cluster.network.unblockAll();
      scene.run(700);
    }
    waited += received >= 2 && scene.cluster.revisionOf(away) === before ? 1 : 0;
    scene.checkEqual();
  }
  assert.ok(waited >= 3, `two images waited in ${waited} of 6 worlds`);
});
