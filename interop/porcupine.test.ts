/** Our linearizability checker beside Porcupine, which the field trusts, on random histories, half of them spoilt. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { checkLinearizable, randomRegisterHistory, registerModel } from "@quorate/sim";

const seed = 1;
const count = 10_000;

test("10,000 random histories: our checker and Porcupine say the same", () => {
  const root = join(import.meta.dirname, "..");
  const program = join(root, ".cache/interop/porcupine");
  const build = spawnSync("go", ["build", "-o", program, "."], {
    cwd: join(root, "interop/porcupine"),
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" },
    encoding: "utf8",
  });
  assert.equal(build.status, 0, build.stderr);

  const histories = Array.from({ length: count }, (_, index) => randomRegisterHistory(seed, index));
  const run = spawnSync(program, {
    input: histories.map((one) => `${JSON.stringify(one)}\n`).join(""),
    encoding: "utf8",
    maxBuffer: 1 << 24,
  });
  assert.equal(run.status, 0, run.stderr);
  const verdicts = run.stdout.trimEnd().split("\n");
  assert.equal(verdicts.length, count);

  let violations = 0;
  for (const [index, operations] of histories.entries()) {
    const ours = checkLinearizable(registerModel, operations).kind;
    violations += ours === "violation" ? 1 : 0;
    const theirs = verdicts[index];
    assert.equal(
      ours,
      theirs === "ok" ? "linearizable" : theirs === "illegal" ? "violation" : "exhausted",
      `seed ${seed}, history ${index}`,
    );
  }
  // Half were spoilt; some of those still have an order that explains them.
  assert.ok(violations > count / 10, `only ${violations} histories are broken: the comparison shows nothing`);
});
