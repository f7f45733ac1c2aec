/** TLS in real processes: clients and members with certificates, renewed while everybody works; who is kept out, and what is said. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import type { ClientTls } from "@quorate/grpc";
import { eventually, freePorts, TestAuthority, type TestCertificate } from "quorate/testing";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { type MemberProcess, startMemberProcess } from "../../src/local-cluster/member-process.ts";

const withinMs = 60_000;

interface Member {
  readonly name: string;
  /** Each on an address of its own, so that certificates can tell them apart. */
  readonly host: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly folder: string;
  process: MemberProcess | null;
}

/** Three members whose files of TLS lie in their folders. */
class TlsCluster {
  readonly folder = mkdtempSync(join(tmpdir(), "quorate-tls-"));
  readonly members: readonly Member[];

  constructor(ports: readonly number[]) {
    this.members = [1, 2, 3].map((number) => {
      const host = `127.0.0.${number}`;
      const folder = join(this.folder, `m${number}`);
      mkdirSync(folder);
      return {
        name: `m${number}`,
        host,
        clientUrl: `https://${host}:${ports[number * 2 - 2]}`,
        peerUrl: `https://${host}:${ports[number * 2 - 1]}`,
        folder,
        process: null,
      };
    });
  }

  /** Writes what every member shows and trusts. */
  certify(member: Member, shown: TestCertificate, trusted: string): void {
    writeFileSync(join(member.folder, "key.pem"), shown.key);
    writeFileSync(join(member.folder, "cert.pem"), shown.certificate);
    writeFileSync(join(member.folder, "ca.pem"), trusted);
  }

  start(member: Member, extra: readonly string[] = []): void {
    const file = (name: string): string => join(member.folder, name);
    member.process = startMemberProcess({
      logFile: file("log"),
      flags: [
        `--name=${member.name}`,
        `--data-dir=${file("data")}`,
        `--listen-client-urls=${member.clientUrl}`,
        `--advertise-client-urls=${member.clientUrl}`,
        `--listen-peer-urls=${member.peerUrl}`,
        `--initial-advertise-peer-urls=${member.peerUrl}`,
        `--initial-cluster=${this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",")}`,
        "--heartbeat-interval=50",
        "--election-timeout=1000",
        `--cert-file=${file("cert.pem")}`,
        `--key-file=${file("key.pem")}`,
        `--trusted-ca-file=${file("ca.pem")}`,
        "--client-cert-auth",
        `--peer-cert-file=${file("cert.pem")}`,
        `--peer-key-file=${file("key.pem")}`,
        `--peer-trusted-ca-file=${file("ca.pem")}`,
        "--peer-client-cert-auth",
        ...extra,
      ],
    });
  }

  log(member: Member): string {
    return readFileSync(join(member.folder, "log"), "utf8");
  }

  async stop(member: Member, signal: NodeJS.Signals): Promise<void> {
    member.process?.kill(signal);
    await member.process?.ended;
  }

  async destroy(): Promise<void> {
    await Promise.all(this.members.map((member) => this.stop(member, "SIGKILL")));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function trust(authority: TestAuthority, own: TestCertificate): ClientTls {
  return { certificateAuthority: authority.certificate, certificate: own.certificate, key: own.key };
}

/** Writes until it is done: while there is no leader, or a member begins anew, calls fail. */
async function put(member: Member, tls: ClientTls, key: string): Promise<void> {
  await eventually(`a write of ${key} at ${member.name}`, withinMs, async () => {
    const client = new EtcdClient(member.clientUrl, 5000, tls);
    try {
      return await client.put(utf8Encode(key), utf8Encode("x"));
    } catch {
      return undefined; // Asked again until the time is over.
    } finally {
      client.close();
    }
  });
}

async function termAt(member: Member, tls: ClientTls): Promise<number> {
  const client = new EtcdClient(member.clientUrl, 5000, tls);
  try {
    return (await client.status()).raftTerm;
  } finally {
    client.close();
  }
}

function page(url: string, tls: ClientTls): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { ca: tls.certificateAuthority, cert: tls.certificate, key: tls.key, agent: false };
    const ask = request(url, options as object, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => resolve(text));
    });
    ask.on("error", reject);
    ask.end();
  });
}

