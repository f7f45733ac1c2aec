/** S3 of the checklist with real processes: `quorate cluster` as a user would run it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { root, toolEnvironment } from "../../../scripts/lib/root.ts";
import { recordRun } from "../../support/record.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-s3-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const children = new Set<ChildProcess>();

// One that outlives its test would keep this file, and with it the whole run, from ending.
afterEach(() => {
  for (const child of children) {
    child.kill("SIGKILL");
  }
});

/** A command that runs; everything it prints. It ends with its test. */
class Running {
  readonly child: ChildProcess;
  output = "";
  readonly ended: Promise<number>;

  constructor(command: string, args: readonly string[], stdin: "ignore" | "pipe" = "ignore") {
    this.child = spawn(command, args, { cwd: root, env: toolEnvironment(), stdio: [stdin, "pipe", "pipe"] });
    children.add(this.child);
    this.child.once("exit", () => children.delete(this.child));
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString("utf8");
    };
    this.child.stdout?.on("data", collect);
    this.child.stderr?.on("data", collect);
    this.ended = new Promise((resolve) => this.child.once("close", (code) => resolve(code ?? 128)));
  }

  async printed(pattern: RegExp, withinMs = 60_000): Promise<void> {
    const untilMs = performance.now() + withinMs;
    while (!pattern.test(this.output)) {
      if (performance.now() > untilMs || this.child.exitCode !== null) {
        this.child.kill("SIGKILL");
        throw new Error(`not printed: ${pattern}\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const quorate = join(root, "bin/quorate");

/** Times for a machine that does much else meanwhile: what is shown does not depend on them. */
const patient = ["--election-timeout-min", "600", "--election-timeout-max", "1200", "--heartbeat", "60"];

async function ports(count: number): Promise<string> {
  const [first = 0] = await freePorts(1, count);
  return String(first);
}

test("S3.1 five real servers on consecutive ports, one leader, Ctrl-C", async (t) => {
  const port = await ports(5);
  const cluster = new Running(quorate, ["cluster", "-n", "5", "--port", port]);
  await cluster.printed(/(follows Server[\s\S]*){4}/);
  for (let id = 1; id <= 5; id++) {
    assert.match(
      cluster.output,
      new RegExp(`Server ${id} started on port ${Number(port) + id - 1} as Follower`),
    );
  }
  cluster.child.kill("SIGINT");
  assert.equal(await cluster.ended, 0, cluster.output);
  assert.match(cluster.output, /Shutting down Raft cluster…\n.*shutdown complete\n$/);
  assert.ok(!cluster.output.includes("\u001b["), "no colour in a pipe");
  const leaders = cluster.output.match(/became Leader \(term (\d+)\)/g) ?? [];
  assert.equal(new Set(leaders).size, leaders.length, "one leader in each term");
  recordRun({
    item: "S3.1",
    command: `npx quorate cluster -n 5 --port ${port}   # then Ctrl-C`,
    output: cluster.output,
    test: t,
  });
  const none = spawnSync(quorate, ["cluster", "-n", "0"], { cwd: root, encoding: "utf8" });
  assert.equal(none.status, 1);
  recordRun({
    item: "S3.1",
    command: "npx quorate cluster -n 0; echo $?",
    output: `${none.stderr}1`,
    test: t,
  });
});

test("S3.1 heartbeats with --verbose", async () => {
  const cluster = new Running(quorate, ["cluster", "--port", await ports(3), "--verbose", "--for", "4s"]);
  assert.equal(await cluster.ended, 0, cluster.output);
  assert.match(cluster.output, /Server \d to Server \d: are you alive/);
  assert.match(cluster.output, /Server \d to Server \d: yes I am alive/);
});

test("S3.2 the leader is killed, another is elected", async (t) => {
  const args = ["cluster", "-n", "5", "--port", await ports(5), "--kill-leader-after", "1s", "--json"];
  const cluster = new Running(quorate, [...args, ...patient]);
  await cluster.printed(/"event":"killed".*\n[\s\S]*"event":"role".*"role":"leader"/);
  cluster.child.kill("SIGINT");
  assert.equal(await cluster.ended, 0, cluster.output);
  const events = cluster.output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; role?: string; server: number; term: number });
  const killed = events.findIndex(({ event }) => event === "killed");
  assert.equal(events[killed]?.role, "leader");
  const next = events.slice(killed).find(({ event, role }) => event === "role" && role === "leader");
  assert.ok(next !== undefined && next.server !== events[killed]?.server, cluster.output);
  recordRun({ item: "S3.2", command: `npx quorate ${args.join(" ")}`, output: cluster.output, test: t });
});

const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

