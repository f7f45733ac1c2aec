/**
 * Access control on real members: tokens that all of them know, rights that change while members are killed, started and fed
 * by snapshots, and secrets that no log line shows.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AuthDisableRequestSchema,
  AuthEnableRequestSchema,
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthStatusRequestSchema,
  AuthStatusResponseSchema,
  AuthUserAddRequestSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserGrantRoleRequestSchema,
  create,
  type DescMessage,
  fromBinary,
  HashRequestSchema,
  HashResponseSchema,
  type MessageInitShape,
  type MessageShape,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  toBinary,
} from "@quorate/etcd/messages";
import { createGrpcClient, GrpcError } from "@quorate/grpc";
import {
  createProcessCluster,
  eventually,
  type ProcessCluster,
  type ProcessMember,
} from "../../src/testing/index.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const withinMs = 60_000;
const unavailable = 14;

/** One call on a connection of its own; rejects with the server's text. */
async function call<D extends DescMessage>(
  member: ProcessMember,
  method: string,
  schema: D,
  init: MessageInitShape<D>,
  token = "",
): Promise<Uint8Array> {
  const client = createGrpcClient(member.clientUrl, { connectTimeoutMs: 5000 });
  try {
    const path = method.includes("/") ? `/etcdserverpb.${method}` : `/etcdserverpb.Auth/${method}`;
    const metadata = token === "" ? {} : { token };
    return await client.request(path, toBinary(schema, create(schema, init)), {
      timeoutMs: 20_000,
      metadata,
    });
  } finally {
    client.close();
  }
}

async function ask<D extends DescMessage, A extends DescMessage>(
  member: ProcessMember,
  method: string,
  schema: D,
  init: MessageInitShape<D>,
  answer: A,
  token = "",
): Promise<MessageShape<A>> {
  return fromBinary(answer, await call(member, method, schema, init, token));
}

/** The first answer that is not a want of a leader, which a change of members' lives brings with it. */
async function patiently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  return eventually(what, withinMs, async () => {
    try {
      return { value: await attempt() };
    } catch (error) {
      if (error instanceof GrpcError && error.code === unavailable) {
        return undefined;
      }
      throw error;
    }
  }).then(({ value }) => value);
}

async function login(member: ProcessMember, name: string, password: string): Promise<string> {
  const { token } = await patiently(`${name} logs in`, () =>
    ask(member, "Authenticate", AuthenticateRequestSchema, { name, password }, AuthenticateResponseSchema),
  );
  return token;
}

async function begin(member: ProcessMember, rootPassword: string): Promise<void> {
  await patiently("root is added", () =>
    call(member, "UserAdd", AuthUserAddRequestSchema, { name: "root", password: rootPassword }),
  );
  await call(member, "UserGrantRole", AuthUserGrantRoleRequestSchema, { user: "root", role: "root" });
  await call(member, "AuthEnable", AuthEnableRequestSchema, {});
}

/** Whether a member is not up, or does not know a token: a snapshot does not bring those that were given out before it. */
function isNotReady(error: unknown): boolean {
  return (
    error instanceof GrpcError &&
    (error.code === unavailable || error.message === "etcdserver: invalid auth token")
  );
}

/** Waits until every member has applied the same, and expects the same history and rights of all. */
async function expectAgreement(cluster: ProcessCluster, rootPassword: string): Promise<void> {
  await eventually("all members have the same state", withinMs, async () => {
    const token = await login(cluster.members[0] as ProcessMember, "root", rootPassword);
    const applied = await appliedByAll(cluster);
    const hashes = await Promise.all(
      cluster.members.map((member) =>
        ask(member, "Maintenance/Hash", HashRequestSchema, {}, HashResponseSchema, token),
      ),
    ).catch((error: unknown) => (isNotReady(error) ? null : Promise.reject(error)));
    if (hashes === null || applied === null || (await appliedByAll(cluster)) !== applied) {
      return undefined;
    }
    assert.equal(new Set(hashes.map(({ hash }) => hash)).size, 1, "members differ");
    return true;
  });
}

/** The index that all members have applied; null while they are apart. */
async function appliedByAll(cluster: ProcessCluster): Promise<number | null> {
  const pages = await Promise.all(cluster.members.map((member) => member.status()));
  const [first, ...others] = pages.map((page) => page?.applied ?? null);
  return first !== undefined && others.every((applied) => applied === first) ? first : null;
}

/** Puts until nobody that runs can serve `victim`, which is down, from its log any more: only a snapshot brings it back. */
async function putUntilCompacted(
  cluster: ProcessCluster,
  member: ProcessMember,
  victim: ProcessMember,
): Promise<void> {
  const others = cluster.members.filter((other) => other !== victim);
  const pages = () => Promise.all(others.map((other) => other.status()));
  const held = Math.max(...(await pages()).map((page) => page?.log.lastIndex ?? 0));
  assert.ok(held > 0, "nobody tells how long the log is");
  await eventually("the log is compacted beyond the victim", withinMs, async () => {
    const puts = Array.from({ length: 20 }, (_, i) => {
      const key = text(`free/${i}`);
      return patiently("a put", () => call(member, "KV/Put", PutRequestSchema, { key, value: key }));
    });
    await Promise.all(puts);
    const isCompacted = (await pages()).every((page) => page !== null && page.log.firstIndex > held + 1);
    return isCompacted || undefined;
  });
}

