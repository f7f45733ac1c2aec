/** docs/seeds.md is made of what tests recorded: an item without a recording is found, what chance decides is taken out. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../scripts/lib/root.ts";
import { seedSystems } from "../scripts/lib/seed-items.ts";
import {
  itemsWithoutRecording,
  mistakesOf,
  type Recording,
  readRecordings,
  renderSeeds,
  shortened,
  skeletonOf,
  withoutChance,
} from "../scripts/seeds.ts";

const recording: Recording = {
  item: "S3.1",
  command: "npx quorate cluster -n 3 --port 12345",
  output: "12:00:00.123 Server 1 started on port 12345 as Follower",
  test: "examples/checklist/test/a.test.ts: a story",
};

test("the checklist has every item of the four systems", () => {
  assert.deepEqual(
    seedSystems.map(({ items }) => items.length),
    [10, 6, 5, 3],
  );
  assert.equal(seedSystems[2]?.items[4]?.id, "S3.5");
});

test("an item that nothing was recorded for is named", () => {
  const missing = itemsWithoutRecording(seedSystems, [recording]);
  assert.equal(missing.length, 23);
  assert.ok(!missing.includes("S3.1"));
  assert.ok(missing.includes("S4.3"));
});

test("times, ports and folders of one run do not stand in the document", () => {
  assert.equal(withoutChance("12:00:00.123 Server 1 on port 52001"), "TIME Server 1 on port PORT");
  assert.equal(withoutChance("GET http://127.0.0.1:18231/status"), "GET http://127.0.0.1:PORT/status");
  assert.equal(withoutChance("/tmp/quorate-x1y2/wal and 12.5 ms"), "FOLDER/wal and N ms");
  assert.equal(withoutChance("\u001b[32mgreen\u001b[39m of term 2"), "green of term 2");
});

test("a long output keeps its head and its tail", () => {
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i + 1}`);
  const short = shortened(lines.join("\n")).split("\n");
  assert.equal(short.length, 14);
  assert.equal(short[0], "line 1");
  assert.equal(short.at(-1), "line 40");
  assert.equal(
    short.find((line) => line.startsWith("…")),
    "… 27 more lines",
  );
  assert.equal(shortened("x".repeat(200)).length, 130);
});

test("a recording stands under its item, with command, output and test", () => {
  const text = renderSeeds(seedSystems, [recording], () => null);
  const from = text.indexOf("### S3.1");
  const section = text.slice(from, text.indexOf("### S3.2"));
  assert.match(
    section,
    /\$ npx quorate cluster -n 3 --port PORT\nTIME Server 1 started on port PORT as Follower/,
  );
  assert.match(section, /Held by: \[a story\]\(\.\.\/examples\/checklist\/test\/a\.test\.ts\)/);
});

test("known mistakes are listed by the names of their tests", () => {
  const source =
    'test("S3 mistake: two nodes lead at once", () => {});\ntest(\n  "S3 mistake: no failover", () => {});\n';
  assert.deepEqual(mistakesOf(source), ["S3 mistake: two nodes lead at once", "S3 mistake: no failover"]);
  const text = renderSeeds(seedSystems, [], (path) => (path.endsWith("s3.test.ts") ? source : null));
  assert.match(text, /- two nodes lead at once \(\[test\]\(.*s3\.test\.ts\)\)\n- no failover/);
});

test("recordings come back in the order of the checklist", () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-seeds-"));
  for (const item of ["S1.10", "S1.9", "S4.1", "S3.2"]) {
    writeFileSync(join(folder, `${item}-0.json`), JSON.stringify({ ...recording, item }));
  }
  assert.deepEqual(
    readRecordings(folder).map(({ item }) => item),
    ["S1.9", "S1.10", "S3.2", "S4.1"],
  );
  rmSync(folder, { recursive: true });
});

test("every known mistake of the four systems has its test", () => {
  const counts = seedSystems.map(({ mistakes }) =>
    mistakes.flatMap((path) => mistakesOf(readFileSync(join(root, path), "utf8"))),
  );
  assert.deepEqual(
    counts.map((names) => names.length),
    [9, 6, 3, 5],
  );
});

test("who leads is chance: a document with other commands and output, held by the same tests, is current", () => {
  const document = (leader: string, test: string): string =>
    ["### S1.5 change", "", "```console", `$ curl -d ${leader}`, leader, "```", "", `Held by: ${test}`].join(
      "\n",
    );
  assert.equal(
    skeletonOf(document("node-1", "removes")),
    skeletonOf(document("node-2\nand more", "removes")),
  );
  assert.notEqual(skeletonOf(document("node-1", "removes")), skeletonOf(document("node-1", "adds")));
});
