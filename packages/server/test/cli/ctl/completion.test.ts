/** Completion, by the shells themselves where they are there: what Tab offers at a place of the line. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { quorate } from "../run.ts";

let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-completion-"));
  await Promise.all(
    ["bash", "zsh", "fish", "powershell"].map(async (shell) => {
      const { code, stderr, stdout } = await quorate(["completion", shell]);
      assert.equal(code, 0, stderr);
      writeFileSync(join(folder, shell), stdout);
    }),
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers for `line`, whose last word is being typed. */
function offered(line: string): string[] {
  const words = line.split(" ");
  const script = `
    source "${join(folder, "bash")}"
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
    COMP_CWORD=${words.length - 1}
    _quorate_complete
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stderr, stdout } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash: commands, commands under them, flags, and values", () => {
  assert.deepEqual(offered("quorate ge"), ["get"]);
  assert.deepEqual(offered("quorate member p"), ["promote"]);
  assert.deepEqual(offered("quorate lease keep-alive --o"), ["--once"]);
  assert.deepEqual(offered("quorate -w "), ["simple", "json", "table", "fields", "protobuf"]);
  assert.deepEqual(offered("quorate -w json snapshot re"), ["restore"]);
  assert.deepEqual(offered("quorate completion f"), ["fish"]);
  assert.ok(offered("quorate serve --initial-cl").includes("--initial-cluster-token"));
  assert.ok(offered("quorate ").includes("serve") && offered("quorate ").includes("watch"));
  assert.deepEqual(offered("quorate get --nothing-like-it"), []);
});

for (const [shell, words] of [
  ["zsh", ["-n"]],
  ["fish", ["--no-execute"]],
] as const) {
  const found = spawnSync(shell, ["--version"]).status === 0;
  test(`${shell} reads its script`, { skip: found ? false : `no ${shell} here` }, () => {
    const { status, stderr } = spawnSync(shell, [...words, join(folder, shell)], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });
}

test("another shell is refused by name, and etcdctl completes only its own commands", async () => {
  const refused = await quorate(["completion", "tcsh"]);
  assert.deepEqual([refused.code, refused.stdout], [128, ""]);
  const { stdout } = await quorate(["completion", "bash"], { QUORATE_ARGV0: "etcdctl" });
  assert.match(stdout, /complete -o default -F _etcdctl_complete etcdctl\n$/);
  assert.doesNotMatch(stdout, /"serve"\)/);
});
