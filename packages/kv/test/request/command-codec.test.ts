/** The command format: round trips, one form per command, refusal of what newer versions wrote, and its golden bytes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { DecodeError } from "@quorate/base";
import {
  type Command,
  decodeCommand,
  decodeSigned,
  encodeCommand,
  type Principal,
  UnsupportedFormat,
} from "@quorate/kv";
import fc from "fast-check";
import { authArb, deleteArb, leaseArb, putArb, txnArb } from "../support/arbitraries.ts";
import { bytes, compare, del, plain, put, range, signed, txn } from "../support/requests.ts";

const anyCommand = fc.oneof(
  putArb,
  deleteArb,
  txnArb,
  leaseArb,
  authArb,
  fc.record({
    type: fc.constant("compaction" as const),
    revision: fc.maxSafeInteger(),
    physical: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("downgrade" as const),
    targetVersion: fc.option(fc.string({ minLength: 1 })),
  }),
  fc.record({
    type: fc.constant("member-publish" as const),
    id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    name: fc.string({ unit: "grapheme" }),
    clientUrls: fc.array(fc.webUrl(), { maxLength: 3 }),
    peerUrls: fc.array(fc.webUrl(), { maxLength: 3 }),
  }),
) as fc.Arbitrary<Command>;

/** One command of every type and every field, whose bytes are kept. */
const samples: readonly Command[] = [
  put("key", "value"),
  put("key", "", { lease: -(2n ** 63n), prevKv: true, ignoreValue: true }),
  put("k", "v", { ignoreLease: true }),
  del("a", "b", true),
  del("a"),
  txn(
    [
      compare("a", "equal", { target: "version", value: 0 }),
      compare("b", "greater", { target: "create", value: -1 }),
      compare("c", "less", { target: "mod", value: Number.MAX_SAFE_INTEGER }),
      compare("d", "not-equal", { target: "value", value: bytes("x") }, "e"),
      compare("f", "unknown", { target: "lease", value: 2n ** 63n - 1n }),
      compare("g", "equal", { target: "unknown" }),
    ],
    [put("x", "y"), del("p", "\0"), txn([], [{ type: "none" }])],
    [
      range("r", "s", {
        limit: 10,
        revision: -1,
        sortOrder: "descend",
        sortTarget: "value",
        serializable: true,
        keysOnly: true,
        minModRevision: 1,
        maxModRevision: 2,
        minCreateRevision: 3,
        maxCreateRevision: 300,
      }),
    ],
  ),
  { type: "compaction", revision: 70_000, physical: true },
  { type: "compaction", revision: -3, physical: false },
  { type: "member-publish", id: 2 ** 53 - 1, name: "nœud", clientUrls: ["http://a:1"], peerUrls: [] },
  { type: "lease-grant", id: -(2n ** 63n), ttlSeconds: 9_000_000_000 },
  { type: "lease-grant", id: 1n, ttlSeconds: 2 },
  { type: "lease-revoke", id: 2n ** 63n - 1n, fenceTerm: 0 },
  { type: "lease-revoke", id: 7n, fenceTerm: 300 },
  {
    type: "lease-checkpoint",
    fenceTerm: 5,
    remaining: [
      { id: 7n, remainingSeconds: 0 },
      { id: -7n, remainingSeconds: 600 },
    ],
  },
  { type: "alarm", action: "activate", memberId: 2 ** 53 - 1, alarm: "no-space" },
  { type: "alarm", action: "deactivate", memberId: 0, alarm: "corrupt" },
  { type: "auth", op: "enable" },
  { type: "auth", op: "disable" },
  { type: "auth", op: "authenticate", user: "ana", nonce: "kQvWz", checkedRevision: 300 },
  { type: "auth", op: "user-add", user: "ana", passwordHash: "$2b$04$hash" },
  { type: "auth", op: "user-add", user: "nœud", passwordHash: null },
  { type: "auth", op: "user-delete", user: "ana" },
  { type: "auth", op: "user-change-password", user: "ana", passwordHash: "$2b$04$other" },
  { type: "auth", op: "user-grant-role", user: "ana", role: "r" },
  { type: "auth", op: "user-revoke-role", user: "ana", role: "r" },
  { type: "auth", op: "role-add", role: "r" },
  { type: "auth", op: "role-delete", role: "r" },
  {
    type: "auth",
    op: "role-grant-permission",
    role: "r",
    permission: { access: "read-write", key: bytes("a"), rangeEnd: bytes("\0") },
  },
  { type: "auth", op: "role-revoke-permission", role: "r", key: bytes("a"), rangeEnd: bytes("") },
  { type: "downgrade", targetVersion: "3.6.0" },
  { type: "downgrade", targetVersion: null },
];

