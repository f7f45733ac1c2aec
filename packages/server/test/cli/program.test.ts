/** The command line as a process: help, versions, mistakes, exit codes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { quorate } from "./run.ts";

const commands: readonly (readonly string[])[] = [
  [],
  ["start"],
  ["cluster"],
  ["serve"],
  ["status"],
  ["wal"],
  ["wal", "dump"],
  ["recover"],
  ["get"],
  ["snapshot"],
];

for (const words of commands) {
  test(`quorate ${[...words, "--help"].join(" ")}`, async () => {
    for (const flag of ["--help", "-h"]) {
      const { code, stdout, stderr } = await quorate([...words, flag]);
      assert.equal(code, 0, stderr);
      assert.equal(stderr, "");
      assert.match(stdout, new RegExp(`^Usage: quorate ${words.join(" ")}`));
    }
  });
}

test("variables stand for flags, also to say no", async () => {
  const dataDir = join(import.meta.dirname, "nowhere");
  const missing = await quorate(["recover", "--dry-run"], { QUORATE_RECOVER_DATA_DIR: dataDir });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /data directory \S*nowhere holds no member/);
  for (const [value, form] of [
    ["false", /^\d/],
    ["", /^\d/],
    ["true", /^\{/],
  ] as const) {
    const story = await quorate(["cluster", "--seed", "1", "--for", "1s"], { QUORATE_CLUSTER_JSON: value });
    assert.equal(story.code, 0, story.stderr);
    assert.match(story.stdout, form, `QUORATE_CLUSTER_JSON=${value}`);
  }
});

test("without a command it says how to use it", async () => {
  const { code, stdout, stderr } = await quorate([]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /Usage: quorate/);
  for (const name of ["start", "cluster", "serve", "status", "wal"]) {
    assert.match(stderr, new RegExp(`^  ${name} `, "m"));
  }
});

test("--version", async () => {
  const own = await quorate(["--version"]);
  assert.match(own.stdout, /^quorate \d+\.\d+\.\d+\n$/);
  assert.equal(own.code, 0);
  const asEtcd = await quorate(["--version"], { QUORATE_ARGV0: "/usr/bin/etcd" });
  assert.match(
    asEtcd.stdout,
    /^etcd Version: 3\.7\.\d+\nGit SHA: quorate .*\nGo Version: .*\nGo OS\/Arch: .*\/.*\n$/,
  );
  assert.equal(asEtcd.code, 0);
});

test("started as etcd, all words are flags of the server", async () => {
  const { code, stderr } = await quorate(["--nmae", "x"], { QUORATE_ARGV0: "etcd" });
  assert.deepEqual([code, stderr], [2, "quorate: --nmae: unknown flag, did you mean --name?\n"]);
});

const mistakes: readonly { readonly words: readonly string[]; readonly line: RegExp }[] = [
  { words: ["sevre"], line: /^quorate: unknown command 'sevre' \(Did you mean serve\?\)\n$/ },
  { words: ["gett", "k"], line: /^quorate: unknown command 'gett' \(Did you mean get\?\)\n$/ },
  { words: ["--frobnicate"], line: /^quorate: unknown option '--frobnicate'\n$/ },
  {
    words: ["status", "--endpoint=x"],
    line: /^quorate: unknown option '--endpoint=x' \(Did you mean --endpoints\?\)\n$/,
  },
  {
    words: ["status", "-w", "xml"],
    line: /^quorate: option '-w, --write-out <format>' .*Allowed choices are table, json\.\n$/,
  },
  { words: ["status", "--timeout", "soon"], line: /^quorate: --timeout "soon": needs milliseconds\n$/ },
  { words: ["wal", "dump"], line: /^quorate: missing required argument 'data-dir'\n$/ },
  { words: ["wal", "dmup"], line: /^quorate: unknown command 'dmup'/ },
  {
    words: ["start", "--client-ports", "1,2"],
    line: /^quorate: --client-ports "1,2": needs different ports/,
  },
  { words: ["serve", "--nmae=x"], line: /^quorate: --nmae: unknown flag, did you mean --name\?\n$/ },
  { words: ["serve", "now"], line: /^quorate: now: is not a flag\n$/ },
];

for (const { words, line } of mistakes) {
  test(`quorate ${words.join(" ")} is one line and exit code 2`, async () => {
    const { code, stdout, stderr } = await quorate(words);
    assert.match(stderr, line);
    assert.deepEqual([code, stdout], [2, ""]);
  });
}

test("started as etcdctl, it is that client, with its exit codes", async () => {
  const as = { QUORATE_ARGV0: "etcdctl" };
  const unknown = await quorate(["serve"], as);
  assert.deepEqual([unknown.code, unknown.stdout], [1, ""]);
  assert.match(unknown.stderr, /^Error: unknown command "serve" for "etcdctl"/);
  const missing = await quorate(["lease", "revoke"], as);
  assert.deepEqual([missing.code, missing.stderr], [128, "Error: lease revoke command needs 1 argument\n"]);
  const help = await quorate(["help", "lease", "grant"], as);
  assert.match(help.stdout, /^Usage: etcdctl lease grant <ttl>\n/);
});

test("all problems of a server's flags are shown, one line each", async () => {
  const { code, stderr } = await quorate(["serve", "--max-txn-ops=x", "--log-level", "loud", "--x-y=1"]);
  assert.equal(code, 2);
  assert.deepEqual(
    stderr
      .split("\n")
      .map((line) => line.split(": ")[1])
      .toSorted(),
    ["--log-level", "--max-txn-ops", "--x-y", undefined],
  );
});

test("start: a port in use is one line, and nothing is left running", async () => {
  const { createServer } = await import("node:net");
  const { once } = await import("node:events");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const { mkdtempSync, readdirSync, rmSync } = await import("node:fs");
  const folder = mkdtempSync("/tmp/quorate-start-");
  const { code, stdout, stderr } = await quorate([
    "start",
    `--data-dir=${folder}`,
    `--client-ports=${address.port}`,
  ]);
  server.close();
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    new RegExp(`^quorate: port ${address.port} is in use: stop the program .*--client-ports\\n$`),
  );
  assert.deepEqual(readdirSync(folder), []);
  rmSync(folder, { recursive: true });
});

test("start: a folder that cannot be written is one line", async () => {
  const { code, stderr } = await quorate(["start", "--data-dir=/dev/null/x"]);
  assert.equal(code, 1);
  assert.match(stderr, /^quorate: data folder \/dev\/null\/x cannot be written \(ENOTDIR\): .*--data-dir\n$/);
});

test("a reader that has seen enough is no failure", { skip: process.platform === "win32" }, () => {
  const program = join(import.meta.dirname, "../../bin/quorate.js");
  const line = `"${process.execPath}" "${program}" cluster --seed 7 --for 5s | head -n 1; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8", timeout: 60_000 });
  assert.equal(stderr, "");
  assert.match(stdout, /^\S+ Server 1 started on port \d+ as Follower\n0\n$/);
});
