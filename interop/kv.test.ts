/** Everything of KV that etcdctl can ask, through the leader and through each follower. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Cluster, eventually } from "./cluster.ts";
import { ctl, etcdctl } from "./etcdctl.ts";

const launcher = join(import.meta.dirname, "..", "bin", "quorate");
let cluster: Cluster;
/** The leader's endpoint first. */
let endpoints: string[];

interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: {
    readonly header: { readonly cluster_id: number; readonly member_id: number; readonly raft_term: number };
    readonly version: string;
    readonly leader: number;
    readonly raftIndex: number;
    readonly dbSize: number;
  };
}

async function statuses(): Promise<EndpointStatus[]> {
  return JSON.parse(await ctl(cluster.endpoints, ["endpoint", "status", "-w", "json"])) as EndpointStatus[];
}

const folder = mkdtempSync(join(tmpdir(), "quorate-socket-"));
const socket = `unix://${join(folder, "localhost:2379")}`;

before(async () => {
  cluster = await Cluster.create(3);
  for (const [place, member] of cluster.members.entries()) {
    // The first one is also reached through a file.
    cluster.start(member, place === 0 ? [`--listen-client-urls=${member.clientUrl},${socket}`] : []);
  }
  const all = await eventually("three members agree on a leader", 20_000, async () => {
    const outcome = await etcdctl(cluster.endpoints, ["endpoint", "status", "-w", "json"]);
    if (outcome.code !== 0) {
      return undefined;
    }
    const found = JSON.parse(outcome.stdout) as EndpointStatus[];
    const leader = found[0]?.Status.leader;
    return found.length === 3 && leader && found.every((one) => one.Status.leader === leader)
      ? found
      : undefined;
  });
  const leads = (one: EndpointStatus): number => (one.Status.header.member_id === one.Status.leader ? 0 : 1);
  endpoints = all.toSorted((left, right) => leads(left) - leads(right)).map((one) => one.Endpoint);
});

after(async () => {
  await cluster.destroy();
  rmSync(folder, { recursive: true, force: true });
});

