/** Access control as etcdctl drives it, on three members: users, roles, rights, tokens of both kinds, on and off. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Cluster, eventually, type Member } from "./cluster.ts";
import { ctl, etcdctl } from "./etcdctl.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-auth-"));
const keyFile = join(folder, "tokens.key");
writeFileSync(
  keyFile,
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }),
);

const kinds: readonly (readonly [string, readonly string[]])[] = [
  ["simple tokens", []],
  ["signed tokens", [`--auth-token=jwt,sign-method=ES256,priv-key=${keyFile},ttl=5m`]],
];

const root = ["--user", "root:root-password"];
const ana = ["--user", "ana:ana-password"];
const withinMs = 60_000;

after(() => rmSync(folder, { recursive: true }));

for (const [kind, flags] of kinds) {
  describe(kind, () => {
    let cluster: Cluster;
    /** Every member in turn, so that each proof of identity is made at one and used at others. */
    let everywhere: string;

    before(async () => {
      cluster = await Cluster.create(3);
      for (const member of cluster.members) {
        cluster.start(member, ["--bcrypt-cost=4", ...flags]);
      }
      everywhere = cluster.endpoints;
      await eventually("a cluster that takes writes", withinMs, async () => {
        const { code } = await etcdctl(everywhere, ["put", "free", "1"]);
        return code === 0 ? true : undefined;
      });
    });
    after(async () => cluster.destroy());

    const refused = async (args: readonly string[], text: string): Promise<void> => {
      const { code, stderr, stdout } = await etcdctl(everywhere, args);
      assert.notEqual(code, 0, `${args.join(" ")} went through: ${stdout}`);
      assert.ok(stderr.includes(text), `${args.join(" ")}: ${stderr}`);
    };

    test("users and roles are made, and nothing is guarded yet", async () => {
      await refused(["auth", "enable"], "etcdserver: root user does not exist");
      assert.equal(await ctl(everywhere, ["user", "add", "root:root-password"]), "User root created\n");
      assert.equal(await ctl(everywhere, ["user", "add", "ana:ana-password"]), "User ana created\n");
      assert.equal(await ctl(everywhere, ["user", "add", "cert", "--no-password"]), "User cert created\n");
      await refused(["user", "add", "ana:x"], "etcdserver: user name already exists");
      assert.equal(await ctl(everywhere, ["role", "add", "app"]), "Role app created\n");
      await ctl(everywhere, ["role", "grant-permission", "app", "--prefix=true", "readwrite", "app/"]);
      await ctl(everywhere, ["role", "grant-permission", "app", "read", "shared"]);
      await ctl(everywhere, ["user", "grant-role", "ana", "app"]);
      await refused(["user", "grant-role", "ana", "nothing"], "etcdserver: role name not found");
      assert.equal(
        await ctl(everywhere, ["role", "get", "app"]),
        "Role app\nKV Read:\n\t[app/, app0) (prefix app/)\n\tshared\nKV Write:\n\t[app/, app0) (prefix app/)\n",
      );
      assert.match(await ctl(everywhere, ["auth", "enable"]), /Authentication Enabled/);
    });

    test("everybody gets what is its own, and no more", async () => {
      assert.equal(await ctl(everywhere, [...ana, "put", "app/1", "one"]), "OK\n");
      assert.equal(await ctl(everywhere, [...ana, "get", "app/", "--prefix"]), "app/1\none\n");
      assert.equal(await ctl(everywhere, [...ana, "get", "shared"]), "");
      assert.equal(await ctl(everywhere, [...root, "put", "shared", "all"]), "OK\n");
      assert.equal(await ctl(everywhere, [...ana, "get", "shared"]), "shared\nall\n");
      for (const args of [
        ["put", "shared", "x"],
        ["get", "app", "--prefix"],
        ["get", "app/", "--from-key"],
        ["get", "", "--prefix"],
        ["del", "app/", "appz"],
        ["compact", "2"],
        ["user", "list"],
        ["role", "get", "root"],
        ["auth", "disable"],
        ["member", "remove", "1"],
        ["defrag"],
      ]) {
        await refused([...ana, ...args], "etcdserver: permission denied");
      }
      const [first] = cluster.members;
      const save = ["snapshot", "save", join(folder, "snapshot")];
      const saved = await etcdctl(first?.clientUrl ?? "", [...ana, ...save]);
      assert.match(saved.stderr, /etcdserver: permission denied/);
      await refused(["get", "app/1"], "etcdserver: user name is empty");
      await refused(["member", "list"], "etcdserver: user name is empty");
      const wrong = "etcdserver: authentication failed, invalid user ID or password";
      await refused(["--user", "ana:wrong", "get", "app/1"], wrong);
      await refused(["--user", "nobody:wrong", "get", "app/1"], wrong);
    });

    test("transactions are judged whole, whichever way they go", async () => {
      const txn = (body: string): ReturnType<typeof etcdctl> => etcdctl(everywhere, [...ana, "txn"], body);
      const good = await txn('value("app/1") = "one"\n\nput app/2 two\n\nget app/2\n\n');
      assert.equal(good.code, 0, good.stderr);
      assert.match(good.stdout, /SUCCESS/);
      for (const body of [
        'value("free") = "1"\n\nput app/2 x\n\nget app/2\n\n',
        'value("app/1") = "one"\n\nput app/2 x\n\nget free\n\n',
        'value("app/1") = "one"\n\nput free x\n\nget app/2\n\n',
      ]) {
        const outcome = await txn(body);
        assert.notEqual(outcome.code, 0, body);
        assert.match(outcome.stderr, /etcdserver: permission denied/);
      }
      assert.equal(await ctl(everywhere, [...root, "get", "app/2", "--print-value-only"]), "two\n");
    });

    test("leases are those who may write their keys", async () => {
      const granted = await ctl(everywhere, [...root, "lease", "grant", "600"]);
      const id = /lease (\w+) granted/.exec(granted)?.[1] ?? assert.fail(granted);
      await ctl(everywhere, [...root, "put", "secret", "1", "--lease", id]);
      await refused([...ana, "lease", "revoke", id], "etcdserver: permission denied");
      await refused([...ana, "lease", "timetolive", id, "--keys"], "etcdserver: permission denied");
      await refused([...ana, "put", "app/3", "x", "--lease", id], "etcdserver: permission denied");
      assert.match(await ctl(everywhere, [...ana, "lease", "timetolive", id]), /granted with TTL\(600s\)/);
      await ctl(everywhere, [...root, "lease", "revoke", id]);
      assert.equal(await ctl(everywhere, [...root, "get", "secret"]), "");
    });

    test("a watch and a lock need their rights, too", async () => {
      await refused([...ana, "lock", "other", "true"], "etcdserver: permission denied");
      assert.equal((await etcdctl(everywhere, [...ana, "lock", "app/lock", "true"])).code, 0);
      const watch = await etcdctl(everywhere, [...ana, "watch", "free"]);
      assert.match(`${watch.stdout}${watch.stderr}`, /etcdserver: permission denied/);
    });

    test("rights that change count at once, on every member", async () => {
      await ctl(everywhere, [...root, "role", "revoke-permission", "app", "shared"]);
      for (const member of cluster.members) {
        const outcome = await etcdctl(member.clientUrl, [...ana, "get", "shared"]);
        assert.match(outcome.stderr, /etcdserver: permission denied/, member.name);
      }
      await ctl(everywhere, [...root, "user", "passwd", "ana", "--interactive=false"], "other-password\n");
      await refused([...ana, "get", "app/1"], "authentication failed");
      assert.equal(await ctl(everywhere, ["--user", "ana:other-password", "get", "app/1"]), "app/1\none\n");
      await ctl(everywhere, [...root, "user", "delete", "ana"]);
      await refused(["--user", "ana:other-password", "get", "app/1"], "authentication failed");
      await refused([...root, "user", "delete", "root"], "etcdserver: invalid auth management");
      await refused([...root, "user", "revoke-role", "root", "root"], "etcdserver: invalid auth management");
    });

    test("rights outlive the members", async () => {
      for (const member of cluster.members) {
        await cluster.kill(member);
      }
      for (const member of cluster.members) {
        cluster.start(member, ["--bcrypt-cost=4", ...flags]);
      }
      for (const member of cluster.members) {
        await eventually(`root reads again from ${member.name}`, withinMs, async () => {
          const { code } = await etcdctl(member.clientUrl, [...root, "get", "app/1"]);
          return code === 0 ? true : undefined;
        });
      }
      await refused(["get", "app/1"], "etcdserver: user name is empty");
      const statuses = await Promise.all(
        cluster.members.map((member: Member) => ctl(member.clientUrl, [...root, "auth", "status"])),
      );
      assert.equal(new Set(statuses).size, 1, statuses.join());
      assert.match(statuses[0] ?? "", /Authentication Status: true/);
      const hashes = await Promise.all(
        cluster.members.map((member) => ctl(member.clientUrl, [...root, "endpoint", "hashkv", "--rev", "5"])),
      );
      assert.equal(new Set(hashes.map((line) => line.split(",")[1])).size, 1, hashes.join());
    });

    test("switched off, everybody may do everything again", async () => {
      assert.match(await ctl(everywhere, [...root, "auth", "disable"]), /Authentication Disabled/);
      assert.equal(await ctl(everywhere, ["put", "app/1", "free"]), "OK\n");
      // Its client takes it that there is nobody to log in to.
      assert.equal(await ctl(everywhere, [...root, "get", "app/1", "--print-value-only"]), "free\n");
    });
  });
}
