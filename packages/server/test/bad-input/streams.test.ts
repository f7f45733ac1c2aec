/**
 * Floods of what is allowed one by one, and tokens that are nobody's, on a cluster of three: each gets etcd's code and text, other clients are
 * served meanwhile and after it, and all members hold the same.
 */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import {
  Auth,
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  KV,
  Lease,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  Watch,
} from "@quorate/etcd/messages";
import { createGrpcClient, type GrpcClient, GrpcError } from "@quorate/grpc";
import { createTestEtcd, eventually, type TestEtcd } from "../../src/testing/index.ts";
import { pathOf, pause } from "../crash/members.ts";
import { membersAgree } from "./attack/equal-members.ts";

const withinMs = 60_000;

type MethodOf<Request extends DescMessage, Response extends DescMessage> = DescMethod & {
  readonly input: Request;
  readonly output: Response;
};

async function ask<Request extends DescMessage, Response extends DescMessage>(
  client: GrpcClient,
  method: MethodOf<Request, Response>,
  init: MessageInitShape<Request>,
  token = "",
): Promise<MessageShape<Response>> {
  const request = toBinary(method.input, create(method.input, init));
  const metadata = token === "" ? {} : { token };
  return fromBinary(
    method.output,
    await client.request(pathOf(method), request, { timeoutMs: withinMs, metadata }),
  );
}

/** `code text`, or `OK`. */
async function outcome(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return "OK";
  } catch (error) {
    if (error instanceof GrpcError) {
      return `${error.code} ${error.message}`;
    }
    throw error;
  }
}

const key = utf8Encode("key");
const value = utf8Encode("value");

let etcd: TestEtcd;
let client: GrpcClient;
let other: GrpcClient;

before(async () => {
  etcd = await createTestEtcd({
    nodes: 3,
    flags: ["--heartbeat-interval=100", "--election-timeout=3000", "--bcrypt-cost=5"],
  });
  const leader = await etcd.leader();
  const follower = etcd.members.find((member) => member !== leader);
  client = createGrpcClient(leader.clientUrl);
  other = createGrpcClient(follower?.clientUrl ?? "");
});

after(async () => {
  client?.close();
  other?.close();
  await etcd?.close();
});

/** Asks for writes, as somebody else would, until `flood` is over; how long the longest took. */
async function served(flood: Promise<unknown>): Promise<number> {
  let over = false;
  let longestMs = 0;
  const ended = flood.finally(() => {
    over = true;
  });
  do {
    const asked = performance.now();
    await ask(other, KV.method.put, { key, value });
    longestMs = Math.max(longestMs, performance.now() - asked);
    await pause(2);
  } while (!over);
  await ended;
  return longestMs;
}

const longestMsMax = 10_000;

async function counted(flood: Promise<readonly string[]>): Promise<ReadonlyMap<string, number>> {
  const outcomes = new Map<string, number>();
  for (const one of await flood) {
    outcomes.set(one, (outcomes.get(one) ?? 0) + 1);
  }
  return outcomes;
}

test("4,000 writes at once: each is written, or refused as one too many", async () => {
  // Preparing so many takes longer than a connection may take to stand.
  await ask(client, KV.method.put, { key, value });
  const flood = Promise.all(
    Array.from({ length: 4000 }, (_, i) =>
      outcome(ask(client, KV.method.put, { key: utf8Encode(`flood/${i % 100}`), value })),
    ),
  );
  const longestMs = await served(flood);
  const outcomes = await counted(flood);
  const allowed = new Set(["OK", "8 etcdserver: too many requests"]);
  assert.deepEqual(
    [...outcomes.keys()].filter((one) => !allowed.has(one)),
    [],
  );
  assert.ok((outcomes.get("OK") ?? 0) > 1000, JSON.stringify([...outcomes]));
  assert.ok(longestMs < longestMsMax, `${longestMs} ms`);
  for (let i = 0; i < 20; i++) {
    assert.equal(await outcome(ask(client, KV.method.put, { key, value })), "OK");
  }
  await membersAgree(etcd.clientUrls);
});

test("5,000 leases at once, and all of them revoked", async () => {
  const ids = Array.from({ length: 5000 }, (_, i) => BigInt(100_000 + i));
  const grant = Promise.all(ids.map((ID) => ask(client, Lease.method.leaseGrant, { ID, TTL: 3600n })));
  assert.ok((await served(grant)) < longestMsMax);
  const { leases } = await ask(other, Lease.method.leaseLeases, {});
  assert.ok(leases.length >= ids.length);
  const revoke = Promise.all(ids.map((ID) => ask(client, Lease.method.leaseRevoke, { ID })));
  assert.ok((await served(revoke)) < longestMsMax);
  assert.equal((await ask(other, Lease.method.leaseLeases, {})).leases.length, leases.length - ids.length);
  await membersAgree(etcd.clientUrls);
});

test("keep-alives of leases that are not there, without end, on a stream that is not read", async () => {
  const { leaseKeepAlive } = Lease.method;
  const stream = client.stream(pathOf(leaseKeepAlive), {}, { message: () => {}, ended: () => {} });
  stream.pause();
  const flood = (async () => {
    for (let i = 0; i < 10_000; i++) {
      stream.write(toBinary(leaseKeepAlive.input, create(leaseKeepAlive.input, { ID: 99n })));
      if (i % 500 === 0) {
        await pause(1);
      }
    }
  })();
  assert.ok((await served(flood)) < longestMsMax);
  stream.cancel();
  await membersAgree(etcd.clientUrls);
});

