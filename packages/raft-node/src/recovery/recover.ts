/**
 * Permanent loss of the quorum: one member's data directory becomes the beginning of a new cluster, of which it is the only voter.
 * All that its log holds counts as committed from then on, whether a majority ever had it or not; what only others had is lost.
 * It works offline, on a copy, and switches to it in one step.
 */
import { randomInt } from "node:crypto";
import { assert, toHex } from "@quorate/base";
import {
  type ConfState,
  confStateBehind,
  type Entry,
  type HardState,
  type LogId,
  type NodeId,
  nextIndex,
  StorageError,
  soleMemberEntries,
  toLogIndex,
  toTerm,
  type VoteFloor,
} from "@quorate/raft";
import {
  forgetVote,
  moveStoreToCluster,
  openWal,
  readStoreMetadata,
  type StoreMetadata,
  type WalStorage,
} from "@quorate/wal";
import { DataDirectoryLock } from "../data-directory-lock.ts";
import { AesCipher } from "../encryption/aes-cipher.ts";
import { type EncryptionKeys, KeyRing } from "../encryption/key-ring.ts";
import { NodeFileSystem } from "../node-file-system.ts";
import { copyStore, writeParts } from "./copy-store.ts";
import { beginSwitch, commitSwitch, dropSwitch, finishSwitch } from "./switch.ts";

/** What a data directory holds, as far as recovery depends on it. */
export interface RecoveryFindings {
  readonly clusterId: number;
  readonly newClusterId: number;
  readonly nodeId: NodeId;
  /** Hexadecimal. */
  readonly storeId: string;
  readonly term: number;
  /** 0 for none. */
  readonly vote: number;
  readonly snapshotIndex: number;
  readonly firstIndex: number;
  readonly last: LogId;
  /** Known committed: all up to it is certain. What follows may never have been acknowledged to anybody, and counts from now on. */
  readonly committed: number;
  /** The configuration behind the last entry. */
  readonly confState: ConfState;
  /** What damage took: the log once reached this. Null when it is whole. */
  readonly discarded: VoteFloor | null;
  /** What reading the log met, a sentence each. */
  readonly report: readonly string[];
}

/** How a directory is recovered. */
export interface RecoverOptions {
  /** The store: the data directory of a library user's node. No process may run on it. */
  readonly dataDir: string;
  /** Decides, with everything that was found before it: false changes nothing. */
  readonly confirm: (findings: RecoveryFindings) => boolean | Promise<boolean>;
  /** Goes on without what is damaged, and everything behind it. Default false: damage is refused by file and offset. */
  readonly discardDamaged?: boolean;
  /** The keys of an encrypted store. */
  readonly encryption?: EncryptionKeys;
  /** Files of the application that change together with the store: paths from the data directory. */
  readonly files?: (findings: RecoveryFindings) => Readonly<Record<string, Uint8Array>>;
  /** Long work goes on. Bytes. */
  readonly onProgress?: (copied: number, total: number) => void;
}

/** What recovery has done. */
export interface Recovered {
  readonly findings: RecoveryFindings;
  /** The folder with everything that was replaced. */
  readonly backup: string;
  /** The last entry of the new log: the old one, and the changes that left this member alone. */
  readonly lastIndex: number;
}

/**
 * Makes the store of one survivor the beginning of a new cluster; null when `confirm` said no, and then nothing has changed. After a
 * crash in the middle the directory is the old one or the new one, whole.
 *
 * @throws StorageError: STORAGE_LOCKED while a process runs on it; STORAGE_CORRUPT with file and offset where it is damaged.
 */
export async function recoverDataDirectory(options: RecoverOptions): Promise<Recovered | null> {
  const { dataDir } = options;
  const lock = DataDirectoryLock.acquire(dataDir);
  try {
    finishSwitch(dataDir);
    return await recoverLocked(options);
  } finally {
    lock.release();
  }
}

