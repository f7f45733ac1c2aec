/** The commands of pages, as a reader would type them; and the runner itself, which must see a command that fails. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runSession, sessionOf } from "../../../../scripts/doc-commands.ts";

const root = join(import.meta.dirname, "../../../..");

test("docs/recovery.md: every command runs", async () => {
  const script = sessionOf("docs/recovery.md", readFileSync(join(root, "docs/recovery.md"), "utf8"));
  assert.ok(script !== null && script.split("quorate recover").length >= 4);
  assert.equal(await runSession(script), null);
});

for (const page of ["tls", "gateway"]) {
  test(`docs/${page}.md: every command runs`, async () => {
    const script = sessionOf(`docs/${page}.md`, readFileSync(join(root, `docs/${page}.md`), "utf8")) ?? "";
    assert.match(script, /quorate serve/);
    assert.equal(await runSession(script), null);
  });
}

test("a command that fails is found, with its place", async () => {
  const script = sessionOf("a.md", "text\n```sh runnable\ntrue\n```\n\n```sh runnable\nfalse\n```\n");
  assert.match((await runSession(script ?? "")) ?? "", /failed in a\.md:7/);
  assert.equal(sessionOf("a.md", "```sh\nfalse\n```\n"), null, "only what is marked");
});
