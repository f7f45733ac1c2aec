/** The stored format, byte by byte: a change is a new version, never a new meaning of this one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crc32c } from "@quorate/base";
import { StorageError, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import {
  decodeValue,
  encodeValue,
  keys,
  readConfState,
  readEntry,
  readHardState,
  readLogId,
  readSnapshot,
  writeConfState,
  writeEntry,
  writeHardState,
  writeLogId,
  writeSnapshot,
} from "../src/format.ts";
import { encodeIdentity } from "../src/identity.ts";

const golden = JSON.parse(
  readFileSync(new URL("./golden/format-v1.json", import.meta.url), "utf8"),
) as Readonly<Record<string, string>>;

const confState = {
  voters: [1, 2, 300].map(toNodeId),
  learners: [toNodeId(4)],
  votersOutgoing: [toNodeId(5)],
  learnersNext: [],
  autoLeave: true,
};
const id = { index: toLogIndex(500), term: toTerm(7) };
const hardState = { term: toTerm(3), vote: toNodeId(2), commit: toLogIndex(260) };
const snapshot = { metadata: { ...id, confState }, image: 3, bytes: 70_000 };
const entry = {
  index: toLogIndex(258),
  term: toTerm(9),
  type: "conf-change-v2",
  data: Uint8Array.of(1, 2, 3),
} as const;
const identity = {
  clusterId: 2 ** 53 - 1,
  nodeId: toNodeId(9),
  storeId: Uint8Array.from({ length: 16 }, (_, i) => i),
  confState,
  application: Uint8Array.of(7),
};

const values: Readonly<Record<string, readonly [Uint8Array, Uint8Array]>> = {
  identity: [keys.identity, encodeIdentity(identity)],
  hardState: [keys.hardState, encodeValue(keys.hardState, (writer) => writeHardState(writer, hardState))],
  base: [keys.base, encodeValue(keys.base, (writer) => writeLogId(writer, id))],
  entry: [keys.entry(258), encodeValue(keys.entry(258), (writer) => writeEntry(writer, entry))],
  snapshot: [keys.snapshot, encodeValue(keys.snapshot, (writer) => writeSnapshot(writer, snapshot))],
  chunk: [
    keys.chunk(3, 1000),
    encodeValue(keys.chunk(3, 1000), (writer) => writer.bytes(Uint8Array.of(9, 8))),
  ],
};

for (const [name, [key, value]] of Object.entries(values)) {
  test(`format: ${name} has its golden bytes`, () => {
    const hex = `${Buffer.from(key).toString("hex")} ${Buffer.from(value).toString("hex")}`;
    assert.equal(hex, golden[name]);
  });

  test(`format: ${name} with any bit flipped, cut short, or in another's place is refused`, () => {
    const read = (at: Uint8Array, bytes: Uint8Array): unknown =>
      decodeValue("raft.mdb", name, at, bytes, (reader) => reader.bytes(reader.remaining));
    read(key, value);
    const corrupt = (error: unknown): boolean =>
      error instanceof StorageError && error.code === "STORAGE_CORRUPT";
    for (let bit = 0; bit < value.length * 8; bit++) {
      const damaged = value.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => read(key, damaged), corrupt, `bit ${bit}`);
    }
    for (let length = 0; length < value.length; length++) {
      assert.throws(() => read(key, value.slice(0, length)), corrupt, `${length} bytes`);
    }
    assert.throws(() => read(keys.entry(77), value), corrupt);
  });
}

test("format: what is written is what is read", () => {
  const read = <T>(at: Uint8Array, name: string, reader: Parameters<typeof decodeValue<T>>[4]): T =>
    decodeValue("raft.mdb", name, at, values[name]?.[1] ?? new Uint8Array(0), reader);
  assert.deepEqual(read(keys.hardState, "hardState", readHardState), hardState);
  assert.deepEqual(read(keys.base, "base", readLogId), id);
  assert.deepEqual(
    read(keys.entry(258), "entry", (reader) => readEntry(reader, entry.index)),
    entry,
  );
  assert.deepEqual(read(keys.snapshot, "snapshot", readSnapshot), snapshot);
  const written = encodeValue(keys.base, (writer) => writeConfState(writer, confState));
  assert.deepEqual(decodeValue("raft.mdb", "conf", keys.base, written, readConfState), confState);
});

test("format: another version is refused by name, and a list without end is no list", () => {
  const later = encodeValue(keys.base, () => {});
  later[0] = 2;
  new DataView(later.buffer, later.byteOffset).setUint32(1, crc32c(later, crc32c(keys.base), 0, 1), true);
  assert.throws(
    () => decodeValue("raft.mdb", "base", keys.base, later, readLogId),
    (error) => error instanceof StorageError && error.code === "STORAGE_VERSION",
  );
  const long = encodeValue(keys.base, (writer) => writer.varint(1_000_000));
  assert.throws(() => decodeValue("raft.mdb", "conf", keys.base, long, readConfState), /too many members/);
});
