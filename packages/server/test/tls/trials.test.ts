/** TLS in real processes, beside the cluster with certificates: self-made ones, files that are not good, revoked clients, and floods. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import type { ClientTls } from "@quorate/grpc";
import { eventually, freePorts, TestAuthority } from "quorate/testing";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { type MemberProcess, startMemberProcess } from "../../src/local-cluster/member-process.ts";
import { quorate } from "../cli/run.ts";

const withinMs = 60_000;
const authority = new TestAuthority();

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "quorate-tls-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function start(context: TestContext, folder: string, name: string, flags: readonly string[]): MemberProcess {
  const process = startMemberProcess({
    logFile: join(folder, `${name}.log`),
    flags: [`--name=${name}`, `--data-dir=${join(folder, name)}`, ...flags],
  });
  context.after(async () => {
    process.kill("SIGKILL");
    await process.ended;
  });
  return process;
}

async function put(url: string, tls: ClientTls, key: string): Promise<void> {
  await eventually(`a write of ${key} at ${url}`, withinMs, async () => {
    const client = new EtcdClient(url, 5000, tls);
    try {
      return await client.put(utf8Encode(key), utf8Encode("x"));
    } catch {
      return undefined; // Asked again until the time is over.
    } finally {
      client.close();
    }
  });
}

test("--auto-tls and --peer-auto-tls: three members encrypt everything with certificates of their own making", async (context) => {
  const folder = folderOf(context);
  const ports = await freePorts(6);
  const members = [1, 2, 3].map((number) => ({
    name: `m${number}`,
    client: `https://127.0.0.1:${ports[number * 2 - 2]}`,
    peer: `https://127.0.0.1:${ports[number * 2 - 1]}`,
  }));
  for (const { client, name, peer } of members) {
    start(context, folder, name, [
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${members.map((member) => `${member.name}=${member.peer}`).join(",")}`,
      "--auto-tls",
      "--peer-auto-tls",
    ]);
  }
  for (const { client } of members) {
    await put(client, { insecureSkipVerify: true }, client);
  }
  for (const { client } of members) {
    const strict = new EtcdClient(client, 5000);
    await assert.rejects(strict.status(), { code: 14 }, "nobody vouches for these certificates");
    strict.close();
  }
  for (const purpose of ["client", "peer"]) {
    assert.ok(existsSync(join(folder, "m1", "fixtures", purpose, "cert.pem")));
  }
});

test("files that are not good end the start in one line with flag and file, exit code 1", async (context) => {
  const folder = folderOf(context);
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const good = authority.issue();
  const old = authority.issue({ fromMs: -7_200_000, untilMs: -3_600_000 });
  const cert = write("cert.pem", good.certificate);
  const key = write("key.pem", good.key);
  const https = ["--listen-client-urls=https://127.0.0.1:0", "--advertise-client-urls=https://127.0.0.1:0"];
  const peers = [
    "--listen-peer-urls=https://127.0.0.1:1",
    "--initial-advertise-peer-urls=https://127.0.0.1:1",
  ];
  for (const [flags, complaint] of [
    [
      [...https, `--cert-file=${cert}`, `--key-file=${join(folder, "none")}`],
      /--key-file \S+none: there is no such file$/,
    ],
    [
      [...https, `--cert-file=${cert}`, `--key-file=${write("other.key", old.key)}`],
      /--key-file \S+other\.key: is not the key of the certificate in --cert-file \S+cert\.pem$/,
    ],
    [
      [
        ...https,
        `--cert-file=${write("old.pem", old.certificate)}`,
        `--key-file=${write("old.key", old.key)}`,
      ],
      /--cert-file \S+old\.pem: the certificate expired at /,
    ],
    [
      [...peers, `--peer-cert-file=${cert}`, `--peer-key-file=${key}`, `--peer-trusted-ca-file=${key}`],
      /--peer-trusted-ca-file \S+key\.pem: holds no certificate in PEM form$/,
    ],
    [[...https, `--cert-file=${folder}`, `--key-file=${key}`], /--cert-file \S+: cannot be read \(EISDIR\)$/],
  ] as const) {
    const { code, stderr } = await quorate(["serve", `--data-dir=${join(folder, "data")}`, ...flags]);
    assert.match(stderr.trimEnd().split("\n").at(-1) ?? "", complaint);
    assert.equal(code, 1, stderr);
  }
});

test("mixed URLs, revoked clients, and a flood of handshakes that nobody ends", async (context) => {
  const folder = folderOf(context);
  const [secure = 0, clear = 0, peer = 0] = await freePorts(3);
  const own = authority.issue();
  const [alice, mallory] = [
    authority.issue({ commonName: "alice" }),
    authority.issue({ commonName: "mallory" }),
  ];
  for (const [name, text] of [
    ["cert", own.certificate],
    ["key", own.key],
    ["ca", authority.certificate],
    ["crl", authority.revoke(mallory)],
  ] as const) {
    writeFileSync(join(folder, name), text);
  }
  const urls = `https://127.0.0.1:${secure},http://127.0.0.1:${clear}`;
  const member = start(context, folder, "m1", [
    `--listen-client-urls=${urls}`,
    `--advertise-client-urls=${urls}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=m1=http://127.0.0.1:${peer}`,
    `--cert-file=${join(folder, "cert")}`,
    `--key-file=${join(folder, "key")}`,
    `--trusted-ca-file=${join(folder, "ca")}`,
    `--client-crl-file=${join(folder, "crl")}`,
    "--client-cert-auth",
  ]);
  const tlsOf = ({ certificate, key }: { certificate: string; key: string }): ClientTls => ({
    certificateAuthority: authority.certificate,
    certificate,
    key,
  });
  const secureUrl = `https://127.0.0.1:${secure}`;
  await put(secureUrl, tlsOf(alice), "a");
  await put(`http://127.0.0.1:${clear}`, {}, "b");
  const refused = new EtcdClient(secureUrl, 5000, tlsOf(mallory));
  await assert.rejects(refused.status(), { code: 14 });
  refused.close();
  // Half of them say nothing at all, half begin a handshake.
  const flood: Socket[] = [];
  context.after(() => {
    for (const socket of flood) {
      socket.destroy();
    }
  });
  for (let i = 0; i < 400; i++) {
    const socket = connect(secure, "127.0.0.1", () => {
      if (i % 2 === 0) {
        socket.write(Buffer.from([22, 3, 1, 1, 0, 1]));
      }
    });
    socket.on("error", () => {});
    flood.push(socket);
  }
  await put(secureUrl, tlsOf(alice), "during the flood");
  writeFileSync(join(folder, "crl"), authority.revoke(mallory, alice));
  await eventually("the longer list to count", withinMs, async () => {
    const fresh = new EtcdClient(secureUrl, 5000, tlsOf(alice));
    try {
      await fresh.status();
      return undefined;
    } catch {
      return true;
    } finally {
      fresh.close();
    }
  });
  member.kill("SIGTERM");
  assert.deepEqual(await member.ended, { code: 0, signal: null });
});
