/** Clients in other languages, each a process of its own against three members; one whose tools are absent is skipped, loudly. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Cluster, eventually } from "./cluster.ts";
import { goBuild, programPath, withoutGo } from "./go.ts";

let cluster: Cluster;

before(async () => {
  cluster = await Cluster.create(3);
  cluster.startAll();
  for (const { clientUrl, name } of cluster.members) {
    await eventually(`${name} is ready`, 60_000, async () => {
      const page = await fetch(`${clientUrl}/readyz`).catch(() => null); // Not up yet.
      return page?.status === 200 ? true : undefined;
    });
  }
});

after(async () => {
  await cluster.destroy();
});

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program to its end. */
function run(program: string, args: readonly string[], options: { cwd?: string } = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

async function succeeds(program: string, args: readonly string[], expected: RegExp): Promise<void> {
  const { code, output } = await run(program, args);
  assert.equal(code, 0, output);
  assert.match(output, expected);
}

const has = (program: string, args: readonly string[]): boolean => {
  const found = spawnSync(program, args, { encoding: "utf8" });
  return found.error === undefined && found.status === 0;
};

const goParts = [
  "kv",
  "txn",
  "watch",
  "lease",
  "mutex",
  "election",
  "stm",
  "namespace",
  "mirror",
  "maintenance",
  "cluster",
  "auth",
];

test("Go: clientv3 and its recipes", { skip: withoutGo, timeout: 300_000 }, async (t) => {
  const program = goBuild("clientv3", "clientv3");
  for (const part of goParts) {
    await t.test(part, () => succeeds(program, [cluster.endpoints, part], new RegExp(`^ok ${part}$`, "m")));
  }
});

/** Installs from PyPI into a folder of the cache, once for each list of packages; why not, or the interpreter. */
async function pythonWith(requirements: string): Promise<{ skip: string } | { python: string }> {
  if (!has("python3", ["-m", "venv", "--help"])) {
    return { skip: "no Python with venv on this machine" };
  }
  const folder = programPath("python");
  const python = join(folder, "bin", "python");
  const installed = join(folder, "requirements.txt");
  if (existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(requirements, "utf8")) {
    return { python };
  }
  const made = await run("python3", ["-m", "venv", "--clear", folder]);
  assert.equal(made.code, 0, made.output);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", "grpcio"];
  const { code, output } = await run(python, [...pip, "--requirement", requirements]);
  if (code !== 0) {
    return { skip: `the packages cannot be installed: ${output.trim().split("\n").at(-1)}` };
  }
  cpSync(requirements, installed);
  return { python };
}

test("Python: etcd3", { timeout: 240_000 }, async (t) => {
  const folder = join(import.meta.dirname, "python");
  const ready = await pythonWith(join(folder, "requirements.txt"));
  if ("skip" in ready) {
    t.skip(`SKIPPED: ${ready.skip}`);
    return;
  }
  const [member] = cluster.members;
  const port = new URL(member?.clientUrl ?? "").port;
  await succeeds(ready.python, [join(folder, "smoke.py"), port], /ok python$/m);
});

test("Java: jetcd", { timeout: 240_000 }, async (t) => {
  if (!has("mvn", ["--version"]) || !has("javac", ["--version"])) {
    t.skip("SKIPPED: no Maven or no JDK on this machine");
    return;
  }
  const folder = join(import.meta.dirname, "jetcd");
  const classes = programPath("jetcd");
  mkdirSync(classes, { recursive: true });
  const classpath = join(classes, "classpath.txt");
  if (!existsSync(classpath)) {
    const args = ["--batch-mode", "--quiet", "dependency:build-classpath", `-Dmdep.outputFile=${classpath}`];
    const resolved = await run("mvn", args, { cwd: folder });
    if (resolved.code !== 0) {
      t.skip(`SKIPPED: jetcd cannot be fetched: ${resolved.output.trim().split("\n").at(-1)}`);
      return;
    }
  }
  const jars = readFileSync(classpath, "utf8").trim();
  const compiled = await run("javac", ["-d", classes, "-cp", jars, join(folder, "Smoke.java")]);
  assert.equal(compiled.code, 0, compiled.output);
  await succeeds("java", ["-cp", `${classes}:${jars}`, "Smoke", cluster.endpoints], /^ok java$/m);
});
