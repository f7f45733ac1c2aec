/**
 * The first stage of the image: gathers what an instance runs, and nothing else, under a folder.
 *
 *     node deploy/assemble.ts /out
 *
 * Sources run as they are. A package lies outside node_modules, where Node runs TypeScript, and is linked into it.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const top = fileURLToPath(new URL("..", import.meta.url));
const target = process.argv[2];
if (target === undefined) {
  throw new Error("assemble: needs a folder");
}
const app = join(target, "app");

/** Folders of the packages that `folder` needs, itself included. */
function closure(folder: string, found = new Set<string>()): Set<string> {
  if (!found.has(folder)) {
    found.add(folder);
    const manifest = JSON.parse(readFileSync(join(top, "packages", folder, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
    };
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      if (!name.startsWith("@quorate/")) {
        throw new Error(`assemble: ${folder} needs ${name}, which this image does not carry`);
      }
      closure(name.slice("@quorate/".length), found);
    }
  }
  return found;
}

mkdirSync(join(app, "node_modules/@quorate"), { recursive: true });
mkdirSync(join(target, "data"), { recursive: true });
for (const folder of closure("raft-node")) {
  for (const part of ["package.json", "src"]) {
    cpSync(join(top, "packages", folder, part), join(app, "packages", folder, part), { recursive: true });
  }
  symlinkSync(`../../packages/${folder}`, join(app, "node_modules/@quorate", folder));
}
for (const file of ["instance.ts", "config.ts", "health.ts"]) {
  cpSync(join(top, "deploy", file), join(app, file));
}
cpSync(join(top, "LICENSE"), join(app, "LICENSE"));
