/**
 * The commands of the documents on the core that are typed in a checkout. Blocks marked as ```sh runnable in checkout run here, each on
 * its own, from the top of the checkout.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../../../..");
const documents = ["docs/raft.md", "docs/divergence.md", "docs/membership.md"];

/** The blocks of `text`, each with its line. */
function blocksOf(text: string): { line: number; script: string }[] {
  return [...text.matchAll(/^```sh runnable in checkout\n([\s\S]*?)^```$/gm)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length + 1,
    script: match[1] ?? "",
  }));
}

/** What went wrong; null when every command of `script` succeeded. */
function run(script: string): string | null {
  // The commands start test runners of their own, which must not report to this one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const shell = spawnSync("bash", ["-euo", "pipefail", "-c", script], { cwd: root, env, encoding: "utf8" });
  return shell.status === 0 ? null : `exit code ${shell.status}\n${shell.stdout}${shell.stderr}`;
}

for (const path of documents) {
  const blocks = blocksOf(readFileSync(join(root, path), "utf8"));

  test(`${path} has commands`, () => {
    assert.ok(blocks.length > 0);
  });

  for (const { line, script } of blocks) {
    test(`${path}:${line}: the commands run`, () => {
      assert.equal(run(script), null);
    });
  }
}

test("a command that fails is seen, also in the middle", () => {
  const [block] = blocksOf("# x\n\n```sh runnable in checkout\nfalse\ntrue\n```\n");
  assert.equal(block?.line, 4);
  assert.match(run(block?.script ?? "") ?? "", /exit code 1/);
  assert.equal(blocksOf("```sh\nfalse\n```\n").length, 0, "only what is marked");
});
