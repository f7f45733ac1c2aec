/** Completion, by the shells themselves where they are there: what Tab offers at a place of the line. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** Why a shell cannot be asked; false when it can. */
function without(shell: string): string | false {
  return spawnSync(shell, ["--version"]).status === 0 ? false : `SKIPPED: no ${shell} on this machine`;
}

/** What fish offers for `line`. */
function offeredByFish(line: string): string[] {
  const script = `source "${join(folder, "fish")}"; complete -C '${line}'`;
  const { status, stderr, stdout } = spawnSync("fish", ["--no-config", "-c", script], { encoding: "utf8" });
  assert.equal(`${status} ${stderr}`, "0 ");
  return stdout.split("\n").filter((word) => word !== "");
}

test("fish: commands, commands under them, flags, and values", { skip: without("fish") }, () => {
  assert.deepEqual(offeredByFish("quorate ge"), ["get"]);
  assert.deepEqual(offeredByFish("quorate member p"), ["promote"]);
  assert.deepEqual(offeredByFish("quorate lease keep-alive --o"), ["--once"]);
  assert.deepEqual(offeredByFish("quorate -w "), ["fields", "json", "protobuf", "simple", "table"]);
  assert.deepEqual(offeredByFish("quorate -w json snapshot re"), ["restore"]);
  assert.deepEqual(offeredByFish(`quorate --cacert ${folder}/zs`), [`${folder}/zsh`]);
  assert.ok(offeredByFish("quorate serve --initial-cl").includes("--initial-cluster-token"));
  assert.deepEqual(offeredByFish("quorate get --nothing-like-it"), []);
});

/** What zsh, at a terminal of its own, makes of each line and Tab. */
function completedByZsh(lines: readonly string[]): string[] {
  const setUp = [
    'PROMPT="" RPROMPT=""',
    "autoload -U compinit; compinit -u -D",
    `source "${join(folder, "zsh")}"`,
    'show() { print -r -- "LINE<$BUFFER>" }; zle -N show',
    'bindkey "^I" complete-word; bindkey "^X" show',
    'echo REA""DY',
  ];
  writeFileSync(join(folder, "set-up"), setUp.join("\n"));
  const script = `zmodload zsh/zpty
    zpty terminal zsh -f -i
    zpty -w terminal 'source "${join(folder, "set-up")}"'
    zpty -r terminal before '*READY*'
    ${lines.map((line) => `zpty -n -w terminal $'\\x15${line}\\t\\x18'; zpty -r terminal after '*LINE<*>*'; print -r -- "$after"`).join("\n")}
    zpty -d terminal`;
  const { stdout } = spawnSync("zsh", ["-f", "-c", script], { encoding: "utf8", timeout: 20_000 });
  return Array.from(stdout.matchAll(/LINE<(.*)>/g), ([, line = ""]) => line);
}

test("zsh: commands, commands under them, flags, and values", { skip: without("zsh") }, () => {
  const completed = {
    "quorate ge": "quorate get ",
    "quorate member p": "quorate member promote ",
    "quorate lease keep-alive --o": "quorate lease keep-alive --once ",
    "quorate -w tab": "quorate -w table ",
    "quorate -w json snapshot re": "quorate -w json snapshot restore ",
    [`quorate --cacert ${folder}/zs`]: `quorate --cacert ${folder}/zsh `,
    "quorate serve --initial-cluster-t": "quorate serve --initial-cluster-token ",
    "quorate get --nothing-like-it": "quorate get --nothing-like-it",
  };
  assert.deepEqual(completedByZsh(Object.keys(completed)), Object.values(completed));
});

test("PowerShell: commands, flags, and values", { skip: without("pwsh") }, () => {
  const offer = (line: string): string[] => {
    const script = `. "${join(folder, "powershell.ps1")}"; (TabExpansion2 '${line}' ${line.length}).CompletionMatches.CompletionText`;
    const { stdout } = spawnSync("pwsh", ["-NoProfile", "-Command", script], { encoding: "utf8" });
    return stdout.split(/\r?\n/).filter((word) => word !== "");
  };
  writeFileSync(join(folder, "powershell.ps1"), readFileSync(join(folder, "powershell")));
  assert.deepEqual(offer("quorate ge"), ["get"]);
  assert.deepEqual(offer("quorate member p"), ["promote"]);
  assert.deepEqual(offer("quorate lease keep-alive --o"), ["--once"]);
});

test("another shell is refused by name, and etcdctl completes only its own commands", async () => {
  const refused = await quorate(["completion", "tcsh"]);
  assert.deepEqual([refused.code, refused.stdout], [128, ""]);
  const { stdout } = await quorate(["completion", "bash"], { QUORATE_ARGV0: "etcdctl" });
  assert.match(stdout, /complete -o default -F _etcdctl_complete etcdctl\n$/);
  assert.doesNotMatch(stdout, /"serve"\)/);
});
