/** Who calls: by a token, its form, its life and its end, by a signed one, or by a certificate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SignedTokenPort } from "@quorate/etcd";
import {
  AuthDisableRequestSchema,
  AuthRoleDeleteRequestSchema,
  AuthStatusRequestSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserDeleteRequestSchema,
} from "@quorate/etcd/messages";
import {
  denied,
  empty,
  type GuardedMember,
  get,
  invalidToken,
  oldRevision,
  put,
  readyMember,
  refusal,
} from "./auth-fixture.ts";
import { type FakeCall, FakeStream, text } from "./fixture.ts";

test("a token: by either name, with or without Bearer; a bad one is worse than none", () => {
  const member = readyMember();
  const { token } = member.login("ana");
  assert.equal(put(member, "a/1", { token }).failure, null);
  assert.equal(put(member, "a/1", { authorization: token }).failure, null);
  assert.equal(put(member, "a/1", { authorization: `Bearer ${token}` }).failure, null);
  assert.equal(refusal(put(member, "b", { token })), denied);
  assert.equal(refusal(put(member, "a/1")), empty);
  for (const bad of [
    "",
    "x",
    `${token}0`,
    "a.1",
    "..",
    "\u{1f511}",
    token.toUpperCase(),
    `${token},${token}`,
  ]) {
    assert.equal(refusal(put(member, "a/1", { token: bad })), invalidToken, bad);
    const status = member.call("/etcdserverpb.Auth/AuthStatus", AuthStatusRequestSchema, {}, { token: bad });
    assert.equal(refusal(status), invalidToken);
  }
});

test("a token lives on by use, on the member that sees it, and ends without", () => {
  const member = readyMember();
  const { token } = member.login("ana");
  const minutes = (count: number): void => member.api.tick(1000 + count * 60_000);
  minutes(4);
  assert.equal(get(member, "a/1", { token }).failure, null);
  minutes(8);
  assert.equal(get(member, "a/1", { token }).failure, null);
  minutes(13);
  assert.equal(refusal(get(member, "a/1", { token })), invalidToken);
});

test("tokens end when their user goes, its password changes, a role of its is deleted; all, when it is switched off", () => {
  const ends: readonly ((member: GuardedMember, metadata: Record<string, string>) => FakeCall)[] = [
    (member, metadata) =>
      member.call("/etcdserverpb.Auth/UserDelete", AuthUserDeleteRequestSchema, { name: "ana" }, metadata),
    (member, metadata) =>
      member.call(
        "/etcdserverpb.Auth/UserChangePassword",
        AuthUserChangePasswordRequestSchema,
        { name: "ana", password: "new" },
        metadata,
      ),
    (member, metadata) =>
      member.call("/etcdserverpb.Auth/RoleDelete", AuthRoleDeleteRequestSchema, { role: "of ana" }, metadata),
    (member, metadata) => {
      const off = member.call("/etcdserverpb.Auth/AuthDisable", AuthDisableRequestSchema, {}, metadata);
      member.enable();
      return off;
    },
  ];
  for (const end of ends) {
    const member = readyMember();
    const ana = member.login("ana");
    assert.equal(get(member, "a/1", ana).failure, null);
    assert.equal(end(member, member.login("root")).failure, null);
    assert.equal(refusal(get(member, "a/1", ana)), invalidToken);
  }
});

test("after a restored image nobody's token is known: its users may be others", () => {
  const member = readyMember();
  const metadata = member.login("ana");
  const image = member.machine.snapshot();
  const restore = member.machine.restore();
  for (let chunk = image.read(1024); chunk !== null; chunk = image.read(1024)) {
    restore.write(chunk);
  }
  image.close();
  restore.finish();
  assert.equal(refusal(get(member, "a/1", metadata)), invalidToken);
  assert.equal(get(member, "a/1", member.login("ana")).failure, null);
});

test("signed tokens: who they name, with the revision they were signed for", () => {
  const signedTokens: SignedTokenPort = {
    sign: (user, authRevision, done) => done(`${user}@${authRevision}`),
    verify(token, done) {
      const [user = "", revision = ""] = token.split("@");
      done(revision === "" ? null : { user, authRevision: Number(revision) });
    },
  };
  const member = readyMember({ signedTokens });
  const { revision } = member.machine.auth;
  const { token } = member.login("ana");
  assert.equal(token, `ana@${revision}`);
  assert.equal(put(member, "a/1", { token }).failure, null);
  assert.equal(refusal(put(member, "a/1", { token: `ana@${revision - 1}` })), oldRevision);
  assert.equal(refusal(get(member, "a/1", { token: `ana@${revision - 1}` })), oldRevision);
  assert.equal(refusal(get(member, "a/1", { token: `root@${revision - 1}` })), oldRevision);
  assert.equal(refusal(put(member, "a/1", { token: `nobody@${revision}` })), denied);
  assert.equal(refusal(put(member, "a/1", { token: `@${revision}` })), invalidToken);
  assert.equal(refusal(put(member, "a/1", { token: "nonsense" })), invalidToken);
});

/** A call over a connection with a client's certificate. */
class CertifiedCall extends FakeStream {
  readonly peerCertificateCommonName: string | null;

  constructor(path: string, commonName: string | null, metadata: Record<string, string> = {}) {
    super(path, metadata);
    this.peerCertificateCommonName = commonName;
  }
}

test("a certificate's common name is a user; a token goes before it, the JSON gateway's is nobody's", () => {
  const member = readyMember();
  const request = Uint8Array.from([0x0a, 3, ...text("a/1"), 0x12, 0]);
  const putBy = (commonName: string | null, metadata: Record<string, string> = {}): string => {
    const call = new CertifiedCall("/etcdserverpb.KV/Put", commonName, metadata);
    const method = member.api.methods.get("/etcdserverpb.KV/Put");
    assert.ok(method?.kind === "unary");
    method.handle(request, call);
    return call.failure === null ? "done" : refusal(call);
  };
  assert.equal(putBy("ana"), "done");
  assert.equal(putBy("nobody"), denied);
  assert.equal(putBy(null), empty);
  assert.equal(putBy(""), empty);
  assert.equal(putBy("ana", { "grpcgateway-accept": "application/json" }), empty);
  assert.equal(putBy("ana", { token: "bad" }), invalidToken);
  assert.equal(putBy("nobody", { ...member.login("ana") }), "done");
});
