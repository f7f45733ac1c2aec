/**
 * A member that was away while others came and went, in real processes with TLS between them: it does not know who calls, and its vote is
 * needed. The caller's certificate names the host of the peer URL that it tells.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { createGrpcClient } from "@quorate/grpc";
import { eventually, freePorts, TestAuthority } from "quorate/testing";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { encodeFields, Fields } from "../../src/client/protobuf-fields.ts";
import { type MemberProcess, startMemberProcess } from "../../src/local-cluster/member-process.ts";

const withinMs = 60_000;

interface Member {
  readonly name: string;
  readonly folder: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  process: MemberProcess | null;
}

/** Four members, the first three of which found the cluster. Each has an address and a certificate of its own. */
class Members {
  readonly folder: string = mkdtempSync(join(tmpdir(), "quorate-tls-"));
  readonly all: readonly Member[];

  constructor(ports: readonly number[], authority: TestAuthority) {
    this.all = [1, 2, 3, 4].map((number) => {
      const folder = join(this.folder, `m${number}`);
      mkdirSync(folder);
      const shown = authority.issue({ commonName: "member", hosts: [`127.0.0.${number}`] });
      writeFileSync(join(folder, "key.pem"), shown.key);
      writeFileSync(join(folder, "cert.pem"), shown.certificate);
      writeFileSync(join(folder, "ca.pem"), authority.certificate);
      return {
        name: `m${number}`,
        folder,
        clientUrl: `http://127.0.0.${number}:${ports[number * 2 - 2]}`,
        peerUrl: `https://127.0.0.${number}:${ports[number * 2 - 1]}`,
        process: null,
      };
    });
  }

  start(member: Member, cluster: readonly Member[], extra: readonly string[] = []): void {
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
        `--initial-cluster=${cluster.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",")}`,
        "--heartbeat-interval=50",
        "--election-timeout=500",
        `--peer-cert-file=${file("cert.pem")}`,
        `--peer-key-file=${file("key.pem")}`,
        `--peer-trusted-ca-file=${file("ca.pem")}`,
        "--peer-client-cert-auth",
        // Members are added while one is away.
        "--strict-reconfig-check=false",
        ...extra,
      ],
    });
  }

  async stop(member: Member): Promise<void> {
    member.process?.kill("SIGTERM");
    await member.process?.ended;
  }

  logs(): string {
    return this.all
      .filter(({ process }) => process !== null)
      .map(({ folder, name }) => `--- ${name}\n${readFileSync(join(folder, "log"), "utf8").slice(-2500)}`)
      .join("\n");
  }

  async destroy(): Promise<void> {
    for (const { process } of this.all) {
      process?.kill("SIGKILL");
      await process?.ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asked again until it is done: a cluster between two leaders refuses. */
function eventuallyCall(member: Member, name: string, message: Uint8Array): Promise<Fields> {
  return eventually(`${name} at ${member.name}`, withinMs, async () => {
    const client = createGrpcClient(member.clientUrl);
    try {
      return new Fields(await client.request(`/etcdserverpb.Cluster/${name}`, message, { timeoutMs: 5000 }));
    } catch {
      return undefined; // Until the time is over.
    } finally {
      client.close();
    }
  });
}

function put(member: Member, key: string): Promise<unknown> {
  return eventually(`a write at ${member.name}`, withinMs, async () => {
    const client = new EtcdClient(member.clientUrl, 5000);
    try {
      return await client.put(utf8Encode(key), utf8Encode("x"));
    } catch {
      return undefined; // Until the time is over.
    } finally {
      client.close();
    }
  });
}

async function idOf(member: Member, at: Member): Promise<bigint> {
  const list = await eventuallyCall(at, "MemberList", new Uint8Array());
  const found = list.messages(2).find((each) => each.texts(3).includes(member.peerUrl));
  assert.ok(found !== undefined, `${member.name} is no member`);
  return found.uint(1);
}

test("a member that missed who came and went votes for one that it does not know, over TLS", async () => {
  const members = new Members(await freePorts(8), new TestAuthority("Members"));
  const [m1, m2, m3, m4] = members.all;
  assert.ok(m1 !== undefined && m2 !== undefined && m3 !== undefined && m4 !== undefined);
  const founders = [m1, m2, m3];
  try {
    for (const member of founders) {
      members.start(member, founders);
    }
    await put(m3, "with all");
    await members.stop(m3);
    await eventuallyCall(m2, "MemberAdd", encodeFields({ 1: utf8Encode(m4.peerUrl), 2: 1 }));
    members.start(m4, members.all, ["--initial-cluster-state=existing"]);
    await eventuallyCall(m2, "MemberPromote", encodeFields({ 1: Number(await idOf(m4, m2)) }));
    await eventuallyCall(m2, "MemberRemove", encodeFields({ 1: Number(await idOf(m1, m2)) }));
    await put(m4, "while the third is away");
    // Of 2, 3 and 4 the third and the fourth are left, and the third does not know the fourth.
    await members.stop(m2);
    members.start(m3, founders);
    await put(m4, "with a vote of the third");
    await put(m3, "and at the third");
    assert.equal((await m1.process?.ended)?.code, 0, "the first was removed, and stopped");
  } catch (error) {
    throw new Error(members.logs(), { cause: error });
  } finally {
    await members.destroy();
  }
});
