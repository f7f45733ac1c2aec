/** The file of a real etcd 3.7.3 becomes the state that etcd itself told of; damage is named by its place, and never taken over. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { DecodeError, Prng } from "@quorate/base";
import { isPageFile, type PagePort, readEtcdState } from "@quorate/etcd/import";
import { composeImage, KvStateMachine } from "@quorate/kv";

const golden = (name: string): Buffer => readFileSync(new URL(`../golden/${name}`, import.meta.url));
const digestBytes = 32;
const pageBytes = 4096;
const file = gunzipSync(golden("etcd-3.7.3-snapshot.db.gz")).subarray(0, -digestBytes);

/** What etcd answered before it made the file: of each key its numbers, and the beginning of its value's SHA-256. */
interface Recorded {
  readonly compactRevision: number;
  readonly revision: number;
  readonly authRevision: number;
  readonly leases: readonly (readonly [string, number])[];
  readonly kvs: Readonly<
    Record<string, readonly (readonly [string, number, number, number, string, string])[]>
  >;
}
const recorded = JSON.parse(golden("etcd-3.7.3-snapshot.json").toString("utf8")) as Recorded;

function portOf(bytes: Uint8Array): PagePort {
  return {
    length: bytes.length,
    read(offset, length) {
      assert.ok(offset >= 0 && length >= 0 && offset + length <= bytes.length, "read outside the file");
      return bytes.subarray(offset, offset + length);
    },
  };
}

function machineOf(bytes: Uint8Array): KvStateMachine {
  const machine = new KvStateMachine();
  const restore = machine.restore();
  for (const block of composeImage(readEtcdState(portOf(bytes)))) {
    restore.write(block);
  }
  restore.finish();
  machine.check();
  return machine;
}

const everything = {
  type: "range",
  key: Uint8Array.of(0),
  rangeEnd: Uint8Array.of(0),
  limit: 0,
  sortOrder: "none",
  sortTarget: "key",
  serializable: true,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
} as const;

function keysAt(machine: KvStateMachine, revision: number): unknown {
  const found = machine.range({ ...everything, revision });
  if (found.type === "refused") {
    return found.code;
  }
  return found.kvs.map((kv) => [
    Buffer.from(kv.key).toString("base64"),
    kv.createRevision,
    kv.modRevision,
    kv.version,
    createHash("sha256").update(kv.value).digest("hex").slice(0, 16),
    String(kv.lease),
  ]);
}

test("keys at every revision, leases, users and roles are what etcd told of", () => {
  const machine = machineOf(file);
  assert.equal(machine.revision, recorded.revision);
  assert.equal(machine.compactRevision, recorded.compactRevision);
  assert.equal(keysAt(machine, recorded.compactRevision - 1), "KV_COMPACTED");
  for (const [revision, kvs] of Object.entries(recorded.kvs)) {
    assert.deepEqual(keysAt(machine, Number(revision)), kvs, `at revision ${revision}`);
  }
  assert.equal(Object.keys(recorded.kvs).length, recorded.revision - recorded.compactRevision + 1);
  const leases = machine.leasesAfter(null, 9).map(({ id, ttlSeconds }) => [String(id), ttlSeconds]);
  assert.deepEqual(leases, recorded.leases);
  const [leased = ""] = recorded.leases[0] ?? [];
  assert.deepEqual(
    machine.leaseKeys(BigInt(leased)).map((key) => Buffer.from(key).toString()),
    ["leased"],
  );
  const { auth } = machine;
  assert.equal(auth.enabled, true);
  assert.equal(auth.revision, recorded.authRevision);
  assert.deepEqual(
    auth.users().map(({ name }) => name),
    ["ana", "nopw", "root"],
  );
  assert.deepEqual(auth.user("ana")?.roles, ["reader"]);
  assert.match(auth.user("ana")?.passwordHash ?? "", /^\$2[aby]\$\d\d\$.{53}$/);
  assert.equal(auth.user("nopw")?.passwordHash, null);
  assert.deepEqual(
    auth
      .role("reader")
      ?.permissions.map(({ access, key, rangeEnd }) => [
        access,
        String(Buffer.from(key)),
        String(Buffer.from(rangeEnd)),
      ]),
    [
      ["write", "a", "z"],
      ["read", "key", "kez"],
      ["read-write", "own", ""],
    ],
  );
  assert.deepEqual(machine.alarms(), []);
});

