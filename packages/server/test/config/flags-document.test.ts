/** docs/flags.md, and the flags of docs/etcd-compat.md, are the flag table and nothing else. `QUORATE_UPDATE_DOCS=1` writes them. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeFlags } from "../../src/config/describe.ts";
import { flagCompatMarkdown, flagsMarkdown } from "../../src/config/describe-markdown.ts";
import { flagOf, settings } from "../../src/config/flag-table.ts";
import { otherFlags } from "../../src/config/other-flags.ts";

const documents = join(import.meta.dirname, "../../../../docs");
const updates = process.env["QUORATE_UPDATE_DOCS"] === "1";
const advice = "run the tests once with QUORATE_UPDATE_DOCS=1";

test("docs/flags.md is current", () => {
  const path = join(documents, "flags.md");
  if (updates) {
    writeFileSync(path, flagsMarkdown());
  }
  assert.equal(readFileSync(path, "utf8"), flagsMarkdown(), advice);
});

test("docs/etcd-compat.md has a row for each flag of etcd, as the table has it", () => {
  const path = join(documents, "etcd-compat.md");
  const text = readFileSync(path, "utf8");
  const [begin, end] = ["<!-- flags: made from the flag table -->\n", "\n<!-- flags: end -->"];
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  assert.ok(from >= begin.length && to >= from, "the page marks the place of its flags");
  if (updates) {
    writeFileSync(path, text.slice(0, from) + flagCompatMarkdown() + text.slice(to));
  }
  assert.equal(readFileSync(path, "utf8").slice(from).split(end)[0], flagCompatMarkdown(), advice);
});

test("help names every flag once", () => {
  const help = describeFlags();
  for (const setting of settings) {
    const { kind, name } = flagOf(setting);
    const row = `  --${name}${kind.isSwitch === true ? "[" : " <"}`;
    assert.equal(help.split(row).length, 2, name);
  }
  for (const name of otherFlags.keys()) {
    assert.match(help, new RegExp(`[ \\n]--${name.replaceAll(".", "[.]")}(\\s|$)`), name);
  }
});
