/** The contract of storages, on LMDB. */
import { rmSync } from "node:fs";
import test from "node:test";
import { type StorageFixture, storageSuite } from "@quorate/raft/testing";
import { folder, openIn } from "./support.ts";

async function fixture(cachedBytesMax: number): Promise<StorageFixture> {
  const path = folder();
  return {
    open: () => openIn(path, { cachedBytesMax }),
    dispose: async () => rmSync(path, { recursive: true, force: true }),
  };
}

storageSuite(test, () => fixture(16 * 1024 * 1024));

// With nothing in memory but the last entry, all others come from the database.
storageSuite(
  (name, body) => test(`${name}, read from the database`, body),
  () => fixture(0),
);
