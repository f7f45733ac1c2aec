/** A cluster of etcd moves over: a snapshot taken from real etcd, restored, serves what etcd served, asked by etcd's own client. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { eventually } from "./cluster.ts";
import { ctl, etcdctl } from "./etcdctl.ts";
import { goBuild, withoutGo } from "./go.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-move-"));
const launcher = join(import.meta.dirname, "..", "bin", "quorate");
after(() => rmSync(folder, { recursive: true, force: true }));

/** A member of one program or the other, until `work` is done. */
async function withServer(
  program: string,
  words: readonly string[],
  dataDir: string,
  work: (endpoint: string) => Promise<void>,
): Promise<void> {
  const [client = 0, peer = 0] = await freePorts(2);
  const endpoint = `http://127.0.0.1:${client}`;
  const urls = [
    `--listen-client-urls=${endpoint}`,
    `--advertise-client-urls=${endpoint}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
  ];
  const server = spawn(program, [...words, "--name=m", `--data-dir=${dataDir}`, ...urls, ...peerFlags], {
    stdio: "ignore",
  });
  const ended = once(server, "exit");
  try {
    await eventually("a member that serves", 60_000, async () => {
      const answer = await fetch(`${endpoint}/health`).catch(() => null); // Not yet.
      return answer?.status === 200 ? true : undefined;
    });
    await work(endpoint);
  } finally {
    server.kill();
    await ended;
  }
}

const peerFlags = [
  "--initial-advertise-peer-urls=http://127.0.0.1:1",
  "--initial-cluster=m=http://127.0.0.1:1",
];
const root = ["--user", "root:rpw"];

/** What both must answer alike. */
const questions: readonly (readonly string[])[] = [
  ["get", "", "--prefix"],
  ["get", "", "--prefix", "--rev=50"],
  ["get", "key1", "--prefix", "--keys-only"],
  ["get", "key3", "-w", "fields"],
  ["lease", "list"],
  ["user", "list"],
  ["user", "get", "ana", "--detail"],
  ["role", "get", "reader"],
];

/** Answers without what names a cluster, and with how each question ended. */
async function answersOf(endpoint: string): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const question of questions) {
    const { code, stderr, stdout } = await etcdctl(endpoint, [...root, ...question]);
    const common = stdout.replace(/"(ClusterID|MemberID|RaftTerm)".*\n/g, "");
    const short = common.length < 1000 ? common : createHash("sha256").update(common).digest("hex");
    answers.push(`${question.join(" ")}: ${code} ${stderr}${short}`);
  }
  return answers;
}

async function fill(endpoint: string): Promise<void> {
  for (let batch = 0; batch < 10; batch++) {
    const puts = Array.from(
      { length: 100 },
      (_, i) => `put key${(batch * 37 + i) % 300} ${"v".repeat(batch * i)}x`,
    );
    await ctl(endpoint, ["txn"], `\n${puts.join("\n")}\n\n\n`);
  }
  for (let i = 0; i < 45; i++) {
    await ctl(endpoint, [i % 3 === 0 ? "del" : "put", `key${i % 7}`, ...(i % 3 === 0 ? [] : [`late ${i}`])]);
  }
  const lease = (await ctl(endpoint, ["lease", "grant", "3600"])).split(" ")[1] ?? "";
  await ctl(endpoint, ["put", "leased", "y", `--lease=${lease}`]);
  await ctl(endpoint, ["compaction", "40"]);
  for (const words of [
    ["role", "add", "reader"],
    ["role", "grant-permission", "reader", "--prefix=true", "read", "key"],
    ["user", "add", "ana:pw"],
    ["user", "grant-role", "ana", "reader"],
    ["user", "add", "root:rpw"],
    ["user", "grant-role", "root", "root"],
    ["auth", "enable"],
  ]) {
    await ctl(endpoint, words);
  }
}

test("what a snapshot of real etcd holds is served as etcd served it", {
  skip: withoutGo,
  timeout: 300_000,
}, async () => {
  const etcd = goBuild("judge", "etcd", "go.etcd.io/etcd/server/v3");
  const file = join(folder, "etcd.db");
  let expected: readonly string[] = [];
  await withServer(etcd, [], join(folder, "etcd"), async (endpoint) => {
    await fill(endpoint);
    expected = await answersOf(endpoint);
    await ctl(endpoint, [...root, "snapshot", "save", file]);
  });
  const dataDir = join(folder, "quorate");
  const words = ["snapshot", "restore", file, "--name=m", `--data-dir=${dataDir}`, ...peerFlags];
  const restored = spawnSync(launcher, words, { encoding: "utf8" });
  assert.equal(restored.status, 0, restored.stderr);
  await withServer(launcher, ["serve"], dataDir, async (endpoint) => {
    assert.deepEqual(await answersOf(endpoint), expected);
    assert.match(
      (await etcdctl(endpoint, ["--user", "ana:pw", "get", "leased"])).stderr,
      /permission denied/,
    );
    await ctl(endpoint, ["--user", "ana:pw", "get", "key1"]);
    const put = JSON.parse(await ctl(endpoint, [...root, "put", "new", "v", "-w", "json"])) as {
      header: { revision: number };
    };
    const last = /"Revision" : (\d+)/.exec(expected.join("\n"))?.[1];
    assert.equal(put.header.revision, Number(last) + 1);
  });
});
