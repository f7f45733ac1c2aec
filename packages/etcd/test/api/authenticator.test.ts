/** Proofs of identity by a password: what is compared, when it counts, and what a client is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PasswordPort, SignedTokenPort } from "@quorate/etcd";
import { AuthUserAddRequestSchema, AuthUserChangePasswordRequestSchema } from "@quorate/etcd/messages";
import {
  authenticate,
  failed,
  GuardedMember,
  plainPasswords,
  readyMember,
  refusal,
  tokenOf,
} from "./auth-fixture.ts";
import type { FakeCall } from "./fixture.ts";

test("Authenticate: etcd's answers to right, wrong and needless passwords", () => {
  const member = new GuardedMember();
  assert.equal(refusal(authenticate(member, "root", "root")), "9 etcdserver: authentication is not enabled");
  member.change({ op: "user-add", user: "cert", passwordHash: null });
  member.enable();
  assert.equal(refusal(authenticate(member, "root", "wrong")), failed);
  assert.equal(refusal(authenticate(member, "nobody", "x")), failed);
  assert.equal(
    refusal(authenticate(member, "cert", "x")),
    "2 auth: authentication failed, password was given for no password user",
  );
  const token = tokenOf(authenticate(member, "root", "root"));
  assert.match(token, /^[A-Za-z]{16}\.\d+$/);
  assert.notEqual(tokenOf(authenticate(member, "root", "root")), token);
});

test("whoever fails to prove who it is is told of, by name and without the password", () => {
  const events: unknown[] = [];
  const member = readyMember({ onAuthEvent: (event) => events.push(event) });
  authenticate(member, "ana", "secret");
  authenticate(member, "nobody", "secret");
  assert.deepEqual(events, [
    { kind: "authentication-failed", user: "ana" },
    { kind: "authentication-failed", user: "nobody" },
  ]);
});

test("a user that does not exist is compared with as well", () => {
  const compared: (string | null)[] = [];
  const passwords: PasswordPort = {
    ...plainPasswords,
    compare(_password, hash, done) {
      compared.push(hash);
      done("different");
      return { cancel: () => {} };
    },
  };
  const member = readyMember({ passwords });
  authenticate(member, "nobody", "x");
  authenticate(member, "ana", "x");
  assert.deepEqual(compared, [null, "hash of ana"]);
});

/** A port whose comparisons a test settles. */
function heldPasswords(): {
  readonly port: PasswordPort;
  readonly held: ((outcome: "same" | "different" | "busy") => void)[];
  cancelled: number;
} {
  const state = {
    held: [] as ((outcome: "same" | "different" | "busy") => void)[],
    cancelled: 0,
    port: {
      ...plainPasswords,
      compare(
        _password: string,
        _hash: string | null,
        done: (outcome: "same" | "different" | "busy") => void,
      ) {
        state.held.push(done);
        return { cancel: () => state.cancelled++ };
      },
    },
  };
  return state;
}

test("a password that was compared counts only while nothing has changed; else it is compared again", () => {
  const passwords = heldPasswords();
  const member = readyMember({ passwords: passwords.port });
  const call = authenticate(member, "ana", "ana");
  assert.equal(passwords.held.length, 1);
  const root = { kind: "server" } as const;
  member.applyAs(root, { type: "auth", op: "user-change-password", user: "ana", passwordHash: "hash of b" });
  passwords.held.shift()?.("same");
  assert.equal(call.ended, false, "the right password, but of before");
  assert.equal(passwords.held.length, 1, "is compared once more");
  passwords.held.shift()?.("different");
  assert.equal(refusal(call), failed);
});

test("the same, when the change comes between the comparison and the log", () => {
  const passwords = heldPasswords();
  const member = readyMember({ passwords: passwords.port });
  const call = authenticate(member, "ana", "ana");
  member.held = true;
  passwords.held.shift()?.("same");
  const [submitted] = member.submitted.splice(0);
  const root = { kind: "server" } as const;
  member.applyAs(root, { type: "auth", op: "user-delete", user: "ana" });
  member.held = false;
  assert.ok(submitted !== undefined);
  member.apply(submitted.command, submitted.done);
  assert.equal(call.ended, false);
  passwords.held.shift()?.("different");
  assert.equal(refusal(call), failed);
});

test("too many passwords at once, a client that gives up, a comparison that takes too long", () => {
  const passwords = heldPasswords();
  const member = readyMember({ passwords: passwords.port });
  const busy = authenticate(member, "ana", "ana");
  passwords.held.shift()?.("busy");
  assert.equal(refusal(busy), "8 etcdserver: too many requests");
  const gone = authenticate(member, "ana", "ana");
  gone.cancel();
  assert.equal(passwords.cancelled, 1);
  passwords.held.shift()?.("same");
  assert.equal(gone.answer, null);
  const slow = authenticate(member, "ana", "ana");
  member.api.tick(60_000);
  assert.equal(refusal(slow), "14 etcdserver: request timed out");
  assert.equal(passwords.cancelled, 2);
  assert.equal(member.api.pendingCount, 0);
});

test("a password of more bytes than bcrypt takes is refused as etcd does; an overlong name, too", () => {
  const member = new GuardedMember();
  const add = (name: string, password: string): FakeCall =>
    member.call("/etcdserverpb.Auth/UserAdd", AuthUserAddRequestSchema, { name, password });
  assert.equal(refusal(add("b", "é".repeat(37))), "2 bcrypt: password length exceeds 72 bytes");
  assert.equal(add("b", "é".repeat(36)).failure, null);
  assert.equal(refusal(add("c".repeat(65 * 1024), "x")), "3 etcdserver: request is too large");
  const change = member.call("/etcdserverpb.Auth/UserChangePassword", AuthUserChangePasswordRequestSchema, {
    name: "b",
    password: "x".repeat(73),
  });
  assert.equal(refusal(change), "2 bcrypt: password length exceeds 72 bytes");
});

test("what a client says is the hash of a password is not", () => {
  const member = new GuardedMember();
  member.call("/etcdserverpb.Auth/UserAdd", AuthUserAddRequestSchema, {
    name: "b",
    password: "pw",
    hashedPassword: "aGFzaCBvZiB4",
  });
  assert.equal(member.machine.auth.user("b")?.passwordHash, "hash of pw");
});

test("a member that has only the key to check tokens gives out none", () => {
  const signedTokens: SignedTokenPort = {
    sign: (_u, _r, done) => done(null),
    verify: (_t, done) => done(null),
  };
  const member = readyMember({ signedTokens });
  assert.equal(
    refusal(authenticate(member, "ana", "ana")),
    "2 auth: token signing attempted with verify-only key",
  );
});

test("without a port for passwords, users with passwords are refused by name", () => {
  const member = new GuardedMember({ passwords: undefined } as never);
  assert.equal(authenticate(member, "root", "root").failure?.code, 12);
});
