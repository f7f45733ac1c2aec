/** Users by certificate: the common name that the server has verified is who calls, through gRPC and nowhere else. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  AuthEnableRequestSchema,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
  create,
  type DescMessage,
  type MessageInitShape,
  PutRequestSchema,
  toBinary,
} from "@quorate/etcd/messages";
import { createGrpcClient, type GrpcClient, GrpcError } from "@quorate/grpc";
import { freePorts } from "@quorate/raft-node/testing";
import { startMemberProcess } from "../../src/local-cluster/member-process.ts";
import { eventually, TestAuthority } from "../../src/testing/index.ts";

const withinMs = 60_000;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Null when it went through, or the server's text. */
async function attempt<D extends DescMessage>(
  client: GrpcClient,
  method: string,
  schema: D,
  init: MessageInitShape<D>,
): Promise<string | null> {
  try {
    const bytes = toBinary(schema, create(schema, init));
    await client.request(`/etcdserverpb.${method}`, bytes, { timeoutMs: 20_000 });
    return null;
  } catch (error) {
    assert.ok(error instanceof GrpcError, String(error));
    return error.message;
  }
}

test("a verified common name is a user with its rights; a name that nobody has is nobody's", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-cn-"));
  const authority = new TestAuthority("quorate tests");
  const server = authority.issue({ commonName: "server" });
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const [url, peerUrl] = [`https://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  const member = startMemberProcess({
    logFile: join(folder, "log"),
    flags: [
      `--data-dir=${join(folder, "data")}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      `--cert-file=${file("cert.pem", server.certificate)}`,
      `--key-file=${file("key.pem", server.key)}`,
      `--trusted-ca-file=${file("ca.pem", authority.certificate)}`,
      "--client-cert-auth",
      "--bcrypt-cost=4",
    ],
  });
  const clients: GrpcClient[] = [];
  context.after(async () => {
    for (const client of clients) {
      client.close();
    }
    member.kill("SIGKILL");
    await member.ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const clientOf = (commonName: string): GrpcClient => {
    const { certificate, key } = authority.issue({ commonName });
    const tls = { certificateAuthority: authority.certificate, certificate, key };
    const client = createGrpcClient(url, { connectTimeoutMs: withinMs, tls });
    clients.push(client);
    return client;
  };
  const put = (client: GrpcClient, key: string): Promise<string | null> =>
    attempt(client, "KV/Put", PutRequestSchema, { key: text(key), value: text("v") });

  await eventually("the member serves", withinMs, async () =>
    (await put(clientOf("anybody"), "free")) === null ? true : undefined,
  );
  const root = clientOf("root");
  const ana = clientOf("ana");
  const done = async (outcome: Promise<string | null>): Promise<void> => assert.equal(await outcome, null);
  const options = { noPassword: true };
  for (const name of ["root", "ana"]) {
    await done(attempt(root, "Auth/UserAdd", AuthUserAddRequestSchema, { name, options }));
  }
  await done(
    attempt(root, "Auth/UserGrantRole", AuthUserGrantRoleRequestSchema, { user: "root", role: "root" }),
  );
  await done(attempt(root, "Auth/RoleAdd", AuthRoleAddRequestSchema, { name: "app" }));
  const perm = { permType: 2, key: text("app/"), rangeEnd: text("app0") };
  const grant = { name: "app", perm };
  await done(attempt(root, "Auth/RoleGrantPermission", AuthRoleGrantPermissionRequestSchema, grant));
  await done(
    attempt(root, "Auth/UserGrantRole", AuthUserGrantRoleRequestSchema, { user: "ana", role: "app" }),
  );
  await done(attempt(root, "Auth/AuthEnable", AuthEnableRequestSchema, {}));

  await done(put(root, "anything"));
  await done(put(ana, "app/1"));
  assert.equal(await put(ana, "other"), "etcdserver: permission denied");
  assert.equal(await put(clientOf("nobody"), "app/1"), "etcdserver: permission denied");
  const add = attempt(ana, "Auth/UserAdd", AuthUserAddRequestSchema, { name: "eve", options });
  assert.equal(await add, "etcdserver: permission denied");
});