test("S3.2 keys in a terminal", {
  skip: hasScript ? false : "no terminal to be had: script(1) of util-linux is missing",
}, async (t) => {
  const command = `${quorate} cluster -n 3 --port ${await ports(4)}`;
  // What says that nobody looks at the colours is not of this terminal.
  const seen = `env -u CI -u NO_COLOR TERM=xterm-256color ${command} ${patient.join(" ")}`;
  const cluster = new Running("script", ["-qfec", seen, "/dev/null"], "pipe");
  const type = (keys: string): void => void cluster.child.stdin?.write(keys);
  await cluster.printed(/(follows Server[\s\S]*){2}/);
  assert.match(cluster.output, /\[32mServer \d became Leader/, "in colour");
  type("kl");
  await cluster.printed(/is killed[\s\S]*became Leader/);
  type("h");
  await cluster.printed(/is killed[\s\S]*started on port/);
  type("w");
  await cluster.printed(/1 write committed/);
  type("k9");
  await cluster.printed(/cannot kill Server 9: there is no Server 9/);
  type("q");
  assert.equal(await cluster.ended, 0, cluster.output);
  assert.match(cluster.output, /shutdown complete/);
  recordRun({
    item: "S3.2",
    command: `npx ${command.slice(command.indexOf("quorate cluster"))}   # keys: k l, h, w, k 9, q`,
    output: cluster.output.replaceAll("\r", ""),
    test: t,
  });
});

test("S3.3 times as options, in milliseconds and in ticks", async (t) => {
  const inTicks = [
    "cluster",
    "--seed",
    "1",
    "--for",
    "5s",
    "--base-tick",
    "100",
    "--election-tick",
    "10",
    "--heartbeat-tick",
    "3",
  ];
  const slow = new Running(quorate, inTicks);
  assert.equal(await slow.ended, 0, slow.output);
  const electedAt = /00:00:(\d\d\.\d+) Server \d became Leader/.exec(slow.output)?.[1];
  assert.ok(Number(electedAt) > 1, "no time-out below ten ticks of 100 ms");
  recordRun({ item: "S3.3", command: `npx quorate ${inTicks.join(" ")}`, output: slow.output, test: t });
  const fast = new Running(quorate, ["cluster", "--seed", "1", "--for", "5s"]);
  assert.equal(await fast.ended, 0, fast.output);
  const fastAt = Number(/00:00:(\d\d\.\d+) Server \d became Leader/.exec(fast.output)?.[1]);
  assert.ok(fastAt > 0.15 && fastAt < 1, `150 to 300 ms: ${fastAt}`);
});

test("everything at once on real servers, and again on the same data", async () => {
  const path = join(folder, "all.story");
  writeFileSync(
    path,
    "wait leader\nwrite 20\npause follower\nafter 200ms heal\npartition leader\nwait leader\nafter 500ms heal\nwait leader\ntransfer\nwait leader\nadd\nwrite 20\nremove leader\nwait leader\nkill leader\nwait leader\nheal\nwait leader\n",
  );
  const dataDir = join(folder, "data");
  const args = [
    "cluster",
    "-n",
    "5",
    "--port",
    await ports(7),
    "--data-dir",
    dataDir,
    "--snapshot-entries",
    "10",
  ];
  const first = new Running(quorate, [...args, ...patient, "--script", path]);
  assert.equal(await first.ended, 0, first.output);
  assert.match(first.output, /was removed and stopped/);
  const more = join(folder, "more.story");
  writeFileSync(more, "wait leader\nwrite 1\n");
  const again = new Running(quorate, [...args, ...patient, "--script", more]);
  assert.equal(await again.ended, 0, again.output);
  const index = Number(/1 write committed by Server \d, up to log index (\d+)/.exec(again.output)?.[1]);
  assert.ok(index > 42, "the log of the first story goes on");
  const other = new Running(quorate, ["cluster", "-n", "3", ...args.slice(3)]);
  assert.equal(await other.ended, 1, other.output);
  assert.match(
    other.output,
    /belongs to a cluster that began with servers 1, 2, 3, 4, 5: start it with -n 5, not 3/,
  );
});

test("a port in use: one line, exit code 1", async () => {
  const server = createServer((socket) => socket.destroy());
  const port = Number(await ports(3));
  await new Promise<void>((resolve) => server.listen(port + 1, "127.0.0.1", resolve));
  const cluster = new Running(quorate, ["cluster", "--port", String(port)]);
  assert.equal(await cluster.ended, 1, cluster.output);
  assert.match(cluster.output, new RegExp(`quorate: port ${port + 1} is in use`));
  await new Promise((resolve) => server.close(resolve));
});
