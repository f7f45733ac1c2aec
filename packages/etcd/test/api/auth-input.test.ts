/** Bad input to access control: whatever the bytes, a call ends with an answer or an error, and members stay equal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { methodKinds } from "@quorate/etcd";
import {
  Auth,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthUserAddRequestSchema,
  create,
  toBinary,
} from "@quorate/etcd/messages";
import { KvStateMachine } from "@quorate/kv";
import { GuardedMember } from "./auth-fixture.ts";
import { FakeStream, text } from "./fixture.ts";

/** Another member that applied the same log has the same state. */
function expectEqual(member: GuardedMember): void {
  const other = new KvStateMachine({ hashSeed: 5 });
  for (const [place, command] of member.applied.entries()) {
    other.apply(command, { index: place + 1, term: member.entryTerm });
  }
  assert.equal(other.auth.hash(), member.machine.auth.hash());
  assert.equal(other.auth.revision, member.machine.auth.revision);
  assert.deepEqual(other.hashKv(), member.machine.hashKv());
}

/** The call, which must have ended by itself. */
function callBytes(
  member: GuardedMember,
  path: string,
  bytes: Uint8Array,
  metadata: Record<string, string>,
): FakeStream {
  const method = member.api.methods.get(path);
  const call = new FakeStream(path, metadata);
  assert.ok(method?.kind === "unary");
  method.handle(bytes, call);
  member.runDeferred();
  assert.ok(call.ended, `${path} did not end`);
  return call;
}

test("random, cut and repeated bytes to each of the 17 methods, with access control on and off", () => {
  const random = new Prng(20_261_121);
  const seeds = [
    toBinary(
      AuthUserAddRequestSchema,
      create(AuthUserAddRequestSchema, { name: "n", password: "p", options: {} }),
    ),
    toBinary(AuthRoleAddRequestSchema, create(AuthRoleAddRequestSchema, { name: "role" })),
    toBinary(
      AuthRoleGrantPermissionRequestSchema,
      create(AuthRoleGrantPermissionRequestSchema, {
        name: "role",
        perm: { permType: 2, key: text("a"), rangeEnd: text("b") },
      }),
    ),
  ];
  const member = new GuardedMember();
  for (let round = 0; round < 3000; round++) {
    const bytes = Array.from(seeds[random.uint32() % seeds.length] ?? []);
    for (let change = random.uint32() % 4; change > 0; change--) {
      const place = random.uint32() % (bytes.length + 1);
      const how = random.uint32() % 3;
      if (how === 0) {
        bytes[place] = random.uint32() & 0xff;
      } else if (how === 1) {
        bytes.length = place;
      } else {
        bytes.splice(place, 0, random.uint32() & 0xff, random.uint32() & 0xff);
      }
    }
    const method = Auth.methods[random.uint32() % Auth.methods.length];
    const metadata = member.machine.auth.enabled ? member.login("root") : {};
    const path = `/${Auth.typeName}/${method?.name}`;
    // A disabled or deleted root would end the round early for all that follow.
    if (method?.name !== "UserDelete" && method?.name !== "UserChangePassword") {
      callBytes(member, path, Uint8Array.from(bytes), metadata);
    }
  }
  expectEqual(member);
  assert.ok(member.machine.auth.revision > 20, "something went through");
});

test("names and keys at the edges: empty, of one zero, not UTF-8, long, and the bound of a request", () => {
  const member = new GuardedMember();
  const add = (name: Uint8Array): string => {
    const head = Uint8Array.of(0x0a, (name.length & 0x7f) | 0x80, (name.length >> 7) & 0x7f);
    return (
      callBytes(member, "/etcdserverpb.Auth/RoleAdd", Buffer.concat([head, name]), {}).failure?.message ??
      "done"
    );
  };
  assert.equal(add(text("")), "etcdserver: role name is empty");
  assert.equal(add(text("\0")), "done");
  assert.equal(add(text("__proto__")), "done");
  assert.equal(add(text("constructor")), "done");
  assert.equal(add(text("__proto__")), "etcdserver: role name already exists");
  assert.match(add(Uint8Array.of(0xff, 0xfe)), /^(done|grpc: error unmarshalling request.*)$/);
  assert.equal(add(text("x".repeat(16_000))), "done");
  const grant = (keyBytes: number): string => {
    const perm = { permType: 0, key: new Uint8Array(keyBytes).fill(0x61) };
    const request = create(AuthRoleGrantPermissionRequestSchema, { name: "constructor", perm });
    const bytes = toBinary(AuthRoleGrantPermissionRequestSchema, request);
    return callBytes(member, "/etcdserverpb.Auth/RoleGrantPermission", bytes, {}).failure?.message ?? "done";
  };
  assert.equal(grant(1024 * 1024), "done");
  assert.equal(grant(1536 * 1024), "etcdserver: request is too large");
  expectEqual(member);
  const image = member.machine.snapshot();
  let blocks = 0;
  for (let chunk = image.read(64 * 1024); chunk !== null; chunk = image.read(64 * 1024)) {
    blocks++;
  }
  image.close();
  assert.ok(blocks > 5, "rights are cut into blocks like everything else");
});

test("no method takes a message of 10,000 nested groups or an endless varint for anything", () => {
  const member = new GuardedMember();
  const nested = new Uint8Array(20_000).fill(0x0b);
  const endless = new Uint8Array(11).fill(0xff);
  for (const path of methodKinds.keys()) {
    if (path.startsWith("/etcdserverpb.Auth/")) {
      for (const bytes of [
        nested,
        endless,
        Uint8Array.of(0),
        Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      ]) {
        callBytes(member, path, bytes, {});
      }
    }
  }
  expectEqual(member);
});
