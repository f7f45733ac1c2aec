/** `bin/quorate` in a checkout made for the purpose: what it finds, what it passes on, and what it says when it cannot. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../scripts/lib/root.ts";

const tellAll = `console.log(JSON.stringify({
  pid: process.pid, args: process.argv.slice(2), flags: process.execArgv, node: process.execPath,
  name: process.env.QUORATE_ARGV0, cwd: process.cwd(),
}));
if (process.argv[2] === "exit") process.exit(Number(process.argv[3]));
if (process.argv[2] === "stay") setInterval(() => undefined, 1000);
`;

interface Told {
  readonly pid: number;
  readonly args: readonly string[];
  readonly flags: readonly string[];
  readonly node: string;
  readonly name: string;
  readonly cwd: string;
}

let checkout = "";
let pinned = "";
// Only what the launcher itself needs, and no node.
let tools = "";

before(() => {
  checkout = realpathSync(mkdtempSync(join(tmpdir(), "quorate launcher ")));
  pinned = join(checkout, "node_modules/node/bin/node");
  tools = join(checkout, "tools");
  for (const folder of [
    dirname(pinned),
    tools,
    ...["bin", "packages/server/bin", "packages/server/src", "node_modules/@quorate/base"].map((name) =>
      join(checkout, name),
    ),
  ]) {
    mkdirSync(folder, { recursive: true });
  }
  for (const file of ["bin/quorate", "packages/server/bin/quorate.js"]) {
    copyFileSync(join(root, file), join(checkout, file));
  }
  symlinkSync(process.execPath, pinned);
  writeFileSync(join(checkout, "packages/server/src/main.ts"), tellAll);
  for (const tool of ["sh", "dirname", "basename", "readlink"]) {
    const found = spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
    symlinkSync(found, join(tools, tool));
  }
});

after(() => rmSync(checkout, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = "/"): Ended {
  return spawnSync(file, args, { cwd, env: { PATH: tools, ...env }, encoding: "utf8" });
}

function told(ended: Ended): Told {
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout) as Told;
}

/** Writes a `node` that says it is old, into a folder of its own, and returns its path. */
function oldNode(name: string): string {
  const path = join(checkout, name, "node");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "#!/bin/sh\nexit 1\n");
  chmodSync(path, 0o755);
  return path;
}

test("starts from any folder, with the pinned node, and passes arguments on unchanged", () => {
  const args = ["serve", "--name=a b", "", "*", "--", "$HOME"];
  const { args: received, flags, name, cwd } = told(start(join(checkout, "bin/quorate"), args));
  assert.deepEqual(received, args);
  assert.deepEqual(flags, ["--conditions=source", "--max-semi-space-size=16"]);
  assert.equal(name, "quorate");
  assert.equal(cwd, "/", "the working directory is the caller's");
});

test("follows symbolic links, relative and absolute, and says under which name it was started", () => {
  mkdirSync(join(checkout, "links"), { recursive: true });
  symlinkSync("../bin/quorate", join(checkout, "links/one"));
  symlinkSync(join(checkout, "links/one"), join(checkout, "links/etcd"));
  assert.equal(told(start(join(checkout, "links/etcd"), [])).name, "etcd");
  assert.equal(told(start("./links/one", [], {}, checkout)).name, "one");
  assert.equal(told(start("etcd", [], { PATH: `${join(checkout, "links")}:${tools}` })).name, "etcd");
});

test("replaces itself: the process id, the exit code and the signals are the server's", async () => {
  assert.equal(start(join(checkout, "bin/quorate"), ["exit", "7"]).status, 7);
  const child = spawn(join(checkout, "bin/quorate"), ["stay"], { env: { PATH: tools } });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on("exit", (_code, signal) => resolve(signal)),
  );
  const line = await new Promise<string>((resolve) =>
    child.stdout.once("data", (data: Buffer) => resolve(data.toString())),
  );
  assert.equal((JSON.parse(line) as Told).pid, child.pid);
  child.kill("SIGTERM");
  assert.equal(await ended, "SIGTERM");
});

test("flags for node can be replaced or left out", () => {
  const flagsOf = (flags: string): readonly string[] =>
    told(start(join(checkout, "bin/quorate"), [], { QUORATE_NODE_FLAGS: flags })).flags;
  assert.deepEqual(flagsOf("--max-semi-space-size=16 --stack-size=900"), [
    "--conditions=source",
    "--max-semi-space-size=16",
    "--stack-size=900",
  ]);
  assert.deepEqual(flagsOf(""), ["--conditions=source"]);
});

