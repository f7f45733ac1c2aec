/** Builds the programs around etcd-io/raft from the Go module proxy: what our core is compared with. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./root.ts";

/** What `go version` says, or null on a machine without Go. */
export function goVersion(): string | null {
  const go = spawnSync("go", ["version"], { encoding: "utf8" });
  return go.error === undefined && go.status === 0 ? go.stdout.trim() : null;
}

/** Builds the Go module in `folder` (relative to the checkout) and returns the program's path. */
export function buildGo(folder: string, program: string): string {
  const binaries = join(root, ".cache", "interop");
  mkdirSync(binaries, { recursive: true });
  const path = join(binaries, program);
  const build = spawnSync("go", ["build", "-o", path, "."], {
    cwd: join(root, folder),
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" },
    encoding: "utf8",
  });
  if (build.error !== undefined || build.status !== 0) {
    throw new Error(`${folder} did not build: ${build.error?.message ?? build.stderr}`);
  }
  return path;
}
