/** The npm client `etcd3` against three members: everything it offers, with what it makes of the answers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { Etcd3, type IOptions, type Lease, Range, type Watcher } from "etcd3";
import { Cluster, eventually } from "./cluster.ts";

let cluster: Cluster;
let client: Etcd3;

const options = (): IOptions => ({ hosts: cluster.members.map(({ clientUrl }) => clientUrl) });

before(async () => {
  cluster = await Cluster.create(3);
  cluster.startAll();
  client = new Etcd3(options());
  await eventually("the cluster serves", 60_000, async () =>
    client
      .put("probe")
      .value("1")
      .exec()
      .then(
        () => true,
        () => undefined,
      ),
  );
});

after(async () => {
  client.close();
  await cluster.destroy();
});

test("put, get, ranges, sort, count, delete", async () => {
  const kv = client.namespace("kv/");
  for (const [key, value] of Object.entries({ a: "3", b: "1", c: "2" })) {
    await kv.put(key).value(value);
  }
  assert.equal(await kv.get("a").string(), "3");
  assert.equal(await kv.get("none").string(), null);
  assert.deepEqual(await kv.getAll().strings(), { a: "3", b: "1", c: "2" });
  assert.deepEqual(await kv.getAll().sort("Value", "Ascend").keys(), ["b", "c", "a"]);
  assert.deepEqual(await kv.getAll().inRange({ start: "a", end: "c" }).keys(), ["a", "b"]);
  assert.equal(await kv.getAll().count(), 3);
  assert.equal((await kv.put("a").value("4").getPrevious()).value.toString(), "3");
  const { deleted } = await kv.delete().all();
  assert.equal(deleted, "3");
  assert.equal(await kv.getAll().count(), 0);
});

test("transactions: compares, both branches, and the software-transactional memory over them", async () => {
  await client.put("account/a").value("100");
  await client.put("account/b").value("0");
  const won = await client
    .if("account/a", "Value", "==", "100")
    .and("account/none", "Version", "==", 0)
    .then(client.put("txn").value("then"))
    .else(client.put("txn").value("else"))
    .commit();
  assert.equal(won.succeeded, true);
  assert.equal(await client.get("txn").string(), "then");
  const lost = await client
    .if("account/a", "Value", "==", "7")
    .then(client.put("txn").value("wrong"))
    .else(client.get("account/a"))
    .commit();
  assert.equal(lost.succeeded, false);

  // The client's memory expects that what it reads was changed last at one revision; with etcd itself it conflicts for ever, too.
  await client
    .if("account/a", "Version", ">", 0)
    .then(client.put("account/a").value("100"), client.put("account/b").value("0"))
    .commit();
  const move = (): Promise<void> =>
    client.stm({ retries: 50 }).transact(async (tx) => {
      const a = Number(await tx.get("account/a").string());
      const b = Number(await tx.get("account/b").string());
      await tx.put("account/a").value(String(a - 1));
      await tx.put("account/b").value(String(b + 1));
    });
  await Promise.all(Array.from({ length: 5 }, move));
  assert.equal(Number(await client.get("account/a").string()), 95);
  assert.equal(Number(await client.get("account/b").string()), 5);
});

test("watch: a prefix, in order, from a revision in the past, and cancelled", {
  timeout: 60_000,
}, async () => {
  const first = await client.put("watched/1").value("one");
  const events: string[] = [];
  const watcher: Watcher = await client
    .watch()
    .prefix("watched/")
    .startRevision(first.header.revision)
    .create();
  watcher.on("put", (kv) => events.push(`put ${kv.key.toString()} ${kv.value.toString()}`));
  watcher.on("delete", (kv) => events.push(`delete ${kv.key.toString()}`));
  await client.put("watched/2").value("two");
  await client.delete().key("watched/1");
  await client.put("elsewhere").value("x");
  await eventually("three events", 30_000, async () => (events.length >= 3 ? true : undefined));
  await watcher.cancel();
  await client.put("watched/3").value("after");
  assert.deepEqual(events, ["put watched/1 one", "put watched/2 two", "delete watched/1"]);
});

test("leases: keys go with a revoked one, stay with one kept alive, go when nobody keeps it", {
  timeout: 90_000,
}, async () => {
  const revoked = client.lease(30);
  await revoked.put("lease/revoked").value("1");
  await revoked.revoke();
  assert.equal(await client.get("lease/revoked").string(), null);

  const kept = client.lease(2);
  await kept.put("lease/kept").value("1");
  const left: Lease = client.lease(2, { autoKeepAlive: false });
  await left.put("lease/left").value("1");
  await eventually("the lease that nobody keeps ends", 30_000, async () =>
    (await client.get("lease/left").string()) === null ? true : undefined,
  );
  assert.equal(await client.get("lease/kept").string(), "1");
  await kept.revoke();
});

test("a lock is held once, and by the next one when it is let go of", { timeout: 60_000 }, async () => {
  const first = client.lock("mutex").ttl(5);
  await first.acquire();
  await assert.rejects(client.lock("mutex").ttl(5).acquire(), /Failed to acquire a lock/);
  await first.release();
  const second = client.lock("mutex").ttl(5);
  await second.acquire();
  await second.release();
});

test("an election: one leads, the next follows when it resigns, an observer sees both", {
  timeout: 90_000,
}, async () => {
  const election = client.election("office", 5);
  const one = election.campaign("one");
  await once(one, "elected");
  const observer = await election.observe();
  await eventually("the first is seen", 30_000, async () => (observer.leader() === "one" ? true : undefined));
  const two = client.election("office", 5).campaign("two");
  const elected = once(two, "elected");
  await one.resign();
  await elected;
  await eventually("the second is seen", 30_000, async () =>
    observer.leader() === "two" ? true : undefined,
  );
  await two.resign();
  await observer.cancel();
});

test("cluster and maintenance: members, status, hash, alarms, compaction's error", async () => {
  const { members } = await client.cluster.memberList({});
  assert.deepEqual(members.map(({ name }) => name).toSorted(), ["m1", "m2", "m3"]);
  const status = await client.maintenance.status();
  assert.match(status.version, /^3\./);
  assert.notEqual(status.leader, "0");
  const { alarms } = await client.maintenance.alarm({ action: "Get", memberID: 0, alarm: "None" });
  assert.deepEqual(alarms, []);
  await client.put("compacted").value("1");
  const { header } = await client.put("compacted").value("2");
  await client.kv.compact({ revision: header.revision, physical: true });
  await assert.rejects(
    client
      .get("compacted")
      .revision(Number(header.revision) - 1)
      .string(),
    /required revision has been compacted/,
  );
});

test("users and roles: the right to a prefix is a right to that prefix only", {
  timeout: 90_000,
}, async () => {
  const role = client.role("reader");
  await role.create();
  await role.grant({ permission: "Read", range: Range.prefix("shared/") });
  const root = client.user("root");
  await root.create("secret-of-root");
  await root.addRole("root");
  const user = client.user("ann");
  await user.create("secret-of-ann");
  await user.addRole("reader");
  await client.put("shared/x").value("for all");
  await client.auth.authEnable();
  const asRoot = new Etcd3({ ...options(), auth: { username: "root", password: "secret-of-root" } });
  const asAnn = new Etcd3({ ...options(), auth: { username: "ann", password: "secret-of-ann" } });
  const asNobody = new Etcd3({ ...options(), auth: { username: "ann", password: "wrong" } });
  try {
    assert.equal(await asAnn.get("shared/x").string(), "for all");
    await assert.rejects(asAnn.put("shared/x").value("mine").exec(), /permission denied/);
    await assert.rejects(asAnn.get("secret").string(), /permission denied/);
    await assert.rejects(asNobody.get("shared/x").string(), /authentication failed/);
    await assert.rejects(client.get("shared/x").string(), /user name is empty/);
  } finally {
    await asRoot.auth.authDisable();
    asRoot.close();
    asAnn.close();
    asNobody.close();
  }
  assert.equal(await client.get("shared/x").string(), "for all");
});
