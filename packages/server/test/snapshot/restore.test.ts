/** A snapshot file becomes a new cluster: all keys, new ids, no old members; damage and used folders are refused; a broken-off one leaves nothing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { CommandError } from "../../src/cli/exit-code.ts";
import { parseInitialCluster } from "../../src/config/initial-cluster.ts";
import { openSnapshot } from "../../src/snapshot/open-snapshot.ts";
import { restoreMember } from "../../src/snapshot/restore-member.ts";
import { createProcessCluster, type ProcessCluster } from "../../src/testing/index.ts";
import { mainFile, quorate } from "../cli/run.ts";

let folder: string;
let file: string;
let lease: string;

/** Members of the new cluster for `count` servers that will run on `ports`. */
function clusterOf(ports: readonly number[]): string {
  return ports.map((port, place) => `m${place + 1}=http://127.0.0.1:${port}`).join(",");
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-restore-"));
  file = join(folder, "saved.db");
  const cluster = await createProcessCluster({ memberCount: 1 });
  try {
    cluster.startAll();
    const leader = await cluster.leader(60_000);
    const ctl = async (...words: string[]): Promise<string> => {
      const { code, stderr, stdout } = await quorate(["--endpoints", leader.clientUrl, ...words]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    for (const [key, value] of [
      ["k1", "v1"],
      ["k2", "v2"],
      ["k2", "v3"],
      ["gone", "x"],
    ] as const) {
      await ctl("put", key, value);
    }
    await ctl("del", "gone");
    lease = (await ctl("lease", "grant", "3600")).split(" ")[1] ?? "";
    await ctl("put", "leased", "y", "--lease", lease);
    await ctl("snapshot", "save", file);
  } finally {
    await cluster.destroy();
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function restoreInto(cluster: ProcessCluster, more: readonly string[]): Promise<string[]> {
  const initial = cluster.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  const lines: string[] = [];
  for (const { dataDir, name, peerUrl } of cluster.members) {
    const words = ["snapshot", "restore", file, "--name", name, "--data-dir", dataDir];
    const where = ["--initial-cluster", initial, "--initial-advertise-peer-urls", peerUrl];
    const { code, stderr, stdout } = await quorate([...words, ...where, ...more]);
    assert.equal(code, 0, stderr);
    lines.push(stdout);
  }
  return lines;
}

test("three restored members form a cluster with all keys, at a raised revision", async () => {
  const cluster = await createProcessCluster();
  try {
    const lines = await restoreInto(cluster, ["--bump-revision", "1000", "--mark-compacted"]);
    assert.equal(new Set(lines.map((line) => /of cluster (\w+)/.exec(line)?.[1])).size, 1, "one cluster");
    assert.equal(new Set(lines.map((line) => /member (\w+)/.exec(line)?.[1])).size, 3, "three members");
    cluster.startAll();
    const leader = await cluster.leader(60_000);
    const endpoints = cluster.members.map(({ clientUrl }) => clientUrl).join(",");
    const ctl = (...words: string[]): ReturnType<typeof quorate> =>
      quorate(["--endpoints", endpoints, ...words]);
    assert.equal((await ctl("get", "", "--prefix")).stdout, "k1\nv1\nk2\nv3\nleased\ny\n");
    assert.equal((await ctl("member", "list")).stdout.trim().split("\n").length, 3);
    assert.match((await ctl("lease", "list")).stdout, new RegExp(`^found 1 leases\n${lease}\n$`));
    const put = JSON.parse((await ctl("put", "new", "z", "-w", "json")).stdout) as {
      header: { revision: number };
    };
    assert.equal(put.header.revision, 1000 + 7 + 1, "every revision that was given out is below");
    const old = await ctl("get", "k2", "--rev", "3");
    assert.match(old.stderr, /required revision has been compacted/);
    const { stdout } = await ctl("endpoint", "hashkv", "-w", "json");
    assert.equal(new Set(Array.from(stdout.matchAll(/"hash":(\d+)/g), ([, hash]) => hash)).size, 1);
    assert.doesNotMatch(leader.log(), /the data directory goes before it/);
  } finally {
    await cluster.destroy();
  }
});

test("a folder that holds something is never touched", async () => {
  const dataDir = join(folder, "used");
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, "precious"), "x");
  const { code, stderr } = await quorate(["snapshot", "restore", file, "--data-dir", dataDir]);
  assert.equal(code, 1);
  assert.match(stderr, /is not empty: name a new folder/);
  assert.deepEqual(readdirSync(dataDir), ["precious"]);
});

test("flags that contradict each other are refused before anything is read", async () => {
  const refused = async (...words: string[]): Promise<string> => {
    const { code, stderr } = await quorate(["snapshot", "restore", join(folder, "none"), ...words]);
    assert.equal(code, 128, stderr);
    return stderr;
  };
  assert.match(await refused("--bump-revision", "5"), /--mark-compacted required/);
  assert.match(
    await refused("--initial-advertise-peer-urls", "http://127.0.0.1:7"),
    /--initial-advertise-peer-urls is/,
  );
});

test("damage is told with its place; skipping the checksum still looks inside", async () => {
  const dataDir = join(folder, "damaged");
  const bytes = readFileSync(file);
  const damaged = join(folder, "damaged.db");
  bytes[200] = (bytes[200] ?? 0) ^ 1;
  writeFileSync(damaged, bytes);
  const place = /at byte \d+ or within \d+ bytes behind it: image: block checksum/;
  assert.throws(() => openSnapshot(damaged), place);
  assert.throws(() => openSnapshot(damaged, { skipHashCheck: true }), place);
  const { code, stderr } = await quorate(["snapshot", "restore", damaged, "--data-dir", dataDir]);
  assert.equal(code, 1);
  assert.match(stderr, place);
  assert.equal(existsSync(dataDir), false);
  // Only the checksum of the whole is bad: what is inside is whole, and may be taken.
  const whole = readFileSync(file);
  whole.fill(0, whole.length - 32);
  writeFileSync(damaged, whole);
  assert.throws(
    () => openSnapshot(damaged),
    /its SHA-256 does not fit \(what it holds can be read all the same\)/,
  );
  assert.equal(openSnapshot(damaged, { skipHashCheck: true }).machine.revision, 7);
});

test("a file that is cut anywhere is refused", () => {
  const bytes = readFileSync(file);
  const cut = join(folder, "cut.db");
  for (const length of [0, 1, 31, 32, 100, bytes.length - 33, bytes.length - 1]) {
    writeFileSync(cut, bytes.subarray(0, length));
    assert.throws(() => openSnapshot(cut), /is damaged: its SHA-256 does not fit/, `cut to ${length}`);
    // Without its checksum the file is whole pages again; with any other length it is nothing.
    assert.throws(() => openSnapshot(cut, { skipHashCheck: true }), CommandError, `cut to ${length}`);
  }
});

test("whatever breaks off leaves no folder, and the next attempt succeeds", async () => {
  const [port = 0] = await freePorts(1);
  const parsed = parseInitialCluster(clusterOf([port]));
  assert.ok("value" in parsed);
  const inner = mkdtempSync(join(folder, "broken-off-"));
  const request = {
    file,
    dataDir: join(inner, "data"),
    name: "m1",
    members: parsed.value,
    clusterToken: "t",
    skipHashCheck: false,
    bumpRevision: 0,
  };
  let steps = 0;
  await restoreMember({ ...request, dataDir: join(inner, "count"), onProgress: () => void steps++ });
  assert.ok(steps > 2);
  for (let failing = 1; failing <= steps; failing++) {
    let seen = 0;
    const onProgress = (): void => {
      seen++;
      if (seen === failing) {
        throw new Error("broken off");
      }
    };
    await assert.rejects(restoreMember({ ...request, onProgress }), /broken off/);
    assert.deepEqual(readdirSync(inner), ["count"], `step ${failing}`);
  }
  const { identity } = await restoreMember(request);
  const again = await restoreMember({ ...request, dataDir: join(inner, "again") });
  assert.deepEqual(again.identity, identity, "the same file and flags make the same cluster");
});

test("killed in the middle, there is no data directory, or a whole one", async () => {
  const dataDir = join(folder, "killed");
  for (const delayMs of [150, 300, 450]) {
    const child = spawn(
      process.execPath,
      ["--conditions=source", mainFile, "snapshot", "restore", file, "--data-dir", dataDir],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => child.on("close", resolve));
    setTimeout(() => child.kill("SIGKILL"), delayMs);
    await ended;
    if (existsSync(dataDir)) {
      assert.deepEqual(readdirSync(dataDir).toSorted(), ["member", "member.json"]);
      rmSync(dataDir, { recursive: true });
    }
  }
  const { code, stderr } = await quorate(["snapshot", "restore", file, "--data-dir", dataDir]);
  assert.equal(code, 0, stderr);
});