test("a damaged head gives way to the other one; without both the file is refused", () => {
  const whole = machineOf(file).hashKv();
  for (const head of [0, pageBytes]) {
    const damaged = Buffer.from(file);
    damaged.fill(0xff, head, head + 80);
    assert.ok(isPageFile(portOf(damaged)));
    const { revision } = machineOf(damaged);
    assert.ok(revision >= recorded.revision - 1, "one transaction older at most");
  }
  const without = Buffer.from(file);
  without.fill(0, 16, 80);
  without.fill(0, pageBytes + 16, pageBytes + 80);
  assert.equal(isPageFile(portOf(without)), false);
  assert.throws(() => readEtcdState(portOf(without)), /neither of the two heads is whole/);
  assert.deepEqual(machineOf(file).hashKv(), whole);
});

/** The page that is of this kind and has most elements. */
function fullestPage(kind: number): number {
  let fullest = 0;
  for (let at = 2 * pageBytes; at < file.length; at += pageBytes) {
    const isPage = file.readBigUInt64LE(at) === BigInt(at / pageBytes) && file.readUInt16LE(at + 8) === kind;
    if (isPage && (fullest === 0 || file.readUInt16LE(at + 10) > file.readUInt16LE(fullest + 10))) {
      fullest = at;
    }
  }
  assert.ok(fullest > 0, "no such page");
  return fullest;
}

test("damage is named by its place", () => {
  const branch = fullestPage(1);
  const leaf = fullestPage(2);
  for (const [what, at, change] of [
    ["another page's number", leaf, (bytes: Buffer) => bytes.writeUInt32LE(77, leaf)],
    ["more pages behind it than there are", leaf, (bytes: Buffer) => bytes.writeUInt32LE(1 << 30, leaf + 12)],
    ["another kind", leaf, (bytes: Buffer) => bytes.writeUInt16LE(16, leaf + 8)],
    ["more elements than have room", leaf, (bytes: Buffer) => bytes.writeUInt16LE(0xffff, leaf + 10)],
    ["an element that ends outside", leaf, (bytes: Buffer) => bytes.writeUInt32LE(1 << 20, leaf + 28)],
    ["an element within the heads", leaf, (bytes: Buffer) => bytes.writeUInt32LE(4, leaf + 20)],
    ["a child beyond the file", branch, (bytes: Buffer) => bytes.writeUInt32LE(4000, branch + 24)],
    ["itself for a child", branch, (bytes: Buffer) => bytes.writeUInt32LE(branch / pageBytes, branch + 24)],
    ["one child twice", branch, (bytes: Buffer) => bytes.copy(bytes, branch + 40, branch + 24, branch + 32)],
  ] as const) {
    const damaged = Buffer.from(file);
    change(damaged);
    assert.throws(
      () => machineOf(damaged),
      (error: unknown) => {
        assert.ok(error instanceof DecodeError, `${what}: ${String(error)}`);
        assert.ok(error.offset >= at && error.offset < at + pageBytes, `${what}: ${error.message}`);
        return true;
      },
    );
  }
});

test("every cut is refused", () => {
  for (let length = 0; length < file.length; length += 512) {
    assert.throws(() => machineOf(file.subarray(0, length)), DecodeError, `${length} bytes`);
  }
});

test("whatever bytes are flipped, the file is refused or gives a sound state", () => {
  const prng = new Prng(20_261_121);
  const below = (bound: number): number => prng.integer(0, bound);
  let refused = 0;
  const runs = 200;
  for (let run = 0; run < runs; run++) {
    const damaged = Buffer.from(file);
    for (let flips = 1 + below(3); flips > 0; flips--) {
      // Heads of pages and elements matter most.
      const page = 1 + below(file.length / pageBytes - 1);
      const at = page * pageBytes + below(below(2) === 0 ? 64 : pageBytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << below(8));
    }
    try {
      machineOf(damaged);
    } catch (error) {
      assert.ok(error instanceof DecodeError, `run ${run}: ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > runs / 10, `only ${refused} of ${runs} showed`);
});

test("the file of another program is refused", () => {
  assert.equal(isPageFile(portOf(Buffer.from("PK"))), false);
  const renamed = Buffer.from(file);
  for (let at = renamed.indexOf("meta"); at >= 0; at = renamed.indexOf("meta", at + 1)) {
    renamed.write("metb", at);
  }
  assert.throws(() => readEtcdState(portOf(renamed)), /this is the file of another program/);
});
