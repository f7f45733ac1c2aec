/** In etcd's place: a link named `etcd`, or a wrapper, takes etcd's command line, variables and file, and tells that it is ready in etcd's words. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { eventually } from "../../src/testing/index.ts";

const launcher = join(import.meta.dirname, "../../../../bin/quorate");
const folder = mkdtempSync(join(tmpdir(), "quorate-test-"));
const link = join(folder, "etcd");
const wrapper = join(folder, "wrapper");
symlinkSync(launcher, link);
writeFileSync(wrapper, `#!/bin/sh\nexec ${launcher} serve "$@"\n`);
chmodSync(wrapper, 0o755);

after(() => rmSync(folder, { recursive: true, force: true }));

for (const program of [link, wrapper]) {
  test(`${program === link ? "a link" : "a wrapper"} answers --version as scripts read it`, () => {
    const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
    assert.equal(status, 0);
    assert.match(stdout, /^etcd Version: 3\.7\.\d+\n/);
  });
}

test("flags, variables and file of etcd's; ready in its words; what has no effect is noted once; SIGTERM ends it with 0", {
  timeout: 180_000,
}, async () => {
  const [client, peer] = await freePorts(2);
  const file = join(folder, "etcd.yml");
  writeFileSync(
    file,
    `name: from-file\nsnapshot-count: 5000\nlog-outputs: [stderr]\nmax-wals: 3\nauto-compaction-retention: "1"\nclient-transport-security:\n  client-cert-auth: false\n`,
  );
  const child = spawn(
    link,
    [
      `--config-file=${file}`,
      "-data-dir",
      join(folder, "data"),
      "--listen-client-urls",
      `http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      "--strict-reconfig-check",
      "--logger=zap",
      "--experimental-watch-progress-notify-interval=5m",
    ],
    {
      env: { ...process.env, ETCD_LOG_LEVEL: "info", ETCD_LOG_FORMAT: "json", ETCD_UNSAFE_NO_FSYNC: "true" },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  try {
    await eventually("the member is ready", 120_000, () =>
      text.includes("ready to serve client requests") ? true : undefined,
    );
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { level: string; ts: string; msg: string; name?: string });
    assert.ok(
      lines.every(({ level, msg, ts }) => level !== "" && msg !== "" && !Number.isNaN(Date.parse(ts))),
    );
    assert.equal(lines.find(({ msg }) => msg === "starting")?.name, "from-file");
    for (const noted of [
      /^max-wals in .*etcd\.yml has no effect: /,
      /^ETCD_UNSAFE_NO_FSYNC has no effect: /,
      /is the old name of --watch-progress-notify-interval$/,
    ]) {
      assert.equal(lines.filter(({ msg }) => noted.test(msg)).length, 1, `${noted}`);
    }
    const version = await (await fetch(`http://127.0.0.1:${client}/version`)).json();
    assert.match((version as { etcdserver: string }).etcdserver, /^3\.7\./);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("what is refused is named with the reason, and nothing starts", () => {
  const { status, stderr } = spawnSync(link, ["--discovery-srv=example.com", "--force-new-cluster"], {
    encoding: "utf8",
  });
  assert.equal(status, 2);
  assert.match(stderr, /^quorate: --discovery-srv: is not served: .*--initial-cluster$/m);
  assert.match(stderr, /^quorate: --force-new-cluster: is not served: .*quorate recover/m);
});