const watchPath = pathOf(Watch.method.watch);
const watchMessage = (init: MessageInitShape<typeof Watch.method.watch.input>): Uint8Array =>
  toBinary(Watch.method.watch.input, create(Watch.method.watch.input, init));

test("10,000 watches of everything on one stream that is not read; cancels and bytes that are no message", async () => {
  const stream = client.stream(watchPath, {}, { message: () => {}, ended: () => {} });
  stream.pause();
  const all = { key: utf8Encode("\0"), rangeEnd: utf8Encode("\0") };
  const flood = (async () => {
    for (let i = 0; i < 10_000; i++) {
      stream.write(watchMessage({ requestUnion: { case: "createRequest", value: all } }));
      stream.write(watchMessage({ requestUnion: { case: "cancelRequest", value: { watchId: -1n } } }));
      if (i % 500 === 0) {
        await pause(1);
      }
    }
  })();
  assert.ok((await served(flood)) < longestMsMax);
  stream.cancel();
  for (const bytes of [[0xff], [0x0a, 0x05, 0x61], [0x0a, 0x80, 0x80, 0x80, 0x80, 0x08]]) {
    let ended = "";
    const broken = client.stream(
      watchPath,
      {},
      { message: () => {}, ended: (error) => (ended = error === null ? "OK" : `${error.code}`) },
    );
    broken.write(Uint8Array.from(bytes));
    assert.equal(await eventually("the broken stream to end", withinMs, () => ended || undefined), "13");
  }
  await membersAgree(etcd.clientUrls);
});

test("more passwords at once than may wait to be compared: too many requests, then all is well again", async () => {
  await ask(client, Auth.method.userAdd, { name: "root", password: "secret" });
  await ask(client, Auth.method.userGrantRole, { user: "root", role: "root" });
  await ask(client, Auth.method.authEnable, {});
  const login = { name: "root", password: "secret" };
  const flood = Promise.all(
    Array.from({ length: 500 }, () => outcome(ask(client, Auth.method.authenticate, login))),
  );
  const outcomes = await counted(flood);
  const refused = outcomes.get("8 etcdserver: too many requests") ?? 0;
  assert.deepEqual(
    [refused > 100, refused + (outcomes.get("OK") ?? 0)],
    [true, 500],
    JSON.stringify([...outcomes]),
  );
  const { token } = await ask(client, Auth.method.authenticate, login);
  await ask(client, Auth.method.authDisable, {}, token);
  await membersAgree(etcd.clientUrls);
});

test("tokens that are nobody's: those of another cluster, forged, long, none at all", {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-tokens-"));
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const foreign = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(join(folder, "key"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(join(folder, "foreign"), foreign.privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  const clusterOf = async (token: string): Promise<{ cluster: TestEtcd; root: string; to: GrpcClient }> => {
    const cluster = await createTestEtcd({ nodes: 1, flags: [`--auth-token=${token}`, "--bcrypt-cost=4"] });
    const to = createGrpcClient(cluster.clientUrls[0] ?? "");
    await ask(to, Auth.method.userAdd, { name: "root", password: "secret" });
    await ask(to, Auth.method.userGrantRole, { user: "root", role: "root" });
    await ask(to, Auth.method.authEnable, {});
    const { token: root } = await ask(to, Auth.method.authenticate, { name: "root", password: "secret" });
    return { cluster, root, to };
  };
  const jwt = await clusterOf(`jwt,sign-method=RS256,priv-key=${join(folder, "key")}`);
  const otherJwt = await clusterOf(`jwt,sign-method=RS256,priv-key=${join(folder, "foreign")}`);
  const simple = await clusterOf("simple");
  const otherSimple = await clusterOf("simple");
  const encode = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString("base64url");
  const rootClaims = encode({ username: "root", revision: 3 });
  const unsigned = `${encode({ alg: "none", typ: "JWT" })}.${rootClaims}.`;
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${rootClaims}`;
  const invalid = "16 etcdserver: invalid auth token";
  try {
    for (const { to, root } of [jwt, simple]) {
      assert.equal(await outcome(ask(to, KV.method.range, { key }, root)), "OK");
      assert.equal(await outcome(ask(to, KV.method.range, { key })), "3 etcdserver: user name is empty");
      for (const token of [
        "nonsense",
        ".",
        "..",
        otherJwt.root,
        otherSimple.root.replace(/\.\d+$/, ".999"),
        unsigned,
        `${body}.${createHmac("sha256", "").update(body).digest("base64url")}`,
        `${root}x`,
        root.slice(0, -1),
        root.slice(1),
        "x".repeat(8000),
      ]) {
        assert.equal(await outcome(ask(to, KV.method.range, { key }, token)), invalid, token.slice(0, 100));
      }
      assert.match(
        await outcome(ask(to, KV.method.range, { key }, "x".repeat(20_000))),
        /^(13|8|14|2) /,
        "longer than all headers may be",
      );
      assert.equal(await outcome(ask(to, KV.method.range, { key }, root)), "OK");
    }
    await ask(simple.to, Auth.method.authDisable, {}, simple.root);
    assert.equal(
      await outcome(ask(simple.to, KV.method.range, { key }, "nonsense")),
      "OK",
      "as in etcd, tokens are not looked at while access control is off",
    );
    await ask(simple.to, Auth.method.authEnable, {});
    assert.equal(
      await outcome(ask(simple.to, KV.method.range, { key }, simple.root)),
      invalid,
      "tokens end with access control",
    );
  } finally {
    for (const { cluster, to } of [jwt, otherJwt, simple, otherSimple]) {
      to.close();
      await cluster.close();
    }
    rmSync(folder, { recursive: true });
  }
});
