/** TLC, the model checker of TLA+, on the modules of spec/. The environment says where its jar is: `TLC_JAR`. */
import { spawnSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** The top of the checkout. */
export const root: string = join(import.meta.dirname, "../../../..");

/** Runs TLC on `module` with `config` and, beside the modules of spec/, `files`; returns what it says. */
export function runTlc(
  module: string,
  config: string,
  files: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): string {
  const jar = process.env["TLC_JAR"];
  if (jar === undefined) throw new Error("tlc: TLC_JAR is not set; use `npm run tla`");
  const folder = join(root, ".cache", "tla");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const path of globSync("spec/*.{tla,cfg}", { cwd: root })) {
    copyFileSync(join(root, path), join(folder, basename(path)));
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
  }
  // The runs are short: a compiler that optimizes more costs more than it saves.
  const jvm = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx2g", "-Xss16m", "-cp", jar, "tlc2.TLC"];
  const run = spawnSync(
    "java",
    [...jvm, "-nowarning", "-workers", "1", ...options, "-config", config, module],
    { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  return run.error === undefined ? run.stdout + run.stderr : `tlc did not start: ${run.error.message}`;
}