/** The same put for everybody a command can stand for. */
const principals: readonly Principal[] = [
  { kind: "server" },
  { kind: "user", name: "ana", authRevision: 300 },
];

test("every command comes back as it went in, in one form only", () => {
  fc.assert(
    fc.property(anyCommand, (command) => {
      const encoded = encodeCommand(command);
      const decoded = decodeCommand(encoded);
      assert.deepEqual(plain(decoded), plain(command));
      assert.deepEqual(encodeCommand(decoded), encoded);
    }),
    { seed: 20_260_103, numRuns: 1_000 },
  );
});

test("a command comes back with whom it stands for, and for one only", () => {
  const command = put("k", "v");
  assert.equal(decodeSigned(encodeCommand(command)).principal, null);
  for (const principal of principals) {
    const bytesOf = signed(principal, command);
    assert.deepEqual(decodeSigned(bytesOf).principal, principal);
    assert.deepEqual(plain(decodeCommand(bytesOf)), plain(command));
    const head = bytesOf.subarray(0, bytesOf.length - encodeCommand(command).length);
    assert.throws(() => decodeSigned(Buffer.concat([head, bytesOf])), DecodeError);
    for (let length = 0; length < bytesOf.length; length++) {
      assert.throws(() => decodeSigned(bytesOf.subarray(0, length)), DecodeError);
    }
  }
  const nameless = Uint8Array.of(1, 14, 2, 0, 1, ...encodeCommand(command));
  assert.throws(() => decodeSigned(nameless), DecodeError);
});

test("a cut command is refused as damaged, and none reads past its end", () => {
  for (const sample of samples) {
    const encoded = encodeCommand(sample);
    for (let length = 0; length < encoded.length; length++) {
      assert.throws(() => decodeCommand(encoded.subarray(0, length)), DecodeError);
    }
    assert.throws(() => decodeCommand(Buffer.concat([encoded, bytes("!")])), DecodeError);
  }
});

test("random bytes are refused with one of the two errors, or decode", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 14 }), (tail, type) => {
      try {
        decodeCommand(Uint8Array.of(1, type, ...tail));
      } catch (error) {
        assert.ok(error instanceof DecodeError || error instanceof UnsupportedFormat, String(error));
      }
    }),
    { seed: 20_260_104, numRuns: 2_000 },
  );
});

test("a command of a newer version is refused by name", () => {
  const refused = (head: readonly number[], text: RegExp): void => {
    assert.throws(
      () => decodeCommand(Uint8Array.from(head)),
      (error: unknown) => error instanceof UnsupportedFormat && text.test(error.message),
    );
  };
  refused([2, 1], /command format 2/);
  refused([1, 11], /command type 11 \(session\)/);
  refused([1, 10, 13], /access control action 13/);
  refused([1, 14, 3], /principal of kind 3/);
  refused([1, 200], /command type 200 \(unnamed\)/);
  refused([1, 1, 0x80], /flags 128/);
});

test("deep nesting is bounded", () => {
  let nested = txn([], []);
  for (let depth = 0; depth < 1_100; depth++) {
    nested = txn([], [nested]);
  }
  assert.throws(() => decodeCommand(encodeCommand(nested)), DecodeError);
});

test("the format is the golden one", () => {
  const encoded = [
    ...samples.map((sample) => encodeCommand(sample)),
    ...principals.map((principal) => signed(principal, put("k", "v"))),
  ];
  const lines = encoded.map((one) => Buffer.from(one).toString("hex"));
  const golden = readFileSync(new URL("../golden/commands.hex", import.meta.url), "utf8");
  assert.equal(`${lines.join("\n")}\n`, golden);
  const hash = createHash("sha256").update(golden).digest("hex");
  assert.equal(hash, goldenHash, "a changed format needs a new version number, not a new hash");
});

const goldenHash = "d13a14397e029fe4bdccbd6dd1ad7e6bd07e40ae24be6220f3eaf0285e553d3e";