function onEachMember(name: string, body: (endpoint: string, key: string) => Promise<void>): void {
  for (const [position, role] of ["leader", "first follower", "second follower"].entries()) {
    test(`${name}, on the ${role}`, async () => {
      const endpoint = endpoints[position];
      assert.ok(endpoint !== undefined);
      await body(endpoint, `${name}/${position}`);
    });
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

onEachMember("put and get", async (endpoint, key) => {
  assert.equal(await ctl(endpoint, ["put", key, "one"]), "OK\n");
  assert.equal(await ctl(endpoint, ["get", key]), `${key}\none\n`);
  assert.equal(await ctl(endpoint, ["get", key, "--print-value-only"]), "one\n");
  assert.equal(await ctl(endpoint, ["put", key, "two", "--prev-kv"]), `OK\n${key}\none\n`);
  for (const other of endpoints) {
    assert.equal(
      await ctl(other, ["get", key, "--print-value-only"]),
      "two\n",
      "linearizable on every member",
    );
  }
  assert.equal(await ctl(endpoint, ["get", key, "--consistency", "s", "--print-value-only"]), "two\n");
  assert.equal(await ctl(endpoint, ["get", `${key}/missing`]), "");
});

onEachMember("ranges", async (endpoint, key) => {
  for (const [name, value] of Object.entries({ a: "3", b: "1", c: "2", d: "4" })) {
    await ctl(endpoint, ["put", `${key}/${name}`, value]);
  }
  const values = async (...args: string[]): Promise<string[]> =>
    lines(await ctl(endpoint, ["get", "--print-value-only", ...args]));
  assert.deepEqual(await values(`${key}/`, "--prefix"), ["3", "1", "2", "4"]);
  assert.deepEqual(await values(`${key}/b`, `${key}/d`), ["1", "2"]);
  assert.deepEqual(await values(`${key}/`, "--prefix", "--limit", "2"), ["3", "1"]);
  assert.deepEqual(await values(`${key}/`, "--prefix", "--order", "DESCEND"), ["4", "2", "1", "3"]);
  assert.deepEqual(await values(`${key}/`, "--prefix", "--sort-by", "VALUE", "--order", "ASCEND"), [
    "1",
    "2",
    "3",
    "4",
  ]);
  assert.deepEqual(await values(`${key}/c`, `${key}/e`, "--sort-by", "MODIFY", "--order", "DESCEND"), [
    "4",
    "2",
  ]);
  assert.deepEqual(lines(await ctl(endpoint, ["get", `${key}/`, "--prefix", "--keys-only"])), [
    `${key}/a`,
    `${key}/b`,
    `${key}/c`,
    `${key}/d`,
  ]);
  const counted = await ctl(endpoint, ["get", `${key}/`, "--prefix", "--count-only", "-w", "fields"]);
  assert.match(counted, /^"Count" : 4$/m);
  const limited = await ctl(endpoint, ["get", `${key}/`, "--prefix", "--limit", "3", "-w", "json"]);
  const answer = JSON.parse(limited) as { count: number; more: boolean; kvs: unknown[] };
  assert.equal(answer.kvs.length, 3);
  assert.equal(answer.count, 4);
  assert.equal(answer.more, true);
  assert.deepEqual(await values(`${key}/c`, "--from-key", "--limit", "2"), ["2", "4"]);
});

onEachMember("reads at a revision", async (endpoint, key) => {
  await ctl(endpoint, ["put", key, "old"]);
  const before = JSON.parse(await ctl(endpoint, ["get", key, "-w", "json"])) as {
    header: { revision: number };
    kvs: { create_revision: number; mod_revision: number; version: number }[];
  };
  const revision = before.header.revision;
  assert.deepEqual(
    [before.kvs[0]?.create_revision, before.kvs[0]?.mod_revision, before.kvs[0]?.version],
    [revision, revision, 1],
  );
  await ctl(endpoint, ["put", key, "new"]);
  assert.equal(await ctl(endpoint, ["get", key, "--rev", String(revision), "--print-value-only"]), "old\n");
  assert.equal(await ctl(endpoint, ["get", key, "--print-value-only"]), "new\n");
  const future = await etcdctl(endpoint, ["get", key, "--rev", String(revision + 1_000_000)]);
  assert.notEqual(future.code, 0);
  assert.match(future.stderr, /etcdserver: mvcc: required revision is a future revision/);
});

onEachMember("delete", async (endpoint, key) => {
  for (const name of ["a", "b", "c", "d"]) {
    await ctl(endpoint, ["put", `${key}/${name}`, name]);
  }
  assert.equal(await ctl(endpoint, ["del", `${key}/a`]), "1\n");
  assert.equal(await ctl(endpoint, ["del", `${key}/a`]), "0\n");
  assert.equal(await ctl(endpoint, ["del", `${key}/b`, "--prev-kv"]), `1\n${key}/b\nb\n`);
  assert.equal(await ctl(endpoint, ["del", `${key}/`, "--prefix"]), "2\n");
  assert.equal(await ctl(endpoint, ["get", `${key}/`, "--prefix"]), "");
});

onEachMember("transactions", async (endpoint, key) => {
  await ctl(endpoint, ["put", key, "first"]);
  const swap = `value("${key}") = "first"\n\nput ${key} "second"\nget ${key}\n\nput ${key} "never"\n\n`;
  assert.deepEqual(lines(await ctl(endpoint, ["txn"], swap)), ["SUCCESS", "OK", key, "second"]);
  assert.deepEqual(lines(await ctl(endpoint, ["txn"], swap)), ["FAILURE", "OK"]);
  assert.equal(await ctl(endpoint, ["get", key, "--print-value-only"]), "never\n");
  const versions = `ver("${key}") = "3"\nmod("${key}") > "0"\ncreate("${key}") > "0"\n\ndel ${key}\n\nget ${key}\n\n`;
  assert.deepEqual(lines(await ctl(endpoint, ["txn"], versions)), ["SUCCESS", "1"]);
  const twice = await etcdctl(endpoint, ["txn"], `\nput ${key} "a"\nput ${key} "b"\n\n\n`);
  assert.notEqual(twice.code, 0);
  assert.match(twice.stderr, /duplicate key given in txn request/);
});

onEachMember("compaction", async (endpoint, key) => {
  await ctl(endpoint, ["put", key, "1"]);
  await ctl(endpoint, ["put", key, "2"]);
  const { header } = JSON.parse(await ctl(endpoint, ["get", key, "-w", "json"])) as {
    header: { revision: number };
  };
  assert.match(await ctl(endpoint, ["compaction", String(header.revision)]), /^compacted revision \d+/);
  const old = await etcdctl(endpoint, ["get", key, "--rev", String(header.revision - 1)]);
  assert.match(old.stderr, /etcdserver: mvcc: required revision has been compacted/);
  assert.equal(await ctl(endpoint, ["get", key, "--print-value-only"]), "2\n");
});

test("endpoint status names one leader, one cluster and three members", async () => {
  const found = await statuses();
  assert.equal(found.length, 3);
  assert.equal(new Set(found.map((one) => one.Status.leader)).size, 1);
  assert.equal(new Set(found.map((one) => one.Status.header.cluster_id)).size, 1);
  assert.equal(new Set(found.map((one) => one.Status.header.member_id)).size, 3);
  assert.match(await ctl(cluster.endpoints, ["endpoint", "status", "-w", "table"]), /IS LEADER/);
});

test("member list is the same on every member", async () => {
  for (const endpoint of endpoints) {
    const { members } = JSON.parse(await ctl(endpoint, ["member", "list", "-w", "json"])) as {
      members: { name: string; peerURLs: string[]; clientURLs: string[] }[];
    };
    assert.deepEqual(
      members
        .map(({ name, peerURLs, clientURLs }) => ({ name, peerURLs, clientURLs }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      cluster.members.map((m) => ({ name: m.name, peerURLs: [m.peerUrl], clientURLs: [m.clientUrl] })),
    );
  }
});

test("endpoint health", async () => {
  assert.equal((await etcdctl(cluster.endpoints, ["endpoint", "health"])).code, 0);
});

test("a unix socket: etcd's client and ours", async () => {
  await ctl(socket, ["put", "through a file", "v"]);
  assert.equal(await ctl(socket, ["get", "through a file", "--print-value-only"]), "v\n");
  const own = spawnSync(launcher, ["--endpoints", socket, "get", "through a file"], { encoding: "utf8" });
  assert.equal(own.stdout, "through a file\nv\n", own.stderr);
});

test("a downgrade is begun on one member, known to another, and cancelled", async () => {
  const [first = "", second = ""] = endpoints;
  const begun = await etcdctl(first, ["downgrade", "enable", "3.6"]);
  assert.equal(begun.stdout, "Downgrade enable success, cluster version 3.7\n");
  const again = await etcdctl(second, ["downgrade", "validate", "3.5"]);
  assert.match(again.stderr, /cluster has a downgrade job in progress/);
  const cancelled = await etcdctl(second, ["downgrade", "cancel"]);
  assert.equal(cancelled.stdout, "Downgrade cancel success, cluster version 3.6\n");
});

test("SIGTERM ends every member with exit code 0", async () => {
  const codes = await Promise.all(cluster.members.map((member) => cluster.stop(member)));
  assert.deepEqual(codes, [0, 0, 0], cluster.logs());
  assert.equal(existsSync(socket.slice("unix://".length)), false, "the socket's file went with its member");
});
