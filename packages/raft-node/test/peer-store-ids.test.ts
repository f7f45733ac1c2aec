import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { StorageError, toNodeId } from "@quorate/raft";
import { PeerStoreIds } from "@quorate/raft-node";

const folder = mkdtempSync(join(tmpdir(), "quorate-peers-"));
after(() => rmSync(folder, { recursive: true }));

const storeId = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const note = (notes: PeerStoreIds, peer: number, id: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    notes.note(toNodeId(peer), id, (error) => (error === null ? resolve() : reject(error)));
  });

test("a noted store id survives a restart and tells another disk apart", async () => {
  const directory = mkdtempSync(join(folder, "a-"));
  const notes = PeerStoreIds.open(directory);
  assert.equal(notes.judge(toNodeId(2), storeId(2)), "unknown");
  await Promise.all([note(notes, 2, storeId(2)), note(notes, 3, storeId(3)), note(notes, 2, storeId(2))]);
  const again = PeerStoreIds.open(directory);
  assert.equal(again.judge(toNodeId(2), storeId(2)), "same");
  assert.equal(again.judge(toNodeId(3), storeId(9)), "different");
  assert.equal(again.expected(toNodeId(4)), null);
  await new Promise((resolve) => again.forget(toNodeId(3), resolve));
  assert.equal(PeerStoreIds.open(directory).judge(toNodeId(3), storeId(9)), "unknown");
});

test("golden: the file of notes, version 1", async () => {
  const directory = mkdtempSync(join(folder, "golden-"));
  const notes = PeerStoreIds.open(directory);
  await note(notes, 9007199254740991, storeId(0xab));
  await note(notes, 2, storeId(2));
  const expected = `{
  "version": 1,
  "peers": {
    "2": "02020202020202020202020202020202",
    "9007199254740991": "abababababababababababababababab"
  }
}
`;
  assert.equal(readFileSync(join(directory, "peers.json"), "utf8"), expected);
});

test("notes that cannot be read stop the member by file name", () => {
  const cases: readonly [string, string][] = [
    ["{", "STORAGE_CORRUPT"],
    ["null", "STORAGE_CORRUPT"],
    ['{"version":2,"peers":{}}', "STORAGE_VERSION"],
    ['{"version":1}', "STORAGE_CORRUPT"],
    ['{"version":1,"peers":{"2":"00"}}', "STORAGE_CORRUPT"],
    [`{"version":1,"peers":{"-1":"${"0".repeat(32)}"}}`, "STORAGE_CORRUPT"],
  ];
  for (const [text, code] of cases) {
    const directory = mkdtempSync(join(folder, "bad-"));
    writeFileSync(join(directory, "peers.json"), text);
    assert.throws(
      () => PeerStoreIds.open(directory),
      (error) => error instanceof StorageError && error.code === code && error.message.includes("peers.json"),
      text,
    );
  }
});

test("a note that cannot be written is an error of the one who waits for it", async () => {
  const directory = mkdtempSync(join(folder, "gone-"));
  const notes = PeerStoreIds.open(directory);
  rmSync(directory, { recursive: true });
  await assert.rejects(note(notes, 2, storeId(2)), { code: "ENOENT" });
  await assert.rejects(
    note(notes, 2, storeId(2)),
    { code: "ENOENT" },
    "known in memory, but not on the disk",
  );
});

test("a member that has stopped writes no more notes: its directory may be removed", async () => {
  const directory = mkdtempSync(join(folder, "settled-"));
  const notes = PeerStoreIds.open(directory);
  const written = [note(notes, 2, storeId(2)), note(notes, 3, storeId(3))];
  await new Promise<void>((resolve) => notes.settled(resolve));
  rmSync(directory, { recursive: true });
  await Promise.all(written);
  assert.equal(existsSync(directory), false);
  await new Promise<void>((resolve) => notes.settled(resolve));
});