describe("three members", () => {
  let cluster: ProcessCluster;
  const secrets = ["Root-Secret-8321", "Ana-Secret-5549", "Wrong-Secret-7741", "New-Secret-1187"] as const;
  const tokens: string[] = [];

  before(async () => {
    cluster = await createProcessCluster({
      flags: ["--bcrypt-cost=4", "--log-level=debug", "--snapshot-count=40"],
    });
    cluster.startAll();
    await cluster.leader(withinMs);
  });
  after(async () => cluster?.destroy());

  test("a token of one member is good on all of them at once", async () => {
    const [first, ...others] = cluster.members;
    assert.ok(first !== undefined && others.length === 2);
    await begin(first, secrets[0]);
    const root = await login(first, "root", secrets[0]);
    tokens.push(root);
    await call(first, "UserAdd", AuthUserAddRequestSchema, { name: "ana", password: secrets[1] }, root);
    await call(first, "RoleAdd", AuthRoleAddRequestSchema, { name: "app" }, root);
    const perm = { permType: 2, key: text("app/"), rangeEnd: text("app0") };
    await call(
      first,
      "RoleGrantPermission",
      AuthRoleGrantPermissionRequestSchema,
      { name: "app", perm },
      root,
    );
    await call(first, "UserGrantRole", AuthUserGrantRoleRequestSchema, { user: "ana", role: "app" }, root);
    for (let round = 0; round < 5; round++) {
      const ana = await login(first, "ana", secrets[1]);
      tokens.push(ana);
      const key = text(`app/${round}`);
      await Promise.all(
        others.map((member) => call(member, "KV/Put", PutRequestSchema, { key, value: key }, ana)),
      );
    }
    await assert.rejects(
      login(first, "ana", secrets[2]),
      /authentication failed, invalid user ID or password/,
    );
    await assert.rejects(
      call(first, "KV/Range", RangeRequestSchema, { key: text("x") }, "Planted-Token.99"),
      /invalid auth token/,
    );
    await expectAgreement(cluster, secrets[0]);
    const page = await (await fetch(`${first.clientUrl}/metrics`)).text();
    assert.match(page, /^etcd_debugging_auth_revision 7$/m, "six changes, counted from 1");
  });

  test("switched on and off while members die and come back, rights never differ", async () => {
    const [stable, other, third] = cluster.members;
    assert.ok(stable !== undefined && other !== undefined && third !== undefined);
    for (let round = 0; round < 2; round++) {
      const victim = round % 2 === 0 ? other : third;
      await victim.kill();
      const root = await login(stable, "root", secrets[0]);
      tokens.push(root);
      await patiently("ana's password changes", () =>
        call(
          stable,
          "UserChangePassword",
          AuthUserChangePasswordRequestSchema,
          { name: "ana", password: secrets[3] },
          root,
        ),
      );
      await patiently("off", () => call(stable, "AuthDisable", AuthDisableRequestSchema, {}, root));
      await putUntilCompacted(cluster, stable, victim);
      await patiently("on", () => call(stable, "AuthEnable", AuthEnableRequestSchema, {}));
      victim.start();
      const nobody = patiently("a put of nobody", () =>
        call(stable, "KV/Put", PutRequestSchema, { key: text("free/0"), value: text("x") }),
      );
      await assert.rejects(nobody, /user name is empty/);
      await expectAgreement(cluster, secrets[0]);
    }
    for (const member of [other, third]) {
      assert.match(member.log(), /snapshot installed/, `${member.name} was never fed a snapshot`);
    }
    const revisions = await Promise.all(
      cluster.members.map((member) =>
        patiently("status", () =>
          ask(member, "AuthStatus", AuthStatusRequestSchema, {}, AuthStatusResponseSchema),
        ),
      ),
    );
    assert.equal(new Set(revisions.map(({ authRevision, enabled }) => `${enabled} ${authRevision}`)).size, 1);
    assert.equal(revisions[0]?.enabled, true);
  });

  test("after a restart of all, rights stand and old tokens are nobody's", async () => {
    await Promise.all(cluster.members.map((member) => member.kill()));
    cluster.startAll();
    await cluster.leader(withinMs);
    for (const member of cluster.members) {
      const read = (token: string): Promise<MessageShape<typeof RangeResponseSchema>> =>
        patiently("a read", () =>
          ask(member, "KV/Range", RangeRequestSchema, { key: text("app/1") }, RangeResponseSchema, token),
        );
      await assert.rejects(read(""), /user name is empty/);
      await assert.rejects(read(tokens[0] ?? ""), /invalid auth token/);
      assert.equal((await read(await login(member, "ana", secrets[3]))).kvs.length, 1);
    }
  });

  test("no line of any log shows a password, a hash or a token", () => {
    assert.ok(tokens.length >= 7);
    for (const member of cluster.members) {
      const log = member.log();
      assert.match(log, /ready to serve client requests/);
      for (const secret of [...secrets, ...tokens, "Planted-Token", "$2b$", "$2a$"]) {
        assert.ok(!log.includes(secret), `${member.name} logs ${secret}`);
      }
    }
    const lines = cluster.members.map((member) => member.log()).join("\n");
    assert.match(
      lines,
      /invalid authentication was requested.*"user":"ana"|"user":"ana".*invalid authentication/,
    );
  });
});
