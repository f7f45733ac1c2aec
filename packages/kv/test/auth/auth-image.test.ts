/** Access control in images: golden bytes, restoration, pinning, refusal of what is out of order. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { ByteReader, ByteWriter, crc32c, DecodeError } from "@quorate/base";
import { type AuthAction, type KvStateMachine, UnsupportedFormat } from "@quorate/kv";
import fc from "fast-check";
import { authArb } from "../support/arbitraries.ts";
import { bytes, Driver, plain, put, readImage, restored } from "../support/requests.ts";

const golden = new URL("../golden/image-auth.hex", import.meta.url);

/** Everything that the section can hold. */
function sampleDriver(): Driver {
  const driver = new Driver();
  const actions: readonly AuthAction[] = [
    { op: "user-add", user: "root", passwordHash: "$2b$04$root" },
    { op: "user-grant-role", user: "root", role: "root" },
    { op: "user-add", user: "nœud", passwordHash: null },
    { op: "user-add", user: "\u{1f511}", passwordHash: "$2b$04$key" },
    { op: "user-add", user: "\uffff", passwordHash: "$2b$04$last" },
    { op: "role-add", role: "readers" },
    { op: "role-add", role: "empty" },
    {
      op: "role-grant-permission",
      role: "readers",
      permission: { access: "read", key: bytes("a"), rangeEnd: bytes("b") },
    },
    {
      op: "role-grant-permission",
      role: "readers",
      permission: { access: "write", key: bytes("a"), rangeEnd: bytes("") },
    },
    {
      op: "role-grant-permission",
      role: "readers",
      permission: { access: "read-write", key: bytes("x"), rangeEnd: bytes("\0") },
    },
    { op: "user-grant-role", user: "nœud", role: "readers" },
    { op: "user-grant-role", user: "nœud", role: "empty" },
    { op: "enable" },
  ];
  for (const action of actions) {
    assert.equal(driver.applyAs({ kind: "server" }, { type: "auth", ...action }).type, "auth", action.op);
  }
  driver.applyAs({ kind: "server" }, put("k", "v"));
  return driver;
}

function authOf(machine: KvStateMachine): unknown {
  const { auth } = machine;
  const all = { enabled: auth.enabled, revision: auth.revision, users: auth.users(), roles: auth.roles() };
  return plain(all);
}

test("the image with access control is the golden one", () => {
  const hex = Buffer.from(readImage(sampleDriver().machine, 1 << 20)).toString("hex");
  assert.equal(hex, readFileSync(golden, "utf8").trim());
});

test("a restored machine has the same users, roles and rights, however the image was cut", () => {
  const { machine } = sampleDriver();
  for (const bytesMax of [1, 40, 1 << 20]) {
    const copy = restored(readImage(machine, bytesMax), 13);
    assert.deepEqual(authOf(copy), authOf(machine));
    assert.equal(copy.auth.hash(), machine.auth.hash());
    const ana = { kind: "user", name: "nœud", authRevision: machine.auth.revision } as const;
    assert.equal(copy.auth.refuseRange(ana, "read", bytes("aa"), bytes("")), null);
    assert.equal(copy.auth.refuseRange(ana, "write", bytes("aa"), bytes("")), "KV_PERMISSION_DENIED");
  }
  assert.deepEqual(
    machine.auth.users().map(({ name }) => name),
    ["nœud", "root", "\uffff", "\u{1f511}"],
    "names by their bytes",
  );
});

test("an image shows the moment at which it was begun", () => {
  const driver = sampleDriver();
  const before = authOf(driver.machine);
  const image = driver.machine.snapshot();
  driver.applyAs({ kind: "server" }, { type: "auth", op: "user-delete", user: "nœud" });
  driver.applyAs({ kind: "server" }, { type: "auth", op: "disable" });
  const chunks: Uint8Array[] = [];
  for (let chunk = image.read(64); chunk !== null; chunk = image.read(64)) {
    chunks.push(chunk);
  }
  image.close();
  assert.deepEqual(authOf(restored(Buffer.concat(chunks))), before);
});

