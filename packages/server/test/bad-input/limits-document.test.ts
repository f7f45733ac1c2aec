/** docs/limits.md: its bounds are those in force, and each of its rows names a test that exists. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { serverLimitsDefault } from "@quorate/grpc";

const root = join(import.meta.dirname, "../../../..");
const page = readFileSync(join(root, "docs/limits.md"), "utf8");

test("the bounds of docs/limits.md are the server's", () => {
  const told = [...page.matchAll(/^\| `(\w+)` \| ([\d,]+) \|/gm)].map(([, name, value]) => [
    name,
    Number(value?.replaceAll(",", "")),
  ]);
  assert.deepEqual(Object.fromEntries(told), serverLimitsDefault);
});

test("each row of docs/limits.md names a test that exists", () => {
  const rows = [...page.matchAll(/^\| .+ \| `([^`]+\.ts)` "([^"]+)" \|$/gm)];
  assert.ok(rows.length >= 30, `${rows.length} rows`);
  for (const [, file = "", title = ""] of rows) {
    assert.ok(existsSync(join(root, file)), file);
    assert.ok(readFileSync(join(root, file), "utf8").includes(title), `${file} has no test "${title}"`);
  }
});
