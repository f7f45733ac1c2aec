import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { type NodeId, toNodeId } from "@quorate/raft";
import { type AtlasTarget, DiskAtlas } from "../src/disk-atlas.ts";
import { FaultCount } from "../src/fault-count.ts";

function rig(voters: number, impaired: readonly number[], changes: Partial<AtlasTarget> = {}) {
  const done: string[] = [];
  const note = (what: string, node: NodeId): boolean => {
    done.push(`${what} ${node}`);
    return true;
  };
  const ids = Array.from({ length: voters }, (_, i) => toNodeId(i + 1));
  const target: AtlasTarget = {
    configuration: { voters: ids, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    isChanging: false,
    spareCount: 1,
    isImpaired: (node) => impaired.includes(node),
    damage: (node, kind) => note(kind.slice(0, 4), node),
    flipRead: (node) => void note("read", node),
    loseSlots: (node) => note("slots", node),
    wipe: (node) => note("wipe", node),
    setBack: (node) => note("back", node),
    ...changes,
  };
  const faults = new FaultCount();
  const atlas = new DiskAtlas(target, new Prng(1), faults);
  const all = (node: number): void => {
    const id = toNodeId(node);
    atlas.damage(id, "slot");
    atlas.flipRead(id);
    atlas.loseSlots(id);
    atlas.wipe(id);
    atlas.setBack(id);
  };
  return { all, atlas, done, faults };
}

test("a majority of sound disks always stays", () => {
  for (const [voters, spared] of [
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 1],
    [5, 2],
  ] as const) {
    for (let impaired = 0; impaired < voters; impaired++) {
      const ids = Array.from({ length: impaired }, (_, i) => i + 1);
      const { atlas } = rig(voters, ids);
      assert.equal(atlas.canSpare(toNodeId(voters)), impaired + 1 <= spared, `${impaired} of ${voters}`);
      // Who is impaired already costs nothing more.
      assert.equal(impaired > 0 && atlas.canSpare(toNodeId(1)), impaired > 0 && impaired <= spared);
    }
  }
});

test("what can be spared is damaged and counted, what cannot is left alone", () => {
  const spared = rig(3, []);
  spared.all(2);
  assert.deepEqual(spared.done, ["slot 2", "read 2", "slots 2", "wipe 2", "back 2"]);
  assert.equal(spared.faults.get("disk-wiped"), 1);
  const needed = rig(3, [1]);
  needed.all(2);
  assert.deepEqual(needed.done, []);
  assert.equal(needed.faults.total, 0);
});

test("nothing is damaged while the members change, and no disk is lost without a spare member", () => {
  const changing = rig(3, [], { isChanging: true });
  changing.all(1);
  assert.deepEqual(changing.done, []);
  const alone = rig(3, [], { spareCount: 0 });
  alone.all(1);
  assert.deepEqual(alone.done, ["slot 1", "read 1"]);
});
