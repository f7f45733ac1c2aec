/** The dump tells what stands in a directory, sound or not, and changes nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeWalFact, readWal, type WalSummary } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { append, entry, makeSnapshot, now, openNow } from "./support.ts";

function dump(fs: MemoryFileSystem): { readonly lines: string[]; readonly summary: WalSummary } {
  const lines: string[] = [];
  const summary = now<WalSummary>((completed) =>
    readWal(fs, (fact) => lines.push(describeWalFact(fact)), completed),
  );
  return { lines, summary };
}

function store(): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs);
  append(storage, [entry(1, 1), entry(2, 1)], 2);
  append(storage, [entry(3, 2)], 3, 2);
  makeSnapshot(storage, 2, 1);
  now((completed) => storage.close(completed));
  return fs;
}

const segment = "wal/0000000000000001-0000000000000001.log";

test("facts of a sound store", () => {
  const { lines, summary } = dump(store());
  assert.deepEqual(summary, {
    damaged: [],
    torn: [],
    floor: { term: 2, index: 3 },
    keyIds: [],
    unopenedCount: 0,
  });
  assert.deepEqual(lines, [
    "meta: cluster 77 node 1 voters 1,2,3 learners ",
    "hard-state-a: write 3 term 2 vote 1",
    "hard-state-b: write 3 term 2 vote 1",
    "snap/0000000000000002-0000000000000001.snap: local index 2 term 1 100 bytes voters 1,2,3",
    `${segment}: segment 1 after 0/0 oldest 1 4096 bytes`,
    `${segment}:512: batch 1 to 792 records 3 mark 1:512 0/0`,
    `${segment}:624: entry 1/1 20 bytes`,
    `${segment}:688: entry 2/1 20 bytes`,
    `${segment}:752: commit 2/1`,
    `${segment}:792: batch 2 to 1008 records 2 mark 1:792 2/1`,
    `${segment}:904: entry 3/2 20 bytes`,
    `${segment}:968: commit 3/2`,
    `${segment}:1008: batch 3 to 1120 records 0 mark 1:1008 3/2`,
    `${segment}: ends at 1120 marked to 1008`,
  ]);
});

test("a damaged payload is named, and what lies behind it is still read; the floor stays readable", () => {
  const fs = store();
  fs.flipBit(segment, (624 + 45) * 8);
  const before = fs.content(segment);
  const { lines, summary } = dump(fs);
  assert.deepEqual(summary.floor, { term: 2, index: 3 });
  assert.deepEqual(summary.damaged, [
    {
      kind: "bad",
      judgement: "damaged",
      file: segment,
      start: 512,
      end: 792,
      offset: 624,
      why: "payload checksum mismatch",
    },
  ]);
  assert.ok(lines.includes(`${segment}:792: batch 2 to 1008 records 2 mark 1:792 2/1 behind a bad range`));
  assert.deepEqual(fs.content(segment), before);
});

test("bytes above the mark are torn, not damaged", () => {
  const fs = store();
  fs.damage(segment, (bytes) => bytes.fill(0xab, 1120, 1130));
  const { summary } = dump(fs);
  assert.deepEqual(summary.damaged, []);
  assert.equal(summary.torn.length, 1);
  assert.equal(summary.torn[0]?.start, 1120);
});

test("a running member, an empty directory and missing files", () => {
  const fs = new MemoryFileSystem();
  assert.equal(dump(fs).summary.floor, null);
  const storage = openNow(fs);
  append(storage, [entry(1, 1)], null);
  assert.deepEqual(dump(fs).summary.damaged, []);
  fs.remove("hard-state-b");
  fs.remove("meta");
  const { summary } = dump(fs);
  assert.deepEqual(
    summary.damaged.map((range) => range.file),
    ["meta", "hard-state-b"],
  );
});
