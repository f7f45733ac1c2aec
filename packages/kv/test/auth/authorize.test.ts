/** What is allowed to whom, at apply: ranges, prev_kv, branches of transactions, leases, revisions of rights. */
import assert from "node:assert/strict";
import test from "node:test";
import type { AuthAccess, Command, KvErrorCode, Principal, RequestOp } from "@quorate/kv";
import fc from "fast-check";
import { bytes, compare, Driver, del, put, range, txn } from "../support/requests.ts";

/** Access control on; ana may what `grants` say. */
function guarded(...grants: readonly (readonly [AuthAccess, string, string?])[]): Driver {
  const driver = new Driver();
  const change = (action: Extract<Command, { readonly type: "auth" }>): void => {
    const result = driver.applyAs({ kind: "server" }, action);
    assert.equal(result.type, "auth", JSON.stringify(action));
  };
  change({ type: "auth", op: "user-add", user: "root", passwordHash: "x" });
  change({ type: "auth", op: "user-grant-role", user: "root", role: "root" });
  change({ type: "auth", op: "user-add", user: "ana", passwordHash: "x" });
  change({ type: "auth", op: "role-add", role: "r" });
  change({ type: "auth", op: "user-grant-role", user: "ana", role: "r" });
  for (const [access, key, rangeEnd = ""] of grants) {
    const permission = { access, key: bytes(key), rangeEnd: bytes(rangeEnd) };
    change({ type: "auth", op: "role-grant-permission", role: "r", permission });
  }
  change({ type: "auth", op: "enable" });
  return driver;
}

function user(driver: Driver, name: string): Principal {
  return { kind: "user", name, authRevision: driver.machine.auth.revision };
}

/** Null when ana may, or why not. */
function asAna(driver: Driver, command: Command): KvErrorCode | null {
  const result = driver.applyAs(user(driver, "ana"), command);
  return result.type === "refused" ? result.code : null;
}

const denied = "KV_PERMISSION_DENIED";

test("a command of nobody, of an unknown user, of one who knew older rights", () => {
  const driver = guarded(["read-write", "k"]);
  const code = (principal: Principal | null, command: Command): KvErrorCode | null => {
    const result = driver.applyAs(principal, command);
    return result.type === "refused" ? result.code : null;
  };
  const { revision } = driver.machine.auth;
  assert.equal(code(null, put("k", "v")), "KV_USER_EMPTY");
  assert.equal(code(user(driver, "nobody"), put("k", "v")), denied);
  assert.equal(
    code({ kind: "user", name: "ana", authRevision: revision - 1 }, put("k", "v")),
    "KV_AUTH_OLD_REVISION",
  );
  assert.equal(
    code({ kind: "user", name: "root", authRevision: revision - 1 }, put("k", "v")),
    "KV_AUTH_OLD_REVISION",
  );
  assert.equal(code(user(driver, "root"), put("anything", "v")), null);
  assert.equal(code(user(driver, "ana"), put("k", "v")), null);
  assert.equal(code({ kind: "server" }, put("anything", "v")), null);
});

test("administration is root's, and the server's", () => {
  const driver = guarded(["read-write", "\0", "\0"]);
  const commands: readonly Command[] = [
    { type: "compaction", revision: 1, physical: false },
    { type: "alarm", action: "activate", memberId: 1, alarm: "no-space" },
    { type: "alarm", action: "deactivate", memberId: 1, alarm: "no-space" },
    { type: "auth", op: "user-add", user: "eve", passwordHash: null },
    { type: "auth", op: "enable" },
    { type: "auth", op: "disable" },
    { type: "auth", op: "user-grant-role", user: "ana", role: "root" },
  ];
  for (const command of commands) {
    assert.equal(asAna(driver, command), denied, JSON.stringify(command));
    assert.deepEqual(driver.apply(command), { type: "refused", code: "KV_USER_EMPTY" });
    assert.deepEqual(driver.applyAs({ kind: "user", name: "eve", authRevision: 99 }, command), {
      type: "refused",
      code: "KV_USER_NOT_FOUND",
    });
  }
  assert.equal(driver.applyAs(user(driver, "root"), commands[3] as Command).type, "auth");
  assert.equal(driver.applyAs({ kind: "server" }, commands[0] as Command).type, "compaction");
});

