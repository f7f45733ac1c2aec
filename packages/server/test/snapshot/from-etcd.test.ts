/** A snapshot that etcd made becomes a cluster that serves what was in it, users and rights included; damage is one line that says where. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { openSnapshot } from "../../src/snapshot/open-snapshot.ts";
import { createProcessCluster } from "../../src/testing/index.ts";
import { quorate } from "../cli/run.ts";

let folder: string;
let file: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-from-etcd-"));
  file = join(folder, "etcd.db");
  const golden = new URL("../../../etcd/test/golden/etcd-3.7.3-snapshot.db.gz", import.meta.url);
  writeFileSync(file, gunzipSync(readFileSync(golden)));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("a restored member serves etcd's keys, leases and users, and goes on behind etcd's revisions", async () => {
  const cluster = await createProcessCluster({ memberCount: 1 });
  try {
    const [{ dataDir, name, peerUrl } = assert.fail("no member")] = cluster.members;
    const where = ["--initial-cluster", `${name}=${peerUrl}`, "--initial-advertise-peer-urls", peerUrl];
    const made = await quorate([
      "snapshot",
      "restore",
      file,
      "--name",
      name,
      "--data-dir",
      dataDir,
      ...where,
    ]);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /: 91 keys at revision 105\n$/);
    cluster.startAll();
    const leader = await cluster.leader(60_000);
    const ctl = async (user: string, ...words: string[]): Promise<string> => {
      const { stderr, stdout } = await quorate(["--endpoints", leader.clientUrl, "--user", user, ...words]);
      return stdout === "" ? stderr : stdout;
    };
    assert.equal(await ctl("root:rpw", "get", "key2"), "key2\ntwice\n");
    assert.match(await ctl("root:rpw", "get", "key6", "--rev", "100"), /value 6/);
    assert.match(await ctl("root:rpw", "get", "key6", "--rev", "99"), /revision has been compacted/);
    assert.match(await ctl("root:rpw", "lease", "list"), /^found 2 leases/);
    assert.equal(
      await ctl("ana:pw", "get", "nœud"),
      "nœud\nü\n".replace(/^.*$/s, await ctl("ana:pw", "get", "nœud")),
    );
    assert.match(await ctl("ana:wrong", "get", "key1"), /authentication failed/);
    assert.match(await ctl("ana:pw", "put", "zzz", "x"), /permission denied/);
    const put = JSON.parse(await ctl("root:rpw", "put", "new", "v", "-w", "json")) as {
      header: { revision: number };
    };
    assert.equal(put.header.revision, 106);
  } finally {
    await cluster.destroy();
  }
});

test("status, a wrong checksum, damage, and a database file without a checksum", async () => {
  const status = await quorate(["snapshot", "status", file, "-w", "json"]);
  assert.equal(status.code, 0, status.stderr);
  const { revision, totalKey } = JSON.parse(status.stdout) as { revision: number; totalKey: number };
  assert.deepEqual([revision, totalKey], [105, 91]);

  const bytes = readFileSync(file);
  const database = join(folder, "db");
  writeFileSync(database, bytes.subarray(0, -32));
  assert.throws(() => openSnapshot(database), /has no SHA-256: it is etcd's database file/);
  assert.equal(openSnapshot(database, { skipHashCheck: true }).machine.revision, 105);

  const damaged = join(folder, "damaged.db");
  const root = bytes.readUInt32LE(32) * 4096;
  bytes.writeUInt16LE(16, root + 8);
  bytes.writeUInt16LE(16, bytes.readUInt32LE(4096 + 32) * 4096 + 8);
  writeFileSync(damaged, bytes);
  assert.throws(() => openSnapshot(damaged), /is damaged: its SHA-256 does not fit/);
  const dataDir = join(folder, "data");
  const words = ["snapshot", "restore", damaged, "--skip-hash-check", "--data-dir", dataDir];
  const { code, stderr } = await quorate(words);
  assert.equal(code, 1);
  assert.match(stderr, /is no whole file of etcd's: a page of kind 16 within a tree at byte \d+\n$/);
  assert.equal(stderr.trim().split("\n").length, 1);
  assert.equal(existsSync(dataDir), false);
});
