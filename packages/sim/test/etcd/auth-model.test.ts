/** What the model says of rights that may have been in force when an answer came from local state. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import type { AuthAction } from "@quorate/kv";
import { AuthModel, type Wanted } from "../../src/etcd/auth-model.ts";

const wanted: readonly Wanted[] = [{ access: "read", key: "a/1", rangeEnd: "" }];

/** Entry 7 switches it on, 8 gives the right to ana, 9 takes it, 10 switches it off. */
function model(): AuthModel {
  const auth = new AuthModel();
  const permission = { access: "read", key: utf8Encode("a/"), rangeEnd: utf8Encode("a0") } as const;
  const actions: readonly AuthAction[] = [
    { op: "user-add", user: "root", passwordHash: null },
    { op: "user-grant-role", user: "root", role: "root" },
    { op: "user-add", user: "ana", passwordHash: null },
    { op: "role-add", role: "r" },
    { op: "role-grant-permission", role: "r", permission },
    { op: "role-add", role: "other" },
    { op: "enable" },
    { op: "user-grant-role", user: "ana", role: "r" },
    { op: "user-revoke-role", user: "ana", role: "r" },
    { op: "disable" },
  ];
  actions.forEach((action, place) => {
    assert.equal(auth.apply(action, place + 1), null);
  });
  return auth;
}

test("an answer: some state since then must have allowed it", () => {
  const auth = model();
  assert.ok(auth.mayHaveAllowed("ana", wanted, 8));
  auth.apply({ op: "enable" }, 11);
  assert.ok(auth.mayHaveAllowed("ana", wanted, 8));
  assert.ok(!auth.mayHaveAllowed("ana", wanted, 11));
  assert.ok(auth.mayHaveAllowed("root", wanted, 11));
});

test("a refusal: some state since then must have refused it", () => {
  const auth = model();
  assert.ok(auth.mayHaveRefused("ana", wanted, 7));
  assert.ok(auth.mayHaveRefused("ana", wanted, 8), "taken away again");
  assert.ok(auth.mayHaveRefused("", wanted, 9), "nobody");
  assert.ok(!auth.mayHaveRefused("ana", wanted, 10), "it is off");
  assert.ok(!auth.mayHaveRefused("root", wanted, 7));
});

test("whether rights changed since then", () => {
  const auth = model();
  assert.ok(auth.hasChangedSince(9));
  assert.ok(!auth.hasChangedSince(10));
});