test("what only members propose needs nobody's permission; what clients can propose does", () => {
  const driver = guarded();
  driver.applyAs({ kind: "server" }, { type: "lease-grant", id: 5n, ttlSeconds: 9 });
  const publish: Command = { type: "member-publish", id: 7, name: "n", clientUrls: [], peerUrls: [] };
  assert.equal(driver.apply(publish).type, "member-publish");
  const checkpoint: Command = { type: "lease-checkpoint", fenceTerm: 1, remaining: [] };
  assert.equal(driver.apply(checkpoint).type, "lease-checkpoint");
  assert.deepEqual(driver.apply({ type: "lease-revoke", id: 5n, fenceTerm: 0 }), {
    type: "refused",
    code: "KV_USER_EMPTY",
  });
  assert.equal(driver.apply({ type: "lease-revoke", id: 5n, fenceTerm: 1 }).type, "lease-revoke");
  assert.equal(driver.apply({ type: "lease-grant", id: 6n, ttlSeconds: 9 }).type, "refused");
  assert.equal(asAna(driver, { type: "lease-grant", id: 6n, ttlSeconds: 9 }), null);
});

test("puts and deletes need to write, their prev_kv to read", () => {
  const driver = guarded(["write", "w"], ["read", "r"], ["read-write", "b", "c"]);
  assert.equal(asAna(driver, put("w", "v")), null);
  assert.equal(asAna(driver, put("w", "v", { prevKv: true })), denied);
  assert.equal(asAna(driver, put("r", "v")), denied);
  assert.equal(asAna(driver, put("b/x", "v", { prevKv: true })), null);
  assert.equal(asAna(driver, del("w")), null);
  assert.equal(asAna(driver, del("w", "", true)), denied);
  assert.equal(asAna(driver, del("b", "c", true)), null);
  assert.equal(asAna(driver, del("b", "c\0")), denied);
  assert.equal(asAna(driver, del("b", "\0")), denied);
  assert.equal(asAna(driver, del("z", "a")), denied, "an empty range is no permission");
});

test("transactions: compares read, both branches count, on every level", () => {
  const driver = guarded(["read-write", "a"]);
  const inside = compare("a", "equal", { target: "version", value: 0 });
  const outside = compare("x", "equal", { target: "version", value: 0 });
  const good: RequestOp[] = [put("a", "1"), range("a"), del("a")];
  assert.equal(asAna(driver, txn([inside], good.slice(0, 2), good.slice(1))), null);
  assert.equal(asAna(driver, txn([outside], [], [])), denied);
  assert.equal(asAna(driver, txn([compare("a", "equal", { target: "version", value: 0 }, "b")], [])), denied);
  for (const bad of [
    put("x", "1"),
    range("x"),
    range("a", "b"),
    del("x"),
    put("a", "1", { lease: 9n }),
  ] as RequestOp[]) {
    driver.applyAs({ kind: "server" }, { type: "lease-grant", id: 9n, ttlSeconds: 9 });
    driver.applyAs({ kind: "server" }, put("foreign", "1", { lease: 9n }));
    for (const made of [
      txn([], [bad]),
      txn([], [], [bad]),
      txn([], [txn([], [], [txn([], [bad])])]),
      txn([], [txn([outside], [])]),
    ]) {
      assert.equal(asAna(driver, made), denied);
    }
  }
  assert.equal(asAna(driver, txn([], [])), null);
  assert.equal(driver.apply(txn([], [])).type, "refused", "nobody runs not even nothing");
});

test("a lease: whoever may not write all of its keys neither revokes it nor attaches to it", () => {
  const driver = guarded(["read-write", "a", "b"]);
  driver.applyAs({ kind: "server" }, { type: "lease-grant", id: 9n, ttlSeconds: 9 });
  assert.equal(asAna(driver, put("a1", "v", { lease: 9n })), null);
  driver.applyAs({ kind: "server" }, put("z", "v", { lease: 9n }));
  assert.equal(asAna(driver, put("a2", "v", { lease: 9n })), denied);
  assert.equal(asAna(driver, { type: "lease-revoke", id: 9n, fenceTerm: 0 }), denied);
  // The keys of a lease change without a change of rights.
  driver.applyAs({ kind: "server" }, del("z"));
  assert.equal(asAna(driver, put("a2", "v", { lease: 9n })), null);
  assert.equal(asAna(driver, { type: "lease-revoke", id: 9n, fenceTerm: 0 }), null);
  assert.equal(asAna(driver, put("a2", "v", { lease: 9n })), "KV_LEASE_NOT_FOUND");
});