test("the command of a package gives a server the same flags, within the same process", () => {
  const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Told =>
    told(start(pinned, [join(checkout, "packages/server/bin/quorate.js"), ...args], env));
  assert.deepEqual(run(["serve", "a b", "*"]).args, ["serve", "a b", "*"]);
  assert.deepEqual(run(["serve"]).flags, ["--max-semi-space-size=16"]);
  assert.deepEqual(run(["cluster"]).flags, ["--max-semi-space-size=16"]);
  assert.deepEqual(run(["serve"], { QUORATE_NODE_FLAGS: "--stack-size=900 --no-lazy" }).flags, [
    "--stack-size=900",
    "--no-lazy",
  ]);
  assert.deepEqual(run(["serve"], { QUORATE_NODE_FLAGS: "" }).flags, []);
  assert.deepEqual(run(["serve"], { NODE_OPTIONS: "--max-semi-space-size=32" }).flags, []);
  assert.deepEqual(run(["get", "x"]).flags, [], "others are over too soon to need them");
  assert.equal(start(pinned, [join(checkout, "packages/server/bin/quorate.js"), "serve"]).stderr, "");
});

test("runs the bundled program as long as it was made of the sources as they stand", () => {
  const program = join(checkout, "packages/server/dist/program");
  const source = join(checkout, "packages/server/src/main.ts");
  mkdirSync(program, { recursive: true });
  const vouchFor = (path: string): void => {
    const { size, mtimeMs } = statSync(join(checkout, path));
    writeFileSync(join(program, "inputs.json"), JSON.stringify([[path, size, mtimeMs]]));
  };
  const isBundled = (env: NodeJS.ProcessEnv = {}): boolean => {
    const { status, stdout, stderr } = start(join(checkout, "bin/quorate"), [], env);
    assert.equal(status, 0, stderr);
    return stdout === "bundled\n";
  };
  try {
    writeFileSync(join(program, "main.js"), 'console.log("bundled");\n');
    assert.ok(!isBundled(), "nothing vouches for it");
    vouchFor("packages/server/src/main.ts");
    assert.ok(isBundled());
    assert.ok(!isBundled({ QUORATE_SOURCES: "1" }), "the environment asks for the sources");
    utimesSync(source, 1, 1);
    assert.ok(!isBundled(), "a source was changed since");
    vouchFor("packages/server/src/main.ts");
    assert.ok(isBundled());
    appendFileSync(source, "// longer\n");
    utimesSync(source, 1, 1);
    assert.ok(!isBundled(), "a source has another length");
    writeFileSync(join(program, "inputs.json"), JSON.stringify([["packages/gone.ts", 1, 1]]));
    assert.ok(!isBundled(), "a source is gone");
    writeFileSync(join(program, "inputs.json"), "{");
    assert.ok(!isBundled(), "a file that is no list vouches for nothing");
  } finally {
    rmSync(dirname(program), { recursive: true });
  }
});

test("keeps compiled code beside the dependencies, and starts as well where it cannot", () => {
  const cache = join(checkout, "node_modules/.cache");
  rmSync(cache, { recursive: true, force: true });
  assert.equal(start(join(checkout, "bin/quorate"), []).status, 0);
  assert.notEqual(readdirSync(join(cache, "quorate")).length, 0);
  rmSync(cache, { recursive: true });
  writeFileSync(cache, "a file where the folder would be");
  try {
    assert.deepEqual(told(start(join(checkout, "bin/quorate"), ["put"])).args, ["put"]);
  } finally {
    rmSync(cache);
  }
});

test("without the pinned node takes the one on PATH, if it is new enough", () => {
  rmSync(pinned);
  try {
    const newer = told(
      start(join(checkout, "bin/quorate"), [], { PATH: `${dirname(process.execPath)}:${tools}` }),
    );
    assert.equal(newer.node, process.execPath);
    for (const path of [tools, `${dirname(oldNode("old"))}:${tools}`]) {
      const { status, stdout, stderr } = start(join(checkout, "bin/quorate"), [], { PATH: path });
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^quorate: needs Node\.js 22\.18 or newer; none found\. Run 'npm ci' in .*\n$/);
    }
  } finally {
    symlinkSync(process.execPath, pinned);
  }
});

test("QUORATE_NODE chooses, and is refused by name when it is too old", () => {
  assert.equal(
    told(start(join(checkout, "bin/quorate"), [], { QUORATE_NODE: process.execPath })).node,
    process.execPath,
  );
  const old = oldNode("older");
  const { status, stderr } = start(join(checkout, "bin/quorate"), [], { QUORATE_NODE: old });
  assert.equal(status, 1);
  assert.equal(stderr, `quorate: QUORATE_NODE=${old} is not a Node.js 22.18 or newer\n`);
});

test("a checkout without its dependencies says what to do", () => {
  rmSync(join(checkout, "node_modules/@quorate"), { recursive: true });
  const { status, stderr } = start(join(checkout, "bin/quorate"), []);
  assert.equal(status, 1);
  assert.equal(stderr, `quorate: dependencies are missing: run 'npm ci' in ${checkout}\n`);
});
