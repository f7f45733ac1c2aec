/**
 * A data directory that begins with a state: the first snapshot of a group whose members all get the same one. Nothing runs on it
 * yet; a member that is started there finds the snapshot as if a leader had sent it.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { assert } from "@quorate/base";
import {
  firstImage,
  type HardState,
  noNode,
  type SnapshotMetadata,
  type SnapshotSink,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { openWal, type WalStorage } from "@quorate/wal";
import { AesCipher } from "../encryption/aes-cipher.ts";
import { type EncryptionKeys, KeyRing } from "../encryption/key-ring.ts";
import { NodeFileSystem } from "../node-file-system.ts";

/** What to begin with. */
export interface SeedOptions {
  /** The store to make; it must not exist, or be empty. */
  readonly dataDir: string;
  readonly clusterId: number;
  readonly nodeId: number;
  /** Every first member, this one among them. */
  readonly voters: readonly number[];
  /** Where the log begins behind the state: the same on every member, and not below what the state has applied. */
  readonly index: number;
  readonly term: number;
  /** The state machine's image, in chunks. */
  readonly state: Iterable<Uint8Array>;
  readonly encryption?: EncryptionKeys;
}

/**
 * Makes the store, durably. It is whole only when this resolves: make it beside its place, and give it its name then.
 *
 * @throws StorageError where files cannot be written, or the folder holds a store already.
 */
export async function seedDataDirectory(options: SeedOptions): Promise<void> {
  const { clusterId, dataDir, encryption, nodeId, voters } = options;
  assert(voters.includes(nodeId), "seed: the member is none of the voters");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const confState = {
    voters: voters.map(toNodeId).sort((left, right) => left - right),
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const storage = await call<WalStorage>((done) =>
    openWal(
      {
        fileSystem: new NodeFileSystem(dataDir),
        clusterId,
        nodeId: toNodeId(nodeId),
        bootstrap: {
          storeId: new Uint8Array(randomBytes(16)),
          // As a member that joins: the configuration comes with the snapshot.
          confState: { ...confState, voters: [] },
          application: new Uint8Array(0),
        },
        ...(encryption === undefined ? {} : { cipher: new AesCipher(new KeyRing(encryption)) }),
      },
      done,
    ),
  );
  try {
    assert(storage.created, "seed: the folder holds a store already");
    const index = toLogIndex(options.index);
    const metadata: SnapshotMetadata = { index, term: toTerm(options.term), confState };
    await fill(storage.receiveSnapshot(metadata), firstImage(options.state));
    const hardState: HardState = { term: metadata.term, vote: noNode, commit: index };
    await call((done) => storage.write({ hardState, entries: [], snapshot: metadata, mustSync: true }, done));
  } finally {
    await call((done) => storage.close(done));
  }
}

async function fill(sink: SnapshotSink, chunks: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of chunks) {
    await call((done) => sink.write(chunk, done));
  }
  await call((done) => sink.finish(done));
}

function call<T = void>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value as T) : reject(error)));
  });
}
