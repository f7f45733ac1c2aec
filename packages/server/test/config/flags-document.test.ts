/** docs/flags.md is the flag table, nothing else. `QUORATE_UPDATE_DOCS=1` writes it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeFlags, flagsMarkdown } from "../../src/config/describe.ts";
import { flagTable, settings } from "../../src/config/flag-table.ts";

const path = join(import.meta.dirname, "../../../../docs/flags.md");

test("docs/flags.md is current", () => {
  if (process.env["QUORATE_UPDATE_DOCS"] === "1") {
    writeFileSync(path, flagsMarkdown());
  }
  assert.equal(readFileSync(path, "utf8"), flagsMarkdown(), "run the tests once with QUORATE_UPDATE_DOCS=1");
});

test("help names every flag once", () => {
  const help = describeFlags();
  for (const setting of settings) {
    assert.equal(help.split(`  --${flagTable[setting].name} <`).length, 2, flagTable[setting].name);
  }
});
