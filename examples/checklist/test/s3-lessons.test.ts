/** The commands of docs/learn and docs/cluster.md run as they stand there: blocks marked `sh runnable`. */
import assert from "node:assert/strict";
import { globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { root } from "../../../scripts/lib/root.ts";
import { run } from "../../../scripts/lib/run.ts";
import { recordRun } from "../../support/record.ts";

const documents = globSync(["docs/learn/[1-9]-*.md", "docs/cluster.md"], { cwd: root }).sort();

before(() => {
  rmSync(join(root, ".cache/learn"), { recursive: true, force: true });
  mkdirSync(join(root, ".cache/learn"), { recursive: true });
});

test("there are nine lessons", () => {
  assert.equal(documents.length, 10);
});

for (const path of documents) {
  const commands = [...readFileSync(join(root, path), "utf8").matchAll(/^```sh runnable\n([\s\S]*?)^```$/gm)];
  test(`S3.5 the commands of ${path}`, async (t) => {
    assert.ok(commands.length > 0, "a command to run");
    for (const [, command = ""] of commands) {
      const { code, output } = await run("sh", ["-ec", command]);
      assert.equal(code, 0, output);
      assert.match(output, /shutdown complete|damaged/);
      recordRun({ item: path.includes("learn") ? "S3.5" : "S3.2", command, output, test: t });
    }
  });
}
