import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { type DamagedDisk, damages, type Scar, spoilBothSlots } from "../src/disk-damage.ts";
import { DiskWrites } from "../src/disk-writes.ts";
import type { FaultKind } from "../src/fault-count.ts";

const segment = "wal/0000000000000001-0000000000000001.log";
const slots = ["hard-state-a", "hard-state-b"] as const;

/** A log of five batches of 200 bytes, the last of which no mark covers; two slots written twice; a snapshot. */
function disk(seed: number): DamagedDisk & { readonly before: ReadonlyMap<string, Uint8Array> } {
  const files = new MemoryFileSystem();
  const writes = new DiskWrites();
  const log = new Uint8Array(4096);
  for (let batch = 0; batch < 5; batch++) {
    const bytes = new Uint8Array(200).fill(batch + 1);
    log.set(bytes, 128 + 200 * batch);
    writes.of(segment).write(128 + 200 * batch, bytes);
    writes.of(segment).sync();
  }
  files.put(segment, log);
  for (const slot of slots) {
    for (const content of [1, 2]) {
      writes.of(slot).write(0, new Uint8Array(512).fill(content));
      writes.of(slot).sync();
    }
    files.put(slot, new Uint8Array(512).fill(2));
  }
  files.put("snap/1.snap", new Uint8Array(700).fill(9));
  const before = new Map(files.files().map((path) => [path, files.content(path).slice()]));
  return { files, writes, random: new Prng(seed), before };
}

function changed({ before, files }: ReturnType<typeof disk>): { path: string; offset: number }[] {
  return files
    .files()
    .flatMap((path) =>
      [...files.content(path)].flatMap((byte, offset) =>
        byte === before.get(path)?.[offset] ? [] : [{ path, offset }],
      ),
    );
}

test("damage to a log stays below the last write, which proves it, and says where it is", () => {
  const kinds: readonly FaultKind[] = [
    "log-bit-flipped",
    "log-sector-zeroed",
    "log-write-lost",
    "log-write-misdirected",
  ];
  for (const kind of kinds) {
    let found = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const rig = disk(seed);
      const scars: readonly Scar[] = damages[kind]?.(rig) ?? [];
      const places = changed(rig);
      found += scars.length > 0 ? 1 : 0;
      assert.equal(places.length > 0, scars.length > 0, `${kind}, seed ${seed}`);
      for (const { offset, path } of places) {
        assert.equal(path, segment);
        assert.ok(offset < 128 + 800, `${kind}, seed ${seed}: byte ${offset} is not proven`);
        assert.ok(scars.some((scar) => offset >= scar.offset && offset < scar.offset + scar.bytes.length));
      }
    }
    assert.ok(found > 50, `${kind} found a place in ${found} of 100`);
  }
});

test("of two slots one is damaged, or gets back what it had before; both only on request", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const flipped = disk(seed);
    assert.equal(damages["slot-bit-flipped"]?.(flipped).length, 1);
    assert.equal(changed(flipped).length, 1);
    const lost = disk(seed);
    const scar = damages["slot-write-lost"]?.(lost)[0];
    assert.deepEqual([...(scar?.bytes ?? [])], [...new Uint8Array(512).fill(1)]);
    const both = disk(seed);
    assert.deepEqual(
      spoilBothSlots(both).map(({ path }) => path),
      slots,
    );
  }
});

test("nothing is damaged while a slot is being written, and no snapshot that is not there", () => {
  const rig = disk(1);
  rig.writes.of("hard-state-a").write(0, new Uint8Array(512).fill(3));
  assert.deepEqual(damages["slot-bit-flipped"]?.(rig), []);
  assert.deepEqual(spoilBothSlots(rig), []);
  rig.files.remove("snap/1.snap");
  assert.deepEqual(damages["snapshot-bit-flipped"]?.(rig), []);
  assert.deepEqual(changed(rig), []);
});

test("a cut leaves nothing proven until something is written behind it; a renamed file keeps its record", () => {
  const { writes } = disk(1);
  assert.equal(writes.find(segment)?.proven, 128 + 800);
  writes.of(segment).write(528, new Uint8Array(600));
  writes.of(segment).sync();
  assert.equal(writes.find(segment)?.proven, 0);
  writes.of(segment).write(528, new Uint8Array(100).fill(7));
  assert.equal(writes.find(segment)?.proven, 0, "not synced");
  writes.of(segment).sync();
  assert.equal(writes.find(segment)?.proven, 528);
  writes.renamed(segment, "wal/other.log");
  assert.equal(writes.find(segment), null);
  assert.equal(writes.find("wal/other.log")?.proven, 528);
});
