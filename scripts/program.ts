/**
 * The program behind the `quorate` command, as a few files instead of some five hundred: `packages/server/dist/program`, where
 * packages/server/bin/quorate.js finds it. What it was made of stands beside it, so that nobody runs yesterday's code (ADR 20).
 *
 * `npm ci` runs this as `prepare`. A machine that cannot bundle runs the sources; it starts slower, and is told so.
 */
import {
  globSync,
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

/** What is told of a package. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

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
    writeFileSync(join(fresh, "THIRD-PARTY-LICENSES.txt"), noticesOf(written));
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

/** The licences of what is not ours and went into the bundle, as those ask for where they are copied. */
function noticesOf({ output }: RolldownOutput): string {
  const packages = new Set(
    modulesOf(output).flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []),
  );
  return [...packages]
    .sort()
    .map((path) => {
      const manifest = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;
      const [file] = globSync("{LICENSE,LICENCE,license}*", { cwd: path });
      const text = file === undefined ? "" : readFileSync(join(path, file), "utf8");
      return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${text.trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

function modulesOf(output: RolldownOutput["output"]): string[] {
  return output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
}

/** Of every source in it, and of the lock file for everything that is not ours. */
function stampsOf({ output }: RolldownOutput): Stamp[] {
  const own = modulesOf(output).filter((id) => id.startsWith(join(root, "packages")));
  return [...new Set([...own, join(root, "package-lock.json")])].map((path) => {
    const { size, mtimeMs } = statSync(path);
    return [relative(root, path), size, mtimeMs];
  });
}

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync(join(server, "package.json"), "utf8")) as Manifest;
  try {
    await bundleProgram();
    console.log(`quorate ${version}: bundled`);
  } catch (error) {
    console.warn(`quorate ${version}: not bundled, so it runs from its sources and starts slower. ${error}`);
  }
}
