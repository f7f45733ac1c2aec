/**
 * `npm run tidy`: fails on what breaks a promise of this code base, and prints what people should judge themselves.
 * The rules stand in scripts/tidy/, one file per subject; test/tidy.test.ts plants a violation of each.
 */
import { root } from "./lib/root.ts";
import { findAll } from "./tidy/rules.ts";
import { describeSizes } from "./tidy/sizes.ts";
import { parseWorkspace, readFiles } from "./tidy/workspace.ts";

function main(args: readonly string[]): number {
  const workspace = parseWorkspace(readFiles(root));
  const findings = findAll(workspace);
  if (!args.includes("--quiet")) {
    console.log(`${describeSizes(workspace)}\n`);
  }
  for (const { path, line, rule, message } of findings) {
    console.log(`${path}:${line} ${rule}: ${message}`);
  }
  console.log(`tidy: ${workspace.sources.length} sources, ${findings.length} findings`);
  return findings.length === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
