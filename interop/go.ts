/** Builds what is written in Go from the Go module proxy; without Go the tests that need it are skipped, and say so. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const binaries = join(root, ".cache", "interop");

/** Why Go programs cannot be built here; false when they can. For the `skip` of a test. */
export const withoutGo: string | false = hasGo() ? false : "SKIPPED: no Go on this machine";

function hasGo(): boolean {
  const go = spawnSync("go", ["version"], { encoding: "utf8" });
  return go.error === undefined && go.status === 0;
}

/** Runs the go command in a folder below interop/ and returns what it printed. @throws Error when it fails. */
export function go(folder: string, args: readonly string[]): string {
  const run = spawnSync("go", args, {
    cwd: join(import.meta.dirname, folder),
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" },
    encoding: "utf8",
  });
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(`go ${args.join(" ")} in interop/${folder}: ${run.error?.message ?? run.stderr}`);
  }
  return run.stdout;
}

/** Where a built program lies. */
export function programPath(name: string): string {
  mkdirSync(binaries, { recursive: true });
  return join(binaries, name);
}

/** Builds a package of the module in `folder` and returns the program's path. */
export function goBuild(folder: string, program: string, packageName = "."): string {
  const path = programPath(program);
  go(folder, ["build", "-o", path, packageName]);
  return path;
}
