/**
 * Regenerates packages/etcd/src/generated from packages/etcd/proto, with the tools that package-lock.json names. The result
 * is checked in: using the packages needs neither buf nor a network. `--check` only tells whether it is up to date.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const protoDir = join(root, "packages/etcd/proto");
const generatedDir = join(root, "packages/etcd/src/generated");
const bin = join(root, "node_modules/.bin");

function generate(outDir: string): void {
  const template = JSON.stringify({
    version: "v2",
    plugins: [
      // Enums of TypeScript are not erasable, so JavaScript with declarations is generated.
      {
        local: join(bin, "protoc-gen-es"),
        out: outDir,
        opt: ["target=js+dts", "import_extension=js"],
      },
    ],
  });
  const result = spawnSync(join(bin, "buf"), ["generate", "--template", template], {
    cwd: protoDir,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      PATH: `${join(root, "node_modules/node/bin")}:${bin}:${process.env["PATH"] ?? ""}`,
    },
  });
  if (result.status !== 0) {
    throw new Error(`buf generate failed: ${result.error?.message ?? `exit code ${result.status}`}`);
  }
}

function sameFiles(left: string, right: string): boolean {
  const names = readdirSync(left).sort();
  return (
    names.join() === readdirSync(right).sort().join() &&
    names.every((name) => readFileSync(join(left, name)).equals(readFileSync(join(right, name))))
  );
}

const outDir = mkdtempSync(join(tmpdir(), "quorate-generate-"));
try {
  generate(outDir);
  if (!process.argv.includes("--check")) {
    rmSync(generatedDir, { recursive: true, force: true });
    cpSync(outDir, generatedDir, { recursive: true });
  } else if (!sameFiles(outDir, generatedDir)) {
    console.error("packages/etcd/src/generated is out of date: run `npm run generate`");
    process.exitCode = 1;
  }
} finally {
  rmSync(outDir, { recursive: true, force: true });
}
