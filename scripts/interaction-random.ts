/**
 * `npm run interaction:random -- [--count N] [--seed S]`: random interaction scripts, answered by etcd-io/raft's own test
 * environment and then by our core. Without Go it is skipped, and says so; a skipped run counts nothing as passed.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { buildGo, goVersion } from "./lib/etcd-raft.ts";
import { root } from "./lib/root.ts";

const go = goVersion();
if (go === null) {
  console.log("interaction:random: SKIPPED: no Go on this machine; etcd-io/raft cannot be built");
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}
const reference = buildGo("interop/etcd-raft", "etcd-raft-answer");
const run = spawnSync(
  process.execPath,
  [
    "--conditions=source",
    join(root, "packages/raft/test/interaction/random/main.ts"),
    ...process.argv.slice(2),
  ],
  { env: { ...process.env, REFERENCE: reference }, stdio: ["ignore", "inherit", "inherit"] },
);
process.exit(run.status ?? 1);
