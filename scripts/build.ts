/**
 * `npm run build`: makes `dist` of every package, as it gets published, and the program of the `quorate` command.
 *
 * With `--check` it also packs all packages, has publint judge the tarballs, installs them into an empty folder without
 * a network, imports every public entry there the way a stranger would (no `source` condition), type-checks against the
 * published declarations, and prints the sizes.
 */
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { root } from "./lib/root.ts";
import { type Outcome, run } from "./lib/run.ts";
import { bundleProgram } from "./program.ts";

/** What the build needs to know of a package.json. */
interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** A package that gets published. */
interface Published {
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** One tarball, as `npm pack --json` tells of it. */
interface Tarball {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

const consumer = join(root, ".cache/consumer");

/** Stops the build with a tool's output. */
function expectSuccess(what: string, outcome: Outcome): void {
  if (outcome.code !== 0) {
    console.error(outcome.output.trimEnd());
    throw new Error(`${what} failed with exit code ${outcome.code}`);
  }
}

function publishedPackages(): Published[] {
  return globSync("packages/*/package.json", { cwd: root })
    .sort()
    .map((path) => ({
      folder: dirname(join(root, path)),
      manifest: JSON.parse(readFileSync(join(root, path), "utf8")) as Manifest,
    }))
    .filter(({ manifest }) => manifest.private !== true);
}

async function build(packages: readonly Published[]): Promise<void> {
  packages.forEach(removeStaleOutput);
  expectSuccess("tsc -b", await run("tsc", ["-b"]));
  for (const { folder } of packages) {
    // What generators wrote as JavaScript with declarations beside it, the compiler does not carry over.
    for (const path of globSync("src/**/*.{js,d.ts}", { cwd: folder })) {
      const target = join(folder, path.replace(/^src/, "dist"));
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(folder, path), target);
    }
    copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  }
  await bundleProgram();
}

/** The compiler never deletes: what lost its source would be published for ever. */
function removeStaleOutput({ folder }: Published): void {
  const bundled = ["dist/program/**"];
  for (const path of globSync("dist/**/*.{js,d.ts,js.map,d.ts.map}", { cwd: folder, exclude: bundled })) {
    const source = path.replace(/^dist/, "src").replace(/\.(d\.ts|js)(\.map)?$/, "");
    if (![".ts", ".js", ".d.ts"].some((ending) => existsSync(join(folder, source + ending)))) {
      rmSync(join(folder, path));
    }
  }
}

async function pack(): Promise<Tarball[]> {
  const folder = join(root, ".cache/tarballs");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = [
    "pack",
    "--workspaces",
    "--json",
    "--silent",
    "--ignore-scripts",
    "--pack-destination",
    folder,
  ];
  const outcome = await run("npm", args);
  expectSuccess("npm pack", outcome);
  // npm 10 prints a list, npm 12 an object by name; warnings may stand before either.
  const json = JSON.parse(outcome.output.slice(outcome.output.search(/^[[{]/m))) as
    | Tarball[]
    | Record<string, Tarball>;
  return Object.values(json).map((tarball) => ({ ...tarball, filename: join(folder, tarball.filename) }));
}

/** Problems that publint sees in a tarball, and files that have no business in one. */
async function judgeTarball({ manifest }: Published, tarball: Tarball): Promise<string[]> {
  const bytes = readFileSync(tarball.filename);
  const { messages, pkg } = await publint({
    strict: true,
    pack: {
      tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    },
  });
  const problems = messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code);
  const paths = tarball.files.map((file) => file.path);
  for (const path of paths.filter((file) => /\.tsbuildinfo$|\.test\.ts$|(^|\/)test\//.test(file))) {
    problems.push(`${path} does not belong into the package`);
  }
  if (!paths.includes("LICENSE")) {
    problems.push("the LICENSE is missing");
  }
  if (manifest.bin !== undefined && !paths.includes("dist/program/THIRD-PARTY-LICENSES.txt")) {
    problems.push("the licences of what was bundled are missing");
  }
  return problems.map((problem) => `${manifest.name}: ${problem}`);
}

/** Unpacks the tarballs side by side, as npm would; what is not ours is linked from this checkout. */
async function install(packages: readonly Published[], tarballs: readonly Tarball[]): Promise<void> {
  rmSync(consumer, { recursive: true, force: true });
  const modules = join(consumer, "node_modules");
  for (const tarball of tarballs) {
    const folder = join(modules, tarball.name);
    mkdirSync(folder, { recursive: true });
    expectSuccess("tar", await run("tar", ["-xzf", tarball.filename, "-C", folder, "--strip-components=1"]));
  }
  const foreign = new Set([
    ...packages.flatMap(({ manifest }) => Object.keys(manifest.dependencies ?? {})),
    "@types/node",
  ]);
  for (const name of foreign) {
    const link = join(modules, name);
    if (!existsSync(link)) {
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(root, "node_modules", name), link);
    }
  }
  const files: Readonly<Record<string, string>> = {
    "package.json": JSON.stringify({ name: "consumer", private: true, type: "module" }),
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        target: "es2023",
        lib: ["es2023"],
        module: "nodenext",
        types: ["node"],
      },
      files: ["entries.ts"],
    }),
    "entries.ts": entriesOf(packages)
      .map((entry, index) => `import * as entry${index} from "${entry}";\nexport { entry${index} };`)
      .join("\n"),
    "import.js": `for (const entry of ${JSON.stringify(entriesOf(packages))}) await import(entry);\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(consumer, name), text);
  }
}

function entriesOf(packages: readonly Published[]): string[] {
  return packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports ?? {}).map((subpath) => manifest.name + subpath.slice(1)),
  );
}

async function check(packages: readonly Published[]): Promise<void> {
  const tarballs = await pack();
  const problems: string[] = [];
  for (const one of packages) {
    const tarball = tarballs.find(({ name }) => name === one.manifest.name);
    problems.push(
      ...(tarball === undefined ? [`${one.manifest.name}: not packed`] : await judgeTarball(one, tarball)),
    );
  }
  if (problems.length > 0) {
    throw new Error(problems.join("\n"));
  }
  await install(packages, tarballs);
  // A stranger's environment: no `source` condition.
  const env = { ...process.env, NODE_OPTIONS: "" };
  const options = { cwd: consumer, env };
  expectSuccess("importing the packed packages", await run(process.execPath, ["import.js"], options));
  for (const { manifest } of packages) {
    for (const [name, path] of Object.entries(manifest.bin ?? {})) {
      const started = await run(
        process.execPath,
        [join(consumer, "node_modules", manifest.name, path), "--version"],
        options,
      );
      expectSuccess(`${name} --version of the packed package`, started);
    }
  }
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  expectSuccess("the published types", await run(process.execPath, [tsc, "-p", "."], options));
  for (const tarball of tarballs) {
    const kib = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KiB`.padStart(9);
    console.log(
      `${tarball.name.padEnd(20)} ${kib(tarball.size)} packed ${kib(tarball.unpackedSize)} unpacked`,
    );
  }
}

async function main(args: readonly string[]): Promise<number> {
  const packages = publishedPackages();
  try {
    await build(packages);
    if (args.includes("--check")) {
      await check(packages);
    }
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
  console.log(`build: ${packages.length} packages${args.includes("--check") ? ", packed and imported" : ""}`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
