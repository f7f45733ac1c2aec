/** Opening a store: options, defaults, recovery. */
import { assert, runTask, type Task, wait } from "@quorate/base";
import {
  type Buggify,
  type CompletedWith,
  type ConfState,
  type NodeId,
  nextIndex,
  type SnapshotSource,
} from "@quorate/raft";
import { keyIdOfImage, noKeys, type StoreCipher } from "./cipher.ts";
import { ioFailure } from "./failures.ts";
import type { FileSystem } from "./file-system.ts";
import { type StoreMetadata, storeIdBytes } from "./format/identity.ts";
import { segmentBytesMax, segmentBytesMin } from "./format/segment.ts";
import { type RecoveredStore, readIdentity, recoverStore } from "./recovery.ts";
import { logDamageOf, setAside } from "./set-aside.ts";
import { WalStorage } from "./wal-storage.ts";

/** What a new member is created with. A directory that exists overrides it. */
export interface WalBootstrap {
  /** 16 random bytes: tells this disk from one that was wiped and made again. */
  readonly storeId: Uint8Array;
  /** The configuration before the first entry; empty for a member that joins by snapshot. */
  readonly confState: ConfState;
  /** The application's own bytes, kept as they are. */
  readonly application: Uint8Array;
}

/** How to open a store. Sizes are in bytes. */
export interface WalOptions {
  readonly fileSystem: FileSystem;
  /** A directory of another cluster is refused by name. */
  readonly clusterId: number;
  /** A directory of another member is refused by name. */
  readonly nodeId: NodeId;
  /** Null: the directory must hold a store already. */
  readonly bootstrap: WalBootstrap | null;
  /**
   * What damage to the log leads to. `refuse` (default): the store is not opened, and the error names file and offset. `set-aside`: for
   * a member of several, which can be repaired: what is damaged and everything behind it is moved beside, never removed, and
   * {@link WalStorage.voteFloor} says what the log once reached.
   */
  readonly onDamage?: "refuse" | "set-aside";
  /** Encrypts entries and images. A store that was in clear goes on in clear where it stands, and is encrypted from here on. */
  readonly cipher?: StoreCipher;
  /** For simulators only: see `Buggify`. Default: null. */
  readonly buggify?: Buggify | null;
  /** Length of a segment, preallocated. Default 64 MiB. */
  readonly segmentBytes?: number;
  /**
   * Bytes of entries kept in memory; older ones are read from their segments. While nobody reads that far back, some thousand entries are enough.
   * Default 8 MiB.
   */
  readonly windowBytesMax?: number;
  /** Records gathered into one write. Default 8 MiB. */
  readonly batchBytesMax?: number;
}

/** Default length of a segment. */
export const segmentBytesDefault: number = 64 * 1024 * 1024;

/**
 * Default limit of the entries in memory: a follower that lags by less than some 25,000 small entries costs little reading.
 *
 * PERF: an entry costs three objects beside its bytes, and the collector's headroom is in proportion: of 32 MiB a leader with 200,000
 * keys of 256 bytes had 319 MB resident, of 8 MiB it has 254 (`npm run bench -- memory`).
 */
export const windowBytesMaxDefault: number = 8 * 1024 * 1024;

/** Default limit of one batch. */
export const batchBytesMaxDefault: number = 8 * 1024 * 1024;

/**
 * Opens a member's store, creating it where there is none, and recovers it.
 *
 * Fails with `StorageError`: STORAGE_CORRUPT (file, offset and what to do) where anything is damaged, STORAGE_FOREIGN where
 * the directory is another cluster's or member's, STORAGE_VERSION for a format of another version, STORAGE_IO and
 * STORAGE_FULL where a call failed. Nothing is ever shortened silently.
 *
 * @example
 * ```ts
 * import { toNodeId } from "@quorate/raft";
 * import { openWal } from "@quorate/wal";
 * import { MemoryFileSystem } from "@quorate/wal/testing";
 * const nodeId = toNodeId(1);
 * const confState = { voters: [nodeId], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
 * const bootstrap = { storeId: new Uint8Array(16), confState, application: new Uint8Array(0) };
 * const fileSystem = new MemoryFileSystem();
 * openWal({ fileSystem, clusterId: 7, nodeId, bootstrap, segmentBytes: 65536 }, (error, storage) => {
 *   if (error !== null || storage === undefined) throw error;
 *   storage.close((closeError) => closeError);
 * });
 * ```
 */
