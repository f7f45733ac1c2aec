/** The commands of docs/cli.md, as a reader would type them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runSession, sessionOf } from "../../../../scripts/doc-commands.ts";
import { ctlCommands } from "../../src/cli/ctl/definitions/index.ts";

const root = join(import.meta.dirname, "../../../..");
const page = readFileSync(join(root, "docs/cli.md"), "utf8");

test("docs/cli.md: every command runs", async () => {
  const script = sessionOf("docs/cli.md", page);
  assert.match(script ?? "", /snapshot restore/);
  assert.equal(await runSession(script ?? ""), null);
});

test("every example in help is a line that the definitions know", () => {
  for (const { examples = [], flags = [], words } of ctlCommands) {
    for (const example of examples) {
      const said = example.split(" ");
      assert.ok(
        words.every((word) => said.includes(word)),
        example,
      );
      for (const [, flag] of example.split(" -- ")[0]?.matchAll(/ --([a-z-]+)/g) ?? []) {
        const known =
          flags.some(({ name }) => name === flag) || ["endpoints", "write-out"].includes(flag ?? "");
        assert.ok(known, `${example}: --${flag}`);
      }
    }
  }
});
