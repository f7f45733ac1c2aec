/** etcdserverpb.Auth where users, roles and the state of it are read and changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import {
  AuthRoleAddRequestSchema,
  AuthRoleGetRequestSchema,
  AuthRoleGetResponseSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthStatusRequestSchema,
  AuthStatusResponseSchema,
  AuthUserGetRequestSchema,
  AuthUserGetResponseSchema,
  AuthUserListRequestSchema,
  AuthUserListResponseSchema,
} from "@quorate/etcd/messages";
import { denied, GuardedMember, readyMember, refusal } from "./auth-fixture.ts";
import { type FakeCall, text } from "./fixture.ts";

test("everybody may look at itself and its roles; root at all", () => {
  const member = readyMember();
  const [ana, root] = [member.login("ana"), member.login("root")];
  const user = (name: string, by: Record<string, string>): FakeCall =>
    member.call("/etcdserverpb.Auth/UserGet", AuthUserGetRequestSchema, { name }, by);
  const role = (name: string, by: Record<string, string>): FakeCall =>
    member.call("/etcdserverpb.Auth/RoleGet", AuthRoleGetRequestSchema, { role: name }, by);
  const roles = (call: FakeCall): string[] =>
    fromBinary(AuthUserGetResponseSchema, call.answer ?? assert.fail(refusal(call))).roles;
  assert.deepEqual(roles(user("ana", ana)), ["of ana"]);
  assert.deepEqual(roles(user("root", root)), ["root"]);
  assert.equal(refusal(user("root", ana)), denied);
  assert.equal(refusal(user("nobody", root)), "9 etcdserver: user name not found");
  const perm = fromBinary(AuthRoleGetResponseSchema, role("of ana", ana).answer ?? assert.fail()).perm;
  assert.deepEqual(
    perm.map(({ key, permType }) => [String(key), permType]),
    [[String(text("a/")), 2]],
  );
  assert.equal(refusal(role("root", ana)), denied);
  assert.equal(refusal(role("root", root)), "9 etcdserver: role name not found");
  member.call("/etcdserverpb.Auth/RoleAdd", AuthRoleAddRequestSchema, { name: "root" }, root);
  const everything = fromBinary(AuthRoleGetResponseSchema, role("root", root).answer ?? assert.fail()).perm;
  assert.deepEqual(
    everything.map(({ key, rangeEnd }) => [...key, ...rangeEnd]),
    [[0]],
  );
  const users = member.call("/etcdserverpb.Auth/UserList", AuthUserListRequestSchema, {}, root);
  assert.deepEqual(fromBinary(AuthUserListResponseSchema, users.answer ?? assert.fail()).users, [
    "ana",
    "root",
  ]);
});

test("AuthStatus: for everybody, with the revision of rights", () => {
  const member = readyMember();
  const call = member.call("/etcdserverpb.Auth/AuthStatus", AuthStatusRequestSchema, {});
  const { authRevision, enabled } = fromBinary(AuthStatusResponseSchema, call.answer ?? assert.fail());
  assert.deepEqual([enabled, authRevision], [true, BigInt(member.machine.auth.revision)]);
});

test("a permission must be given, of a kind that exists", () => {
  const member = new GuardedMember();
  member.change({ op: "role-add", role: "r" });
  const grant = (perm?: { permType: number; key: Uint8Array }): string =>
    refusal(
      member.call("/etcdserverpb.Auth/RoleGrantPermission", AuthRoleGrantPermissionRequestSchema, {
        name: "r",
        ...(perm === undefined ? {} : { perm }),
      }),
    );
  assert.equal(grant(), "3 etcdserver: permission not given");
  assert.equal(grant({ permType: 3, key: text("k") }), "3 etcdserver: invalid auth management");
  assert.equal(grant({ permType: 0, key: text("") }), "3 etcdserver: invalid auth management");
  assert.equal(grant({ permType: 0, key: text("k") }), "undefined undefined");
});