export function openWal(options: WalOptions, completed: CompletedWith<WalStorage>): void {
  runTask(openTask(options), (error, storage) => {
    if (error === null && storage !== undefined) {
      completed(null, storage);
    } else {
      completed(ioFailure(error ?? new Error("open: no storage")));
    }
  });
}

function* openTask(options: WalOptions): Task<WalStorage> {
  const { bootstrap, clusterId, fileSystem, nodeId } = options;
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault;
  assert(
    segmentBytes >= segmentBytesMin && segmentBytes <= segmentBytesMax,
    "wal: segmentBytes out of range",
  );
  assert(segmentBytes % 512 === 0, "wal: segmentBytes is not a multiple of 512");
  assert(bootstrap === null || bootstrap.storeId.length === storeIdBytes, "wal: storeId is not 16 bytes");
  const metadata = bootstrap === null ? null : { clusterId, nodeId, ...bootstrap };
  const recovered = yield* recoverAround(options, metadata, segmentBytes);
  const limits = {
    windowBytesMax: options.windowBytesMax ?? windowBytesMaxDefault,
    batchBytesMax: options.batchBytesMax ?? batchBytesMaxDefault,
  };
  const { buggify = null, cipher = null } = options;
  const storage = new WalStorage(fileSystem, recovered, limits, cipher, buggify);
  // First of all: until then an older image would be in force, which nobody has looked at and nobody is to read. No key is needed for it,
  // and a wrong one is told below as before.
  const newest = recovered.snapshots.durable.at(-1);
  if (recovered.snapshots.install && newest !== undefined) {
    yield* wait<void>((done) => storage.install(newest.metadata, done));
  }
  try {
    yield* tryKeys(storage, cipher);
  } catch (error) {
    yield* wait<void>((done) => storage.close(done));
    throw error;
  }
  return storage;
}

/**
 * That the ids of all keys are there is known; that they are the right keys shows in what was written last. A wrong one is told now,
 * and not when the member needs the entry.
 */
function* tryKeys(storage: WalStorage, cipher: StoreCipher | null): Task<void> {
  const { firstIndex, lastIndex } = storage;
  if (cipher !== null && lastIndex >= firstIndex) {
    yield* wait<void>((done) => storage.load(lastIndex, nextIndex(lastIndex), 1, done));
  }
  if (typeof storage.snapshot() !== "object" || storage.snapshot() === null) {
    return;
  }
  const source = yield* wait<SnapshotSource>((done) => storage.openSnapshot(done));
  try {
    const start = yield* wait<Uint8Array>((done) => source.read(0, 8, done));
    const keyId = cipher === null ? keyIdOfImage(start) : null;
    if (keyId !== null) {
      throw noKeys(keyId);
    }
  } finally {
    source.close();
  }
}

/** Most damaged places that one opening goes around: each takes at least one segment or the end of one. */
const damageCountMax = 1000;

/** Opens the store; where the log is damaged and that is wished, again without the damage. */
function* recoverAround(
  options: WalOptions,
  metadata: StoreMetadata | null,
  segmentBytes: number,
): Task<RecoveredStore> {
  const { clusterId, fileSystem, nodeId, onDamage = "refuse" } = options;
  const lines: string[] = [];
  for (;;) {
    try {
      const recovered = yield* recoverStore(
        fileSystem,
        { clusterId, nodeId },
        metadata,
        segmentBytes,
        options.cipher ?? null,
      );
      return { ...recovered, report: [...lines, ...recovered.report] };
    } catch (error) {
      const damage = onDamage === "set-aside" ? logDamageOf(error) : null;
      if (damage === null || lines.length === damageCountMax) {
        throw error;
      }
      const identity = yield* readIdentity(fileSystem);
      lines.push(yield* setAside(fileSystem, identity, damage, segmentBytes));
    }
  }
}
