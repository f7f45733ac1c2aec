/** h2spec, the conformance suite of HTTP/2, on the server that speaks it here. `node --conditions=source scripts/h2spec.ts` shows more. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { withoutGo } from "./go.ts";

const script = join(import.meta.dirname, "../scripts/h2spec.ts");

test("h2spec: all cases but the one that a port of HTTP/1.1 and HTTP/2 cannot pass", {
  skip: withoutGo,
}, () => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--conditions=source", script], {
    encoding: "utf8",
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^h2spec \(own\): 14\d tests, 14\d passed, 0 skipped, [01] failed$/m);
});
