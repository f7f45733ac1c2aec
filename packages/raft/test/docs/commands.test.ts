/** The commands of the documents on the core that are typed in a checkout, as a reader would type them. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runSession, sessionOf } from "../../../../scripts/doc-commands.ts";

const root = join(import.meta.dirname, "../../../..");

/** The script of every document that has commands for a checkout. */
const sessions = globSync(["README.md", "docs/**/*.md"], { cwd: root })
  .sort()
  .flatMap((path) => {
    const script = sessionOf(path, readFileSync(join(root, path), "utf8"), "checkout");
    return script === null ? [] : [{ path, script }];
  });

test("the documents on the core have commands", () => {
  const paths = sessions.map(({ path }) => path);
  for (const path of ["docs/divergence.md", "docs/membership.md", "docs/raft.md"]) {
    assert.ok(paths.includes(path), path);
  }
});

for (const { path, script } of sessions) {
  test(`${path}: every command for a checkout runs`, async () => {
    assert.equal(await runSession(script, "checkout"), null);
  });
}

test("a command that fails is seen, also in the middle and in front of a pipe", async () => {
  for (const commands of ["false\ntrue", "false | cat"]) {
    const text = `# x\n\n\`\`\`sh runnable in checkout\n${commands}\n\`\`\`\n`;
    const script = sessionOf("a.md", text, "checkout");
    assert.match((await runSession(script ?? "", "checkout")) ?? "", /exit code 1\nfailed in a\.md:4/);
    assert.equal(sessionOf("a.md", text), null, "only what is marked");
  }
});
