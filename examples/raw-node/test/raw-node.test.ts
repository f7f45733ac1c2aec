/** The story of three members, word for word: the core has no clock, no chance and no I/O, so it is the same each time. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { runExample } from "../../support/processes.ts";
import { recordRun } from "../../support/record.ts";

test("three members by hand: election, replication, a lost member, a transfer", async (t) => {
  const { code, output } = await runExample("raw-node/main.ts");
  assert.equal(code, 0, output);
  const path = new URL("story.txt", import.meta.url);
  if (!existsSync(path)) {
    writeFileSync(path, output);
  }
  assert.equal(output, readFileSync(path, "utf8"));
  assert.match(output, /^2 leader of 2 .* applied: x=1 x=2$/m, "the story ends well");
  recordRun({
    item: "S3.4",
    command: "npm run example:raw-node",
    output: output.split("\n").slice(0, 20).join("\n"),
    test: t,
  });
});
