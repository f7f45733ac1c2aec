/** A member with access control: users whose passwords are their names, roles as a test wants them. */
import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import { ByteWriter } from "@quorate/base";
import type { ApiOptions, PasswordPort } from "@quorate/etcd";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  PutRequestSchema,
  RangeRequestSchema,
} from "@quorate/etcd/messages";
import type { AuthAccess, AuthAction, Command, Principal } from "@quorate/kv";
import { encodeCommand, writeOnBehalf } from "@quorate/kv";
import { type FakeCall, Member, text } from "./fixture.ts";

/** A right: the key, or the range. */
export interface Right {
  readonly access: AuthAccess;
  readonly key: string;
  readonly rangeEnd?: string;
}

/** Passwords that are told apart without any work. */
export const plainPasswords: PasswordPort = {
  hash(password, done) {
    done(`hash of ${password}`);
    return { cancel: () => {} };
  },
  compare(password, hash, done) {
    done(hash === `hash of ${password}` ? "same" : "different");
    return { cancel: () => {} };
  },
};

/** Two rights on the same range as one: a later grant replaces an earlier one. */
function together(rights: readonly Right[]): Right[] {
  const byRange = new Map<string, Right>();
  for (const { access, key, rangeEnd = "" } of rights) {
    const name = JSON.stringify([key, rangeEnd]);
    const before = byRange.get(name)?.access ?? access;
    byRange.set(name, { access: before === access ? access : "read-write", key, rangeEnd });
  }
  return [...byRange.values()];
}

/** See the head of this file. */
export class GuardedMember extends Member {
  constructor(overrides: Partial<ApiOptions> = {}) {
    super({ passwords: plainPasswords, ...overrides });
    this.change({ op: "user-add", user: "root", passwordHash: "hash of root" });
    this.change({ op: "user-grant-role", user: "root", role: "root" });
  }

  /** Applies a command as the log brings it, for nobody; it must work. */
  do(command: Command): void {
    this.apply(encodeCommand(command), (outcome) => {
      assert.ok(outcome.kind === "applied");
      const { result } = outcome;
      assert.equal(result.type === "refused" ? result.code : null, null);
    });
  }

  /** {@link do}, on somebody's behalf. */
  applyAs(principal: Principal, command: Command): void {
    const writer = new ByteWriter();
    writeOnBehalf(writer, principal, encodeCommand(command));
    this.apply(writer.finish(), (outcome) => {
      assert.ok(outcome.kind === "applied");
      const { result } = outcome;
      assert.equal(result.type === "refused" ? result.code : null, null);
    });
  }

  /** Changes access control, which is off. */
  change(action: AuthAction): void {
    this.do({ type: "auth", ...action });
  }

  /** A user with a role of its own, which has these rights. */
  addUser(name: string, rights: readonly Right[]): void {
    this.change({ op: "user-add", user: name, passwordHash: `hash of ${name}` });
    this.change({ op: "role-add", role: `of ${name}` });
    for (const { access, key, rangeEnd = "" } of together(rights)) {
      const permission = { access, key: text(key), rangeEnd: text(rangeEnd) };
      this.change({ op: "role-grant-permission", role: `of ${name}`, permission });
    }
    this.change({ op: "user-grant-role", user: name, role: `of ${name}` });
  }

  enable(): void {
    this.change({ op: "enable" });
  }

  /** What a client sends that has logged in. */
  login(name: string): { readonly token: string } {
    const { token } = this.ask(
      "/etcdserverpb.Auth/Authenticate",
      AuthenticateRequestSchema,
      { name, password: name },
      AuthenticateResponseSchema,
    );
    return { token };
  }
}

/** Access control is on; ana may read and write below a/. The member has applied everything. */
export function readyMember(overrides: ConstructorParameters<typeof GuardedMember>[0] = {}): GuardedMember {
  const member = new GuardedMember(overrides);
  member.addUser("ana", [{ access: "read-write", key: "a/", rangeEnd: "a0" }]);
  member.enable();
  member.status = { ...member.status, applied: 1000, committed: 1000 };
  return member;
}

/** Puts `v`. */
export const put = (member: GuardedMember, key: string, metadata: Record<string, string> = {}): FakeCall =>
  member.call("/etcdserverpb.KV/Put", PutRequestSchema, { key: text(key), value: text("v") }, metadata);
/** A linearizable range of one key. */
export const get = (member: GuardedMember, key: string, metadata: Record<string, string> = {}): FakeCall =>
  member.call("/etcdserverpb.KV/Range", RangeRequestSchema, { key: text(key) }, metadata);
/** A serializable {@link get}. */
export const getStale = (
  member: GuardedMember,
  key: string,
  metadata: Record<string, string> = {},
): FakeCall =>
  member.call("/etcdserverpb.KV/Range", RangeRequestSchema, { key: text(key), serializable: true }, metadata);
/** Begins to log in. */
export const authenticate = (member: GuardedMember, name: string, password: string): FakeCall =>
  member.call("/etcdserverpb.Auth/Authenticate", AuthenticateRequestSchema, { name, password });
/** Code and text of what a call failed with. */
export const refusal = (call: FakeCall): string => `${call.failure?.code} ${call.failure?.message}`;
/** What logging in brought. */
export const tokenOf = (call: FakeCall): string =>
  fromBinary(AuthenticateResponseSchema, call.answer ?? assert.fail(refusal(call))).token;

/** Errors of etcd's, as {@link refusal} tells them. */
export const invalidToken = "16 etcdserver: invalid auth token";
export const denied = "7 etcdserver: permission denied";
export const empty = "3 etcdserver: user name is empty";
export const failed = "3 etcdserver: authentication failed, invalid user ID or password";
export const oldRevision = "3 etcdserver: revision of auth store is old";
