/**
 * A data directory that the system does not let the program use: one line that says why and what to do, exit code 1, and nothing lost. Real
 * processes without root's right to read and write everything; a full disk needs the right to mount.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { utf8Encode } from "@quorate/base";
import { freePorts } from "@quorate/raft-node/testing";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { createProcessCluster } from "../../src/testing/index.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const startMs = 60_000;
const capabilities = ["--bounding-set=-all", "--inh-caps=-all"];

let folder: string;
let flags: readonly string[];
let dataDir: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-access-"));
  const cluster = await createProcessCluster({ memberCount: 1 });
  const [member] = cluster.members;
  assert.ok(member !== undefined);
  cluster.startAll();
  await cluster.leader(startMs);
  const client = new EtcdClient(member.clientUrl, startMs);
  await client.put(utf8Encode("key"), utf8Encode("value"));
  client.close();
  await member.stop();
  dataDir = join(folder, "data");
  execFileSync("cp", ["-r", member.dataDir, dataDir]);
  await cluster.destroy();
  const [clientPort, peerPort] = await freePorts(2);
  flags = [
    "--name=m1",
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=m1=http://127.0.0.1:${peerPort}`,
  ];
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** Why this process cannot do without root's rights; null when it can, or has none. */
function rightsProblem(): string | null {
  if (process.getuid?.() !== 0) {
    return null;
  }
  const { error, status } = spawnSync("setpriv", [...capabilities, "true"]);
  return error === undefined && status === 0 ? null : "root, and no setpriv to give up its rights";
}

/** The one line with which a start ends that cannot be; the program's name is taken off. */
function refusedStart(directory: string): string {
  const program = [
    process.execPath,
    "--conditions=source",
    main,
    "serve",
    `--data-dir=${directory}`,
    ...flags,
  ];
  const [command = "", ...args] =
    process.getuid?.() === 0 ? ["setpriv", ...capabilities, ...program] : program;
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: startMs });
  assert.equal(status, 1, stderr);
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0] ?? "", /^quorate: /);
  return (lines[0] ?? "").slice("quorate: ".length).replaceAll(directory, "DIR");
}

const noRights = rightsProblem();
const skip = noRights === null ? false : `SKIPPED: ${noRights}`;

/** Takes rights away from a part of the directory for one start. */
function without(mode: number, part: string, expected: RegExp): void {
  const path = join(dataDir, part);
  const rights = part.includes(".") ? 0o600 : 0o700;
  chmodSync(path, mode);
  try {
    assert.match(refusedStart(dataDir), expected);
  } finally {
    chmodSync(path, rights);
  }
}

test("a directory that this user may not read", { skip }, () =>
  without(
    0o000,
    "",
    /^data directory DIR cannot be used \(EACCES\): make it writable for this user, or choose another with --data-dir$/,
  ),
);

test("member.json that this user may not read", { skip }, () =>
  without(0o000, "member.json", /^DIR\/member\.json cannot be read \(EACCES\): /),
);

test("the log's folder, read-only", { skip }, () =>
  without(
    0o500,
    "member",
    /^data directory DIR cannot be used \(.*EACCES\): make it readable and writable for this user/,
  ),
);

test("a directory that cannot be made", { skip }, () => {
  const closed = join(folder, "closed");
  mkdirSync(closed, { mode: 0o500 });
  const line = refusedStart(join(closed, "data"));
  assert.match(line, /^data directory DIR cannot be used \(EACCES\): make it writable for this user/);
});

test("a file in its place, and a folder that is somebody else's", () => {
  writeFileSync(join(folder, "file"), "mine");
  assert.match(
    refusedStart(join(folder, "file")),
    /^data directory DIR cannot be used \(ENOTDIR\): something else is there/,
  );
  mkdirSync(join(folder, "photos"));
  writeFileSync(join(folder, "photos", "family.jpg"), "");
  assert.match(
    refusedStart(join(folder, "photos")),
    /^data directory DIR has "family\.jpg" but no member\.json/,
  );
});

test("after all of them the member starts with what it had", async () => {
  assert.ok(existsSync(join(dataDir, "member.json")));
  const cluster = await createProcessCluster({ memberCount: 1 });
  try {
    const [member] = cluster.members;
    assert.ok(member !== undefined);
    execFileSync("cp", ["-r", dataDir, member.dataDir]);
    member.start();
    await cluster.leader(startMs);
    const client = new EtcdClient(member.clientUrl, startMs);
    assert.equal((await client.range({ key: utf8Encode("key") })).length, 1);
    client.close();
  } finally {
    await cluster.destroy();
  }
});

test("a disk without room for a first start", (t) => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=0700", "quorate-test", disk], {
    encoding: "utf8",
  });
  if (mounted.error !== undefined || mounted.status !== 0) {
    t.skip(
      `SKIPPED: no file system of its own could be mounted: ${mounted.stderr ?? mounted.error?.message}`,
    );
    return;
  }
  try {
    assert.match(
      refusedStart(join(disk, "data")),
      /^data directory DIR: no space is left \(.*\): free some$/,
    );
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});
