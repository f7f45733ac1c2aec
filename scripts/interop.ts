/**
 * `npm run interop`: etcdctl, a part of etcd's own black-box tests and clients in other languages, let loose on real server processes.
 * etcdctl is built from the Go module proxy; without Go the run is skipped, and says so: a skipped run counts nothing as passed.
 * `npm run interop interop/kv.test.ts` runs one file.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const binaries = join(root, ".cache", "interop");

function skip(why: string): never {
  console.log(`interop: SKIPPED: ${why}`);
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}

const go = spawnSync("go", ["version"], { encoding: "utf8" });
if (go.error !== undefined || go.status !== 0) {
  skip("no Go on this machine; etcdctl cannot be built");
}

mkdirSync(binaries, { recursive: true });
const etcdctl = join(binaries, "etcdctl");
console.log(`interop: building etcdctl with ${go.stdout.trim()}`);
const build = spawnSync("go", ["build", "-o", etcdctl, "go.etcd.io/etcd/etcdctl/v3"], {
  cwd: join(root, "interop", "etcdctl"),
  env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" },
  stdio: ["ignore", "inherit", "inherit"],
});
if (build.status !== 0) {
  console.error("interop: etcdctl did not build");
  process.exit(1);
}

const tests = process.argv.slice(2);
const files = tests.length > 0 ? tests : globSync("interop/*.test.ts", { cwd: root }).toSorted();
// One file at a time: the clusters share two cores, and what is measured is fail-over.
const run = spawnSync(process.execPath, ["--conditions=source", "--test", "--test-concurrency=1", ...files], {
  cwd: root,
  env: { ...process.env, ETCDCTL: etcdctl },
  stdio: ["ignore", "inherit", "inherit"],
});
process.exit(run.status ?? 1);
