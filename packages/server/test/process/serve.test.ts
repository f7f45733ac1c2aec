/** One member as a real process: serves, tells of itself, stops cleanly, refuses to start where it must. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { utf8Decode, utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import {
  createProcessCluster,
  eventually,
  type ProcessCluster,
  type ProcessMember,
} from "../../src/testing/index.ts";
import { quorate } from "../cli/run.ts";

/** A cluster of one, which is what refuses and reports most plainly. */
async function single(): Promise<[ProcessCluster, ProcessMember]> {
  const cluster = await createProcessCluster({ memberCount: 1 });
  const [member] = cluster.members;
  assert.ok(member !== undefined);
  return [cluster, member];
}

/** The lines on stderr that are for people, not JSON. */
function complaints(member: ProcessMember): string[] {
  return member
    .log()
    .split("\n")
    .filter((line) => line.startsWith("quorate: "));
}

describe("a member that runs", () => {
  let cluster: ProcessCluster;
  let member: ProcessMember;
  let client: EtcdClient;

  before(async () => {
    [cluster, member] = await single();
    member.start();
    await cluster.leader();
    client = new EtcdClient(member.clientUrl);
    await client.put(utf8Encode("k"), utf8Encode("v"));
  });
  after(async () => {
    client?.close();
    await cluster?.destroy();
  });

  test("logs JSON lines with etcd's keys, and that it is ready", async () => {
    const text = await eventually("the line that etcd's tools wait for", 5000, () =>
      member.log().includes("ready to serve client requests") ? member.log() : undefined,
    );
    for (const line of text.trimEnd().split("\n")) {
      const { level, ts, msg } = JSON.parse(line) as Record<string, unknown>;
      assert.match(String(level), /^(debug|info|warn|error)$/);
      assert.ok(!Number.isNaN(Date.parse(String(ts))), line);
      assert.equal(typeof msg, "string");
    }
  });

  test("answers reads and writes", async () => {
    const kvs = await client.range({ key: utf8Encode("k") });
    assert.deepEqual(
      kvs.map((kv) => [utf8Decode(kv.key), utf8Decode(kv.value), kv.modRevision]),
      [["k", "v", 2]],
    );
  });

  test("publishes its name and client URLs", async () => {
    const [listed, ...others] = await client.memberList();
    assert.deepEqual(others, []);
    assert.deepEqual(
      [listed?.name, listed?.clientUrls, listed?.peerUrls, listed?.isLearner],
      ["m1", [member.clientUrl], [member.peerUrl], false],
    );
  });

  test("answers HTTP on the same port", async () => {
    const page = async (path: string): Promise<[number, string]> => {
      const answer = await fetch(`${member.clientUrl}${path}`);
      return [answer.status, await answer.text()];
    };
    assert.deepEqual(await page("/health"), [200, '{"health":"true","reason":""}']);
    assert.deepEqual(await page("/readyz"), [200, "ok\n"]);
    assert.deepEqual(await page("/livez"), [200, "ok\n"]);
    assert.equal((await page("/nothing"))[0], 404);
    const [, metrics] = await page("/metrics");
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1]);
    assert.equal(value("etcd_server_is_leader"), 1);
    assert.equal(value("etcd_server_is_learner"), 0);
    assert.equal(value("etcd_debugging_mvcc_current_revision"), 2);
    assert.equal(value("etcd_server_quota_backend_bytes"), 2 ** 31);
    assert.match(metrics, /^etcd_cluster_version\{cluster_version="3\.7"\} 1$/m);
    assert.match(metrics, /^etcd_server_id\{server_id="[0-9a-f]+"\} 1$/m);
    assert.equal(value("etcd_debugging_store_revision"), 2);
    assert.ok(value("etcd_disk_wal_fsync_duration_seconds_count") >= 2, metrics);
    assert.ok(value("etcd_server_proposals_applied_total") >= 2);
    assert.match(
      metrics,
      /^grpc_server_handled_total\{grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="OK"\} 1$/m,
    );
  });

  test("quorate status shows it, and an endpoint where nobody is", async () => {
    const table = await quorate(["status", "--endpoints", member.clientUrl]);
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout, /^ENDPOINT +NAME +ID +ROLE .*\n\S+ +m1 +[0-9a-f]+ +leader /);
    const endpoints = `${member.clientUrl},http://127.0.0.1:1`;
    const json = await quorate(["status", "-w", "json", "--endpoints", endpoints, "--timeout", "1000"]);
    assert.equal(json.code, 1);
    const [up, down] = JSON.parse(json.stdout) as [{ member: { name: string } }, { error: string }];
    assert.equal(up.member.name, "m1");
    assert.equal(typeof down.error, "string");
  });

  test("quorate wal dump reads the log of the running member", async () => {
    const text = await quorate(["wal", "dump", member.dataDir]);
    assert.equal(text.code, 0, text.stderr);
    assert.notEqual(text.stdout, "");
    const json = await quorate(["wal", "dump", "--json", member.dataDir]);
    const records = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.ok(records.length >= 2, json.stdout);
  });

  test("a second process on the same data directory is refused in one line", async () => {
    const { code, stderr } = await quorate([
      "serve",
      "--name=m1",
      `--data-dir=${member.dataDir}`,
      "--listen-client-urls=http://127.0.0.1:0",
      "--advertise-client-urls=http://127.0.0.1:0",
      "--listen-peer-urls=http://127.0.0.1:0",
    ]);
    assert.equal(code, 1);
    assert.match(stderr.split("\n").at(-2) ?? "", /^quorate: data directory .* is in use by another process/);
  });
});