test("every flipped bit and every cut is refused", () => {
  const image = readImage(sampleDriver().machine, 64);
  const refuse = (damaged: Uint8Array): void => {
    assert.throws(
      () => restored(damaged, 1 << 20),
      (error: unknown) => error instanceof DecodeError || error instanceof UnsupportedFormat,
    );
  };
  for (let bit = 0; bit < image.length * 8; bit++) {
    const damaged = image.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    refuse(damaged);
  }
  for (let length = 0; length < image.length; length++) {
    refuse(image.subarray(0, length));
  }
});

/** The image's blocks, with that of access control taken through `change`. */
function rewritten(change: (payload: Uint8Array) => Uint8Array): Uint8Array {
  const image = readImage(sampleDriver().machine, 1 << 20);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < image.length; ) {
    const head = new ByteReader(image, at);
    const tag = head.u16();
    const version = head.u16();
    const payloadBytes = head.u32();
    const payload = image.subarray(at + 8, at + 8 + payloadBytes);
    at += 8 + payloadBytes + 4;
    const next = tag === 6 ? change(payload) : payload;
    const writer = new ByteWriter();
    writer.u16(tag);
    writer.u16(version);
    writer.u32(next.length);
    writer.bytes(next);
    writer.u32(crc32c(writer.view()));
    parts.push(writer.finish());
  }
  return Buffer.concat(parts);
}

test("records with valid checksums but out of order are refused", () => {
  assert.deepEqual(authOf(restored(rewritten((payload) => payload))), authOf(sampleDriver().machine));
  const headBytes = 5;
  assert.throws(() => restored(rewritten((payload) => payload.subarray(headBytes))), DecodeError, "no head");
  assert.throws(
    () => restored(rewritten((payload) => Buffer.concat([payload, payload]))),
    DecodeError,
    "two heads",
  );
  assert.throws(
    () => restored(rewritten(() => new Uint8Array([1, 1, 9, 1, 0]))),
    DecodeError,
    "a role missing",
  );
  assert.throws(() => restored(rewritten(() => new Uint8Array([1, 1, 0, 0, 0]))), DecodeError, "revision 0");
  assert.throws(
    () => restored(rewritten(() => new Uint8Array([1, 2, 9, 0, 0]))),
    UnsupportedFormat,
    "a new flag",
  );
  assert.throws(
    () => restored(rewritten(() => new Uint8Array([1, 1, 9, 0, 0, 9]))),
    UnsupportedFormat,
    "a new record",
  );
  const role = [2, 1, 0x62, 0];
  const earlier = [2, 1, 0x61, 0];
  assert.throws(
    () => restored(rewritten(() => new Uint8Array([1, 1, 9, 2, 0, ...role, ...earlier]))),
    DecodeError,
  );
  assert.throws(() => restored(rewritten(() => new Uint8Array([1, 1, 9, 1, 0, 2, 1, 0x62, 1]))), DecodeError);
});

test("random changes: the same log makes the same state, by image and by commands, and never a different hash", () => {
  fc.assert(
    fc.property(fc.array(authArb, { maxLength: 40 }), fc.nat({ max: 40 }), (commands, cut) => {
      const whole = new Driver();
      let resumed = new Driver();
      commands.forEach((command, place) => {
        const result = whole.applyAs({ kind: "server" }, command);
        if (place === cut) {
          resumed = new Driver(restored(readImage(resumed.machine, 30)));
        }
        assert.deepEqual(resumed.applyAs({ kind: "server" }, command), result);
      });
      assert.deepEqual(authOf(resumed.machine), authOf(whole.machine));
      assert.equal(resumed.machine.auth.hash(), whole.machine.auth.hash());
      assert.deepEqual(readImage(resumed.machine, 1 << 20), readImage(whole.machine, 1 << 20));
    }),
    { seed: 20_260_111, numRuns: 300 },
  );
});
