/**
 * The program behind the `quorate` command, as a few files instead of some five hundred: `packages/server/dist/program`, where
 * packages/server/bin/quorate.js finds it. What it was made of stands beside it, so that nobody runs yesterday's code (ADR 20).
 *
 * `npm ci` runs this as `prepare`. A machine that cannot bundle runs the sources; it starts slower, and is told so.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import type { InputOptions, OutputOptions, RolldownOutput } from "rolldown";
import { root } from "./lib/root.ts";

const server = join(root, "packages/server");
const folder = join(server, "dist/program");
const stampsName = "inputs.json";

/** What packages/server/bin/quorate.js compares: path below the checkout, bytes, time of the last change in milliseconds. */
type Stamp = readonly [path: string, bytes: number, changedMs: number];

const input: InputOptions = {
  // The worker is loaded by its name, beside whoever starts it.
  input: {
    main: join(server, "src/main.ts"),
    "password-worker": join(server, "src/auth/password-worker.ts"),
  },
  platform: "node",
  resolve: { conditionNames: ["source", "node", "import", "default"] },
  checks: { circularDependency: false },
};

const output: OutputOptions = {
  format: "esm",
  // All in one folder: what is found relative to a file of src/* lies as far from a file of dist/program.
  entryFileNames: "[name].js",
  chunkFileNames: "[name]-[hash].js",
  // Names of classes and functions stand in messages and in stacks.
  keepNames: true,
};

/** Bundles the program anew. A server that starts meanwhile finds the old one or the new one, each file whole. */
export async function bundleProgram(): Promise<void> {
  const { rolldown } = await import("rolldown");
  mkdirSync(folder, { recursive: true });
  const fresh = mkdtempSync(join(server, "dist/program-"));
  try {
    await using bundle = await rolldown(input);
    const written = await bundle.write({ ...output, dir: fresh });
    const names = readdirSync(fresh);
    for (const name of names) {
      renameSync(join(fresh, name), join(folder, name));
    }
    // Behind what it vouches for.
    writeFileSync(join(fresh, stampsName), JSON.stringify(stampsOf(written)));
    renameSync(join(fresh, stampsName), join(folder, stampsName));
    for (const name of readdirSync(folder)) {
      if (name !== stampsName && !names.includes(name)) {
        rmSync(join(folder, name));
      }
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Of every source in it, and of the lock file for everything that is not ours. */
function stampsOf({ output }: RolldownOutput): Stamp[] {
  const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
  const own = modules.filter((id) => id.startsWith(join(root, "packages")));
  return [...new Set([...own, join(root, "package-lock.json")])].map((path) => {
    const { size, mtimeMs } = statSync(path);
    return [relative(root, path), size, mtimeMs];
  });
}

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync(join(server, "package.json"), "utf8")) as { version: string };
  try {
    await bundleProgram();
    console.log(`quorate ${version}: bundled`);
  } catch (error) {
    console.warn(`quorate ${version}: not bundled, so it runs from its sources and starts slower. ${error}`);
  }
}