test("the keys of a lease are looked at once for a transaction, however many of its puts name it", () => {
  const driver = guarded(["write", "a", "b"]);
  const ana = user(driver, "ana");
  const asked: bigint[] = [];
  const keysOf = (lease: bigint): Uint8Array[] => {
    asked.push(lease);
    return [bytes(lease === 7n ? "a1" : "z")];
  };
  const puts = (lease: bigint) => [put("a2", "", { lease }), put("a3", "", { lease })];
  const { auth } = driver.machine;
  assert.equal(auth.refuseOp(ana, txn([], puts(7n), [txn([], puts(7n))]), keysOf), null);
  assert.deepEqual(asked, [7n]);
  assert.equal(auth.refuseOp(ana, txn([], puts(7n), [txn([], puts(8n))]), keysOf), denied);
  assert.equal(auth.refuseOp(ana, txn([], [txn([], puts(8n))], puts(8n)), keysOf), denied);
});

test("a range is allowed where permissions together cover it", () => {
  const driver = guarded(["read", "a", "c"], ["read-write", "c"], ["read", "c\0", "f"], ["read", "m", "\0"]);
  const may = (key: string, rangeEnd = ""): boolean =>
    driver.machine.auth.refuseRange(user(driver, "ana"), "read", bytes(key), bytes(rangeEnd)) === null;
  assert.ok(may("a", "f") && may("b", "d") && may("c") && may("z", "\0") && may("m"));
  assert.ok(
    !may("a", "g") && !may("f") && !may("e", "\0") && !may("l", "\0") && !may("") && !may("\0", "\0"),
  );
});

const alphabet = "abc";
const someKey = fc
  .array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: 2 })
  .map((letters) => letters.join(""));
const someRange = fc.record({ key: someKey, rangeEnd: fc.oneof(someKey, fc.constantFrom("", "\0")) });

test("the merged ranges say what asking permission by permission and key by key says", () => {
  const keys = [...alphabet].flatMap((one) => ["", ...alphabet].map((two) => one + two));
  const probes = keys.flatMap((key) => [key, `${key}\0`, `${key}x`]);
  const within = ({ key, rangeEnd }: { key: string; rangeEnd: string }, probe: string): boolean =>
    rangeEnd === "" ? probe === key : probe >= key && (rangeEnd === "\0" || probe < rangeEnd);
  fc.assert(
    fc.property(fc.array(someRange, { maxLength: 8 }), someRange, (grants, asked) => {
      const valid = grants.filter(
        ({ key, rangeEnd }) => rangeEnd.length === 0 || rangeEnd === "\0" || key < rangeEnd,
      );
      const driver = guarded(...valid.map(({ key, rangeEnd }) => ["read", key, rangeEnd] as const));
      const refused = driver.machine.auth.refuseRange(
        user(driver, "ana"),
        "read",
        bytes(asked.key),
        bytes(asked.rangeEnd),
      );
      const wanted = probes.filter((probe) => within(asked, probe) || probe === asked.key);
      const covered = wanted.every((probe) => valid.some((grant) => within(grant, probe)));
      if (refused === null) {
        assert.ok(covered, "allowed what no permission covers");
      } else if (asked.rangeEnd === "") {
        assert.ok(!covered, "denied a key that a permission covers");
      } else {
        // Keys between the probes may be uncovered; a single permission over all of it is enough in any case.
        assert.ok(
          !valid.some((grant) => grant.rangeEnd === "\0" && grant.key <= asked.key),
          "denied what one permission covers",
        );
      }
    }),
    { seed: 20_260_110, numRuns: 500 },
  );
});

test("what nobody may is refused before its alarms and its leases are looked at", () => {
  const driver = guarded();
  driver.applyAs({ kind: "server" }, { type: "alarm", action: "activate", memberId: 1, alarm: "no-space" });
  assert.deepEqual(driver.apply(put("k", "v")), { type: "refused", code: "KV_USER_EMPTY" });
  assert.equal(asAna(driver, put("k", "v", { lease: 77n })), denied);
});
