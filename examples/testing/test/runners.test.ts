/** The same state machine under three test runners, each started as its users start it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { root, toolEnvironment } from "../../../scripts/lib/root.ts";
import { run } from "../../../scripts/lib/run.ts";
import { recordRun } from "../../support/record.ts";

const folder = join(root, "examples/testing");

for (const [name, args, passed] of [
  [
    "node:test",
    ["--conditions=source", "--test", "tests/votes.node.ts", "tests/etcd.node.ts"],
    /^ℹ pass 6$/m,
  ],
  ["Vitest", [join(root, "node_modules/vitest/vitest.mjs"), "run"], /Tests +2 passed/],
  ["Jest", ["--experimental-vm-modules", join(root, "node_modules/jest/bin/jest.js")], /^Tests: +2 passed/m],
] as const) {
  test(`a test cluster under ${name}`, async (t) => {
    // A runner that finds itself inside another one reports to that one instead of printing.
    const { NODE_TEST_CONTEXT: _context, ...env } = toolEnvironment();
    const { code, output } = await run(process.execPath, args, {
      cwd: folder,
      env: { ...env, NO_COLOR: "1", FORCE_COLOR: "0" },
    });
    assert.equal(code, 0, output);
    assert.match(output, passed);
    recordRun({
      item: "S2.6",
      command: `cd examples/testing; npm run test:${name.split(":")[0]?.toLowerCase()}`,
      output: passed.exec(output)?.[0] ?? "",
      test: t,
    });
  });
}
