/** `.ci/run` adds up what its parts counted, whatever they are, and never calls a failure or a skip a success. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../scripts/lib/root.ts";

let folder = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-ci-"));
  for (const name of [".ci", "scripts", "tools"]) {
    mkdirSync(join(folder, name));
  }
  copyFileSync(join(root, ".ci/run"), join(folder, ".ci/run"));
  writeFileSync(join(folder, "scripts/interop.ts"), "");
});

after(() => rmSync(folder, { recursive: true, force: true }));

const verifyPassed = "verify: 6 passed, 0 failed";
const testsPassed =
  "✔ a.test.ts (3 passed, 5 ms)\nℹ tests 12\nℹ pass 12\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0";
const interopPassed = "# pass 4\n# fail 0\n# skipped 0";

/** Runs `.ci/run` against an npm that prints these texts and ends with these codes. */
function runCi(parts: Readonly<Record<string, readonly [string, number]>>): {
  code: number | null;
  last: string;
} {
  const all = {
    ci: ["", 0],
    verify: [verifyPassed, 0],
    test: [testsPassed, 0],
    interop: [interopPassed, 0],
    ...parts,
  };
  const cases = Object.entries(all).map(
    ([name, [text, code]]) => `${name}) cat <<'END'\n${text}\nEND\nexit ${code} ;;`,
  );
  const script = `#!/bin/sh\nfor word; do\ncase $word in\n${cases.join("\n")}\nesac\ndone\nexit 99\n`;
  writeFileSync(join(folder, "tools/npm"), script);
  chmodSync(join(folder, "tools/npm"), 0o755);
  const { status, stdout } = spawnSync("bash", [join(folder, ".ci/run")], {
    cwd: "/",
    env: { PATH: `${join(folder, "tools")}:${process.env["PATH"] ?? ""}` },
    encoding: "utf8",
  });
  return { code: status, last: stdout.trimEnd().split("\n").at(-1) ?? "" };
}

test("all is well", () => {
  assert.deepEqual(runCi({}), { code: 0, last: "22 passed, 0 failed, 0 skipped" });
});

test("what is skipped is counted as skipped, not as passed", () => {
  const interop = ["interop: SKIPPED: no Go\n0 passed, 0 failed, 1 skipped", 0] as const;
  assert.deepEqual(runCi({ interop }), { code: 0, last: "18 passed, 0 failed, 1 skipped" });
});

test("failures and cancelled tests fail the whole", () => {
  const failing = ["ℹ pass 10\nℹ fail 2\nℹ cancelled 1\nℹ skipped 0", 1] as const;
  assert.deepEqual(runCi({ test: failing }), { code: 1, last: "20 passed, 3 failed, 0 skipped" });
  assert.deepEqual(runCi({ verify: ["verify: 5 passed, 1 failed", 1] }), {
    code: 1,
    last: "21 passed, 1 failed, 0 skipped",
  });
});

test("a part that counts failures but ends with 0 fails the whole", () => {
  assert.deepEqual(runCi({ verify: ["verify: 5 passed, 1 failed", 0] }).code, 1);
});

test("a part that ends with an error without counting one fails the whole", () => {
  assert.deepEqual(runCi({ interop: [interopPassed, 3] }), {
    code: 1,
    last: "22 passed, 1 failed, 0 skipped",
  });
});

test("a part that counts nothing did not run", () => {
  assert.deepEqual(runCi({ test: ["nothing to see", 0] }), {
    code: 1,
    last: "10 passed, 1 failed, 0 skipped",
  });
});

test("without dependencies nothing runs", () => {
  assert.deepEqual(runCi({ ci: ["no network", 1] }), { code: 1, last: "0 passed, 1 failed, 0 skipped" });
});