test("SIGTERM and SIGINT end it with 0, and what was written is there again", async () => {
  const [cluster, member] = await single();
  try {
    for (const [life, signal] of (["SIGTERM", "SIGINT"] as const).entries()) {
      member.start();
      await cluster.leader();
      const client = new EtcdClient(member.clientUrl);
      await client.put(utf8Encode(`life ${life}`), utf8Encode("x"));
      const kvs = await client.range({ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) });
      assert.equal(kvs.length, life + 1);
      const end = await member.signal(signal);
      client.close();
      assert.deepEqual(end, { code: 0, signal: null }, member.log());
    }
    assert.deepEqual(complaints(member), []);
  } finally {
    await cluster.destroy();
  }
});

test("a second signal ends it at once", async () => {
  const [cluster, member] = await single();
  try {
    member.start();
    await cluster.leader();
    // Both are pending when it goes on, so the second one comes before the clean stop has got anywhere.
    member.process?.kill("SIGSTOP");
    member.process?.kill("SIGTERM");
    member.process?.kill("SIGINT");
    const end = await member.signal("SIGCONT");
    assert.deepEqual(end, { code: 1, signal: null });
  } finally {
    await cluster.destroy();
  }
});

test("a port in use is one line, exit code 1", async () => {
  const [cluster, member] = await single();
  const occupant = createServer();
  try {
    for (const [port, flag] of [
      [member.clientPort, "--listen-client-urls"],
      [member.peerPort, "--listen-peer-urls"],
    ] as const) {
      await new Promise<void>((resolve) => occupant.listen(port, "127.0.0.1", resolve));
      member.start();
      const end = await member.process?.ended;
      await new Promise((resolve) => occupant.close(resolve));
      assert.deepEqual(end, { code: 1, signal: null }, member.log());
      assert.equal(
        complaints(member).at(-1),
        `quorate: ${flag} http://127.0.0.1:${port}: the port is in use; stop the program that has it, or choose another`,
      );
    }
    assert.equal(complaints(member).length, 2);
  } finally {
    await cluster.destroy();
  }
});

describe("a damaged data directory is one line that names the file, exit code 1", () => {
  const damages: readonly { readonly title: string; damage(dataDir: string): string }[] = [
    {
      title: "a flipped bit in the log",
      damage(dataDir) {
        const wal = join(dataDir, "member", "wal");
        const name = readdirSync(wal).toSorted()[0] ?? "";
        const path = join(wal, name);
        const bytes = readFileSync(path);
        const at = bytes.indexOf("the value to damage");
        assert.ok(at > 0, "the value stands in the first segment");
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        writeFileSync(path, bytes);
        return name;
      },
    },
    {
      title: "a missing segment",
      damage(dataDir) {
        const wal = join(dataDir, "member", "wal");
        const name = readdirSync(wal).toSorted()[0] ?? "";
        rmSync(join(wal, name));
        return "wal";
      },
    },
    {
      title: "a damaged member.json",
      damage(dataDir) {
        const path = join(dataDir, "member.json");
        writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size - 3));
        return "member.json";
      },
    },
  ];
  for (const { title, damage } of damages) {
    test(title, async () => {
      const [cluster, member] = await single();
      try {
        member.start();
        await cluster.leader();
        const client = new EtcdClient(member.clientUrl);
        await client.put(utf8Encode("k"), utf8Encode("the value to damage"));
        client.close();
        assert.equal((await member.stop()).code, 0);
        const name = damage(member.dataDir);
        member.start();
        const end = await member.process?.ended;
        assert.deepEqual(end, { code: 1, signal: null }, member.log());
        const [line, ...more] = complaints(member);
        assert.deepEqual(more, []);
        assert.ok(line?.includes(name), member.log());
        const dump = await quorate(["wal", "dump", member.dataDir]);
        assert.notEqual(dump.stdout, "", dump.stderr);
      } finally {
        await cluster.destroy();
      }
    });
  }
});
