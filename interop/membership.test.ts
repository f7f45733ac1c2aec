/** Members come and go by etcd's own client: a dead one is replaced, the leader is moved and removed; alarms and snapshots too. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Cluster, eventually, type Member } from "./cluster.ts";
import { ctl, etcdctl } from "./etcdctl.ts";

let cluster: Cluster;
let spare: Cluster;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-interop-"));
  cluster = await Cluster.create(3);
  spare = await Cluster.create(1);
  cluster.startAll();
  await serves(first().clientUrl);
});

after(async () => {
  await spare.destroy();
  await cluster.destroy();
  rmSync(folder, { recursive: true, force: true });
});

interface Listed {
  readonly ID: number;
  readonly name?: string;
  readonly isLearner?: boolean;
}

function first(): Member {
  const [member] = cluster.members;
  return member ?? assert.fail("a cluster without members");
}

async function serves(endpoint: string): Promise<void> {
  await eventually(`${endpoint} to serve`, 20_000, async () => {
    const outcome = await etcdctl(endpoint, ["put", "probe", "1", "--command-timeout", "1s"]);
    return outcome.code === 0 || undefined;
  });
}

async function members(endpoint: string): Promise<readonly Listed[]> {
  return (JSON.parse(await ctl(endpoint, ["member", "list", "-w", "json"])) as { members: Listed[] }).members;
}

async function idOf(endpoint: string, name: string): Promise<string> {
  const found = (await members(endpoint)).find((member) => member.name === name);
  return (found ?? assert.fail(`${name} is no member`)).ID.toString(16);
}

test("a dead member is replaced by a learner that is promoted", { timeout: 60_000 }, async () => {
  const [one, two, dead] = cluster.members;
  const [fresh] = spare.members;
  assert.ok(one !== undefined && two !== undefined && dead !== undefined && fresh !== undefined);
  const endpoint = one.clientUrl;
  await eventually(
    "all three to have published",
    20_000,
    async () => (await members(endpoint)).every(({ name }) => name !== undefined && name !== "") || undefined,
  );
  await cluster.kill(dead);
  const removed = await eventually("the removal", 20_000, async () => {
    const outcome = await etcdctl(endpoint, ["member", "remove", await idOf(endpoint, dead.name)]);
    return outcome.code === 0 ? outcome.stdout : undefined;
  });
  assert.match(removed, /removed from cluster/);
  await eventually("the addition, once the rest is healthy", 20_000, async () => {
    const args = ["member", "add", "m4", `--peer-urls=${fresh.peerUrl}`, "--learner"];
    return (await etcdctl(endpoint, args)).code === 0 || undefined;
  });
  const again = await etcdctl(endpoint, ["member", "add", "m5", `--peer-urls=${two.peerUrl}`]);
  assert.match(again.stderr, /Peer URLs already exists/);
  spare.start(fresh, [
    "--name=m4",
    `--initial-cluster=m1=${one.peerUrl},m2=${two.peerUrl},m4=${fresh.peerUrl}`,
    "--initial-cluster-state=existing",
  ]);
  await eventually(
    "the learner to have published",
    20_000,
    async () => (await members(endpoint)).some(({ name }) => name === "m4") || undefined,
  );
  const id = await idOf(endpoint, "m4");
  assert.match(await ctl(endpoint, ["member", "promote", id]), /promoted/);
  assert.match(
    (await etcdctl(endpoint, ["member", "promote", id])).stderr,
    /can only promote a learner member/,
  );
  await ctl(endpoint, ["put", "k", "v"]);
  assert.match(await ctl(fresh.clientUrl, ["get", "k"]), /^k\nv\n$/);
});

test("the leader is moved, then removed, and stops by itself", { timeout: 60_000 }, async () => {
  const [one, two] = cluster.members;
  const [fresh] = spare.members;
  assert.ok(one !== undefined && two !== undefined && fresh !== undefined);
  const all = [one, two, fresh].map(({ clientUrl }) => clientUrl).join(",");
  const target = await idOf(all, "m1");
  const moved = await etcdctl(all, ["move-leader", target]);
  assert.ok(moved.code === 0 || /already/.test(moved.stderr), moved.stderr);
  const child = one.process ?? assert.fail("m1 does not run");
  const gone = new Promise<number | null>((resolve) => void child.once("exit", resolve));
  await eventually("the removal", 20_000, async () => {
    const outcome = await etcdctl(two.clientUrl, ["member", "remove", target]);
    return outcome.code === 0 || undefined;
  });
  assert.equal(await gone, 0);
  await serves(two.clientUrl);
  assert.deepEqual((await members(two.clientUrl)).map(({ name }) => name).toSorted(), ["m2", "m4"]);
});

test("hashes agree, a snapshot is saved, an alarm is disarmed", { timeout: 60_000 }, async () => {
  const [, two] = cluster.members;
  const [fresh] = spare.members;
  assert.ok(two !== undefined && fresh !== undefined);
  const both = `${two.clientUrl},${fresh.clientUrl}`;
  const revision = /"revision":(\d+)/.exec(await ctl(two.clientUrl, ["get", "k", "-w", "json"]))?.[1] ?? "";
  await ctl(fresh.clientUrl, ["get", "k"]);
  const hashes = await ctl(both, ["endpoint", "hashkv", "--rev", revision]);
  const found = hashes
    .trim()
    .split("\n")
    .map((line) => line.split(", ")[1]);
  assert.equal(found.length, 2);
  assert.equal(found[0], found[1]);
  assert.match(await ctl(two.clientUrl, ["snapshot", "save", join(folder, "saved")]), /Snapshot saved/);
  assert.match(await ctl(both, ["defrag"]), /Finished defragmenting/);
  assert.equal(await ctl(both, ["alarm", "list"]), "");
});
