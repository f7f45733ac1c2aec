/** Our core beside etcd-io/raft: the same random scripts, message by message. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");
const scriptCount = 400;
// A run that failed is repeated with its seed: SEED=… npm run interop interop/interaction.test.ts
const seed = process.env["SEED"] ?? "1";

test(`${scriptCount} random scripts from seed ${seed} do what etcd-io/raft does`, () => {
  const run = spawnSync(
    process.execPath,
    [join(root, "scripts/interaction-random.ts"), "--count", String(scriptCount), "--seed", seed],
    { encoding: "utf8" },
  );
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
  assert.match(run.stdout, new RegExp(`^${scriptCount} passed, 0 failed$`, "m"));
});
