/** Signed tokens: every method, and the known ways to get one past a server that trusts what a token says of itself. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { SignedTokenPort } from "@quorate/etcd";
import { authTokenKind } from "../../src/auth/auth-token.ts";
import { createSignedTokens } from "../../src/auth/signed-tokens.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-tokens-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const pem = {
  private: (key: KeyObject): string => String(key.export({ type: "pkcs8", format: "pem" })),
  public: (key: KeyObject): string => String(key.export({ type: "spki", format: "pem" })),
};

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const keys = {
  rsa: file("rsa.key", pem.private(rsa.privateKey)),
  rsaPkcs1: file("rsa1.key", String(rsa.privateKey.export({ type: "pkcs1", format: "pem" }))),
  rsaPublic: file("rsa.pub", pem.public(rsa.publicKey)),
  ec: file("ec.key", pem.private(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey)),
  ec384: file("ec384.key", pem.private(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)),
  rsa1024: file("short.key", pem.private(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey)),
  ed: file("ed.key", pem.private(generateKeyPairSync("ed25519").privateKey)),
  secret: file("secret", randomBytes(64)),
};

function tokens(options: string): SignedTokenPort {
  const parsed = authTokenKind.parse(`jwt,${options}`);
  assert.ok("value" in parsed && parsed.value.kind === "jwt", JSON.stringify(parsed));
  return createSignedTokens(parsed.value, (error) => assert.fail(String(error)));
}

const signed = (port: SignedTokenPort, user = "ana", revision = 7): Promise<string | null> =>
  new Promise((resolve) => port.sign(user, revision, resolve));
const verified = (port: SignedTokenPort, token: string): Promise<unknown> =>
  new Promise((resolve) => port.verify(token, resolve)).then((found) => {
    const { user, authRevision } = (found ?? {}) as Record<string, unknown>;
    return found === null ? null : { user, authRevision };
  });

for (const [method, key] of [
  ["HS256", keys.secret],
  ["HS384", keys.secret],
  ["HS512", keys.secret],
  ["RS256", keys.rsa],
  ["RS512", keys.rsaPkcs1],
  ["PS384", keys.rsa],
  ["ES256", keys.ec],
  ["ES384", keys.ec384],
  ["EdDSA", keys.ed],
] as const) {
  test(`${method}: what was signed is found, once and again; what was changed is not`, async () => {
    const port = tokens(`sign-method=${method},priv-key=${key}`);
    const token = (await signed(port)) ?? assert.fail();
    assert.equal(JSON.parse(atob(token.split(".")[0] ?? "")).alg, method);
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await verified(port, token), { user: "ana", authRevision: 7 });
    }
    const [head = "", , signature = ""] = token.split(".");
    const forged = Buffer.from(JSON.stringify({ username: "root", revision: 7 })).toString("base64url");
    assert.equal(await verified(port, `${head}.${forged}.${signature}`), null);
    assert.equal(await verified(port, token.slice(0, -2)), null);
  });
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

test("a token does not say how it is to be checked", async () => {
  const port = tokens(`sign-method=RS256,priv-key=${keys.rsa}`);
  const claims = encode({ username: "root", revision: 7 });
  const none = `${encode({ alg: "none", typ: "JWT" })}.${claims}.`;
  assert.equal(await verified(port, none), null);
  // The public key is no secret: a token signed with it as one must not pass.
  for (const secret of [pem.public(rsa.publicKey), pem.public(rsa.publicKey).trim()]) {
    const body = `${encode({ alg: "HS256", typ: "JWT" })}.${claims}`;
    const swapped = `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
    assert.equal(await verified(port, swapped), null);
  }
  for (const extra of [
    { kid: "../../../../dev/null" },
    { kid: keys.secret },
    { jku: "http://127.0.0.1:1/" },
  ]) {
    const body = `${encode({ alg: "HS256", ...extra })}.${claims}`;
    const signature = createHmac("sha256", "").update(body).digest("base64url");
    assert.equal(await verified(port, `${body}.${signature}`), null);
  }
  const other = `${encode({ alg: "PS256" })}.${claims}`;
  const pss = { key: rsa.privateKey, padding: 6, saltLength: 32 };
  assert.equal(
    await verified(port, `${other}.${sign("sha256", Buffer.from(other), pss).toString("base64url")}`),
    null,
  );
});

function signedBy(port: "rsa", claims: object): string {
  const body = `${encode({ alg: "RS256" })}.${encode(claims)}`;
  assert.equal(port, "rsa");
  return `${body}.${sign("sha256", Buffer.from(body), rsa.privateKey).toString("base64url")}`;
}

test("claims: those of etcd, and nothing half", async () => {
  const port = tokens(`sign-method=RS256,pub-key=${keys.rsaPublic}`);
  const seconds = Math.floor(Date.now() / 1000);
  const whole = { username: "ana", revision: 7 };
  assert.deepEqual(await verified(port, signedBy("rsa", whole)), { user: "ana", authRevision: 7 });
  assert.notEqual(await verified(port, signedBy("rsa", { ...whole, exp: seconds + 60 })), null);
  for (const claims of [
    { username: "ana" },
    { revision: 7 },
    { username: 5, revision: 7 },
    { username: "ana", revision: "7" },
    { username: "ana", revision: 7.5 },
    { username: "ana", revision: 1e300 },
    { ...whole, exp: seconds - 60 },
    { ...whole, exp: "later" },
    { ...whole, nbf: seconds + 60 },
  ]) {
    assert.equal(await verified(port, signedBy("rsa", claims)), null, JSON.stringify(claims));
  }
  for (const nonsense of ["", ".", "..", "a.b.c", "x".repeat(9000), "\u{1f511}.\u{1f511}.\u{1f511}"]) {
    assert.equal(await verified(port, nonsense), null);
  }
});

test("a remembered token ends in time, too", async (context) => {
  const port = tokens(`sign-method=HS256,priv-key=${keys.secret},ttl=5m`);
  const token = (await signed(port)) ?? assert.fail();
  assert.notEqual(await verified(port, token), null);
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 301_000 });
  assert.equal(await verified(port, token), null);
});

test("with a public key only, tokens are checked and none is given out", async () => {
  const port = tokens(`sign-method=RS256,pub-key=${keys.rsaPublic}`);
  assert.equal(await signed(port), null);
  const signing = tokens(`sign-method=RS256,priv-key=${keys.rsa},pub-key=${keys.rsaPublic}`);
  assert.deepEqual(await verified(port, (await signed(signing)) ?? ""), { user: "ana", authRevision: 7 });
});

for (const [options, problem] of [
  [`sign-method=RS256,priv-key=${join(folder, "missing")}`, /--auth-token: .*missing: ENOENT/],
  [`sign-method=RS256,priv-key=${keys.secret}`, /--auth-token: .*secret/],
  [`sign-method=RS256,priv-key=${keys.ec}`, /a key of type ec cannot sign by RS256/],
  [`sign-method=ES256,priv-key=${keys.ec384}`, /ES256 needs a key of curve prime256v1, not secp384r1/],
  [`sign-method=RS256,priv-key=${keys.rsa1024}`, /an RSA key needs 2048 bits or more \(has 1024\)/],
  [`sign-method=ES256,pub-key=${keys.rsaPublic}`, /a key of type rsa cannot sign by ES256/],
  [`sign-method=ES256,priv-key=${keys.ec},pub-key=${keys.rsaPublic}`, /is not the public key of/],
] as const) {
  test(`a key that does not do is told at the start: ${options.replaceAll(folder, "…")}`, () => {
    assert.throws(() => tokens(options), problem);
  });
}