async function recoverLocked(options: RecoverOptions): Promise<Recovered | null> {
  const { dataDir } = options;
  const folder = beginSwitch(dataDir);
  try {
    await copyStore(dataDir, folder, options.onProgress ?? (() => {}));
    const files = new NodeFileSystem(folder);
    const metadata = await call<StoreMetadata>((done) => readStoreMetadata(files, done));
    const storage = await openCopy(files, metadata, options);
    let findings: RecoveryFindings;
    let added: readonly Entry[];
    try {
      findings = await look(storage, metadata);
      if (findings.discarded !== null && options.discardDamaged !== true) {
        const why = "an earlier start set damage aside, and no leader has repaired the log yet";
        throw new StorageError({ code: "STORAGE_CORRUPT", file: "vote-floor", offset: 0, why });
      }
      if (!(await options.confirm(findings))) {
        return null;
      }
      added = await makeSole(storage, findings);
    } finally {
      await call((done) => storage.close(done));
    }
    await call((done) => moveStoreToCluster(files, findings.newClusterId, done));
    const lastIndex = findings.last.index + added.length;
    const parts = writeParts(folder, options.files?.(findings) ?? {});
    return { findings, backup: commitSwitch(dataDir, parts), lastIndex };
  } finally {
    dropSwitch(dataDir);
  }
}

async function openCopy(
  files: NodeFileSystem,
  { clusterId, nodeId }: StoreMetadata,
  { discardDamaged, encryption }: RecoverOptions,
): Promise<WalStorage> {
  const onDamage = discardDamaged === true ? "set-aside" : "refuse";
  const keys = encryption === undefined ? {} : { cipher: new AesCipher(new KeyRing(encryption)) };
  const open = (): Promise<WalStorage> =>
    call((done) =>
      openWal({ fileSystem: files, clusterId, nodeId, bootstrap: null, onDamage, ...keys }, done),
    );
  try {
    return await open();
  } catch (error) {
    const isVote =
      error instanceof StorageError && error.info.code === "STORAGE_CORRUPT" && error.info.file === voteFile;
    if (!isVote || discardDamaged !== true) {
      throw error;
    }
    await call((done) => forgetVote(files, done));
    return await open();
  }
}

/** What the error names where both files of term and vote are bad. */
const voteFile = "hard-state-a";

/** Reads the whole log for the configuration behind it. */
async function look(storage: WalStorage, metadata: StoreMetadata): Promise<RecoveryFindings> {
  const { confState, hardState } = storage.initial;
  const snapshot = storage.snapshot();
  assert(snapshot !== "pending", "recover: a snapshot is being made");
  const last = { term: toTerm(lastTermOf(storage)), index: storage.lastIndex };
  return {
    clusterId: metadata.clusterId,
    newClusterId: randomInt(1, 2 ** 47),
    nodeId: metadata.nodeId,
    storeId: toHex(metadata.storeId),
    term: hardState.term,
    vote: hardState.vote,
    snapshotIndex: snapshot?.index ?? 0,
    firstIndex: storage.firstIndex,
    last,
    committed: hardState.commit,
    confState: await confStateAtEnd(storage, confState, snapshot?.index ?? 0),
    discarded: storage.voteFloor,
    report: storage.report,
  };
}

function lastTermOf(storage: WalStorage): number {
  const term = storage.term(storage.lastIndex);
  assert(typeof term === "number", "recover: the last entry has a term");
  return term;
}

/** Bytes of entries that are read at once. */
const readBytesMax = 1024 * 1024;

async function confStateAtEnd(storage: WalStorage, start: ConfState, behind: number): Promise<ConfState> {
  let confState = start;
  const end = nextIndex(storage.lastIndex);
  for (let low = toLogIndex(Math.max(behind + 1, storage.firstIndex)); low < end; ) {
    const from = low;
    let entries = storage.entries(from, end, readBytesMax);
    if (entries === "pending") {
      await call((done) => storage.load(from, end, readBytesMax, done));
      entries = storage.entries(from, end, readBytesMax);
    }
    assert(typeof entries !== "string", "recover: an entry cannot be read");
    for (const entry of entries) {
      confState = confStateBehind(confState, entry);
    }
    low = toLogIndex(low + entries.length);
  }
  return confState;
}

/**
 * RAFT §3.6.2: entries of earlier terms are committed by one of the own term. This member elects itself in the next term and appends
 * what leaves it alone; with that the whole log is committed.
 */
async function makeSole(storage: WalStorage, findings: RecoveryFindings): Promise<readonly Entry[]> {
  const { confState, last, nodeId } = findings;
  const term = toTerm(Math.max(findings.term, last.term) + 1);
  const entries = soleMemberEntries(confState, nodeId, nextIndex(last.index), term);
  const commit = toLogIndex(last.index + entries.length);
  const hardState: HardState = { term, vote: nodeId, commit };
  await call((done) => storage.write({ hardState, entries, snapshot: null, mustSync: true }, done));
  return entries;
}

function call<T = void>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value as T) : reject(error)));
  });
}