/** A connection that begins a handshake and leaves it. */
function unfinished(host: string, port: number): Socket {
  const socket = connect(port, host, () => socket.write(Buffer.from([22, 3, 1, 1, 0, 1])));
  socket.on("error", () => {});
  return socket;
}

test("a cluster with mutual TLS serves, keeps strangers out, and changes its authority without losing its leader", async () => {
  const old = new TestAuthority("Old");
  const next = new TestAuthority("Next");
  const cluster = new TlsCluster(await freePorts(6));
  const [m1, m2, m3] = cluster.members;
  assert.ok(m1 !== undefined && m2 !== undefined && m3 !== undefined);
  const certificateOf = (authority: TestAuthority, { host }: Member): TestCertificate =>
    authority.issue({ commonName: "member", hosts: [host] });
  const alice = trust(old, old.issue({ commonName: "alice", hosts: [] }));
  try {
    cluster.certify(m1, certificateOf(old, m1), old.certificate);
    cluster.certify(m2, certificateOf(old, m2), old.certificate);
    // The third one has a certificate of the right authority, but with another member's name.
    cluster.certify(m3, certificateOf(old, m2), old.certificate);
    for (const member of cluster.members) {
      cluster.start(member);
    }
    await put(m1, alice, "a");
    await put(m2, alice, "b");
    await eventually("the third member to be refused by name", withinMs, () =>
      /the certificate does not name member [0-9a-f]+, which is reached at 127\.0\.0\.3/.test(cluster.log(m1))
        ? true
        : undefined,
    );
    cluster.certify(m3, certificateOf(old, m3), old.certificate);
    await put(m3, alice, "c");
    assert.equal(await page(`${m1.clientUrl}/health`, alice), '{"health":"true","reason":""}');
    await assert.rejects(page(`${m1.clientUrl}/health`, { certificateAuthority: old.certificate }));

    const termBefore = await termAt(m1, alice);
    const flood = cluster.members.flatMap(({ clientUrl, host }) =>
      Array.from({ length: 150 }, () => unfinished(host, Number(new URL(clientUrl).port))),
    );
    await put(m2, alice, "during a flood of handshakes that nobody ends");
    assert.equal(await termAt(m1, alice), termBefore, "the members kept their leader");
    for (const socket of flood) {
      socket.destroy();
    }
    // The order in which an authority is changed: first all trust both, then all show the new one, then the old one goes.
    const bob = trust(next, next.issue({ commonName: "bob", hosts: [] }));
    for (const member of cluster.members) {
      cluster.certify(member, certificateOf(old, member), old.certificate + next.certificate);
    }
    for (const member of cluster.members) {
      cluster.certify(member, certificateOf(next, member), old.certificate + next.certificate);
    }
    for (const member of cluster.members) {
      cluster.certify(member, certificateOf(next, member), next.certificate);
      await put(member, bob, `renewed ${member.name}`);
    }
    assert.equal(await termAt(m1, bob), termBefore, "the leader was not lost");
    await assert.rejects(termAt(m2, alice), "the old authority vouches for nobody any more");

    await cluster.stop(m3, "SIGKILL");
    cluster.start(m3);
    await put(m3, bob, "back");

    writeFileSync(join(m1.folder, "cert.pem"), "half a file");
    await eventually("the broken file to be told", withinMs, async () => {
      await put(m1, bob, "while the file is broken");
      return /--cert-file .*holds no certificate in PEM form.*those before stay in force/.test(
        cluster.log(m1),
      )
        ? true
        : undefined;
    });
    for (const member of cluster.members) {
      await cluster.stop(member, "SIGTERM");
      assert.deepEqual(
        await member.process?.ended,
        { code: 0, signal: null },
        cluster.log(member).slice(-2000),
      );
    }
  } catch (error) {
    const logs = cluster.members.map((member) => `--- ${member.name}\n${cluster.log(member).slice(-2500)}`);
    throw new Error(logs.join("\n"), { cause: error });
  } finally {
    await cluster.destroy();
  }
});
