/** Times, retentions and switches as etcd's command lines have them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compactionPolicy } from "../../src/config/compaction-policy.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { parseDuration } from "../../src/config/value-kind.ts";

test("times as Go writes them", () => {
  const times = [
    ["10m", 600_000],
    ["1h30m0s", 5_400_000],
    ["250ms", 250],
    ["1.5s", 1500],
    ["0s", 0],
    ["0", 0],
    ["5000000ns", 5],
    ["250us", 0],
  ] as const;
  for (const [text, ms] of times) {
    assert.equal(parseDuration(text), ms, text);
  }
  for (const text of ["", "10", "m", "10 m", "-1m", "1d", "1m2"]) {
    assert.equal(parseDuration(text), null, text);
  }
});

const configOf = (...argv: string[]) => resolveConfig({ argv, environment: {} }).config;
const policyOf = (retention: string, mode = "periodic") =>
  compactionPolicy(configOf(`--auto-compaction-retention=${retention}`, `--auto-compaction-mode=${mode}`));

test("retention: hours without a unit, revisions by the mode, 0 for none", () => {
  assert.deepEqual(policyOf("2"), { mode: "periodic", retentionMs: 7_200_000 });
  assert.deepEqual(policyOf("30m"), { mode: "periodic", retentionMs: 1_800_000 });
  assert.deepEqual(policyOf("1000", "revision"), { mode: "revision", retentionCount: 1000 });
  assert.deepEqual(
    [policyOf("0"), policyOf("0", "revision"), policyOf("0s")],
    Array(3).fill({ mode: "off" }),
  );
  assert.throws(() => policyOf("30m", "revision"), /"30m" is no number of revisions/);
  assert.throws(() => policyOf("soon"), /needs a number or a time such as 30m/);
});
