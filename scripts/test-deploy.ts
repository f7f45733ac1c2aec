/**
 * `npm run test:deploy`: the image and the compose files of deploy/, with podman. Where no container engine can be had everything is
 * skipped, loudly.
 */
import { join } from "node:path";
import { root } from "./lib/root.ts";
import { run } from "./lib/run.ts";

const outcome = await run(
  process.execPath,
  [
    "--test",
    "--conditions=source",
    `--test-reporter=${join(root, "scripts/lib/test-reporter.ts")}`,
    "--test-reporter-destination=stdout",
    "--test-timeout=220000",
    "deploy/test/compose.test.ts",
  ],
  { show: true },
);
process.exitCode = outcome.code;
