/**
 * A snapshot file becomes the data directory of one member of a new cluster. Members and cluster get new ids, made of the file, the
 * token and the peer URLs, so that all members of the new cluster agree and none of the old one fits. Everything is made in a folder
 * beside, which gets its name as the last step: what is interrupted leaves nothing that starts.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { assert } from "@quorate/base";
import type { KvStateMachine } from "@quorate/kv";
import { type EncryptionKeys, seedDataDirectory } from "@quorate/raft-node";
import { CommandError } from "../cli/exit-code.ts";
import type { InitialMember } from "../config/server-config.ts";
import {
  type MemberIdentity,
  prepareDirectory,
  storeFolder,
  writeIdentity,
} from "../identity/data-directory.ts";
import { clusterIdOf, memberIdOf } from "../identity/member-id.ts";
import { openSnapshot } from "./open-snapshot.ts";

/** What a restore was asked. */
interface RestoreRequest {
  readonly file: string;
  readonly dataDir: string;
  readonly name: string;
  /** Every member of the new cluster. */
  readonly members: readonly InitialMember[];
  readonly clusterToken: string;
  readonly skipHashCheck: boolean;
  /** Revisions to leave out behind the snapshot's; 0 for none. */
  readonly bumpRevision: number;
  readonly encryption?: EncryptionKeys;
  readonly onProgress?: (bytes: number, total: number) => void;
}

/** What was made. */
interface Restored {
  readonly identity: MemberIdentity;
  readonly revision: number;
  readonly keyCount: number;
}

/** Bytes of the image that are made at once. */
const chunkBytes = 256 * 1024;

/** Restores one member. @throws {@link CommandError} for a damaged file, or a folder that is in use. */
export async function restoreMember(request: RestoreRequest): Promise<Restored> {
  const dataDir = resolve(request.dataDir);
  refuseUsedFolder(dataDir, request.dataDir);
  const { machine } = openSnapshot(request.file, { skipHashCheck: request.skipHashCheck });
  machine.beginAnew(request.bumpRevision);
  const identity = identityOf(request, machine);
  const making = join(dirname(dataDir), `.${basename(dataDir)}.restoring-${process.pid}`);
  rmSync(making, { recursive: true, force: true });
  try {
    prepareDirectory(making);
    await seedDataDirectory({
      dataDir: join(making, storeFolder),
      clusterId: identity.clusterId,
      nodeId: identity.memberId,
      voters: identity.members.map(({ id }) => id),
      index: Math.max(1, machine.appliedIndex),
      term: Math.max(1, machine.appliedTerm),
      state: chunksOf(machine, request.onProgress ?? (() => {})),
      ...(request.encryption === undefined ? {} : { encryption: request.encryption }),
    });
    writeIdentity(making, identity);
    takePlace(making, dataDir, request.dataDir);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return { identity, revision: machine.revision, keyCount: keyCountOf(machine) };
}

function refuseUsedFolder(dataDir: string, named: string): void {
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    throw new CommandError(`data-dir ${named} is not empty: name a new folder; nothing is ever overwritten`);
  }
}

/** The one step that decides. A folder that is there is empty, or it stays. */
function takePlace(making: string, dataDir: string, named: string): void {
  try {
    if (existsSync(dataDir)) {
      rmdirSync(dataDir);
    }
    renameSync(making, dataDir);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CommandError(`data-dir ${named} cannot be put in place (${code})`, 1, { cause: error });
  }
  syncFolder(dirname(dataDir));
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** ETCD: differs, equal URLs and token do not make an equal cluster: what it began with takes part in the ids. */
function identityOf(request: RestoreRequest, machine: KvStateMachine): MemberIdentity {
  const { clusterToken, members, name } = request;
  const origin = originOf(machine);
  const records = members
    .map((member) => {
      const peerUrls = member.peerUrls.map(({ text }) => text);
      return { id: memberIdOf(peerUrls, clusterToken, origin), name: member.name, peerUrls };
    })
    .toSorted((left, right) => left.id - right.id);
  const self = records.find((member) => member.name === name);
  if (self === undefined) {
    throw new CommandError(`--initial-cluster does not have the member "${name}"`);
  }
  return {
    memberId: self.id,
    clusterId: clusterIdOf(records.map(({ id }) => id)),
    clusterToken,
    members: records,
  };
}

/** A number that is another one for each state that a cluster can begin with. */
function originOf(machine: KvStateMachine): number {
  const hashed = machine.hashKv();
  assert(hashed.type === "hash-kv", "restore: the newest revision can always be hashed");
  const text = [hashed.hash, machine.revision, machine.appliedIndex, machine.appliedTerm].join(" ");
  return createHash("sha256").update(text).digest().readUInt32BE(0);
}

function* chunksOf(
  machine: KvStateMachine,
  onProgress: (bytes: number, total: number) => void,
): Generator<Uint8Array, void, undefined> {
  const image = machine.snapshot();
  let bytes = 0;
  try {
    for (let chunk = image.read(chunkBytes); chunk !== null; chunk = image.read(chunkBytes)) {
      yield chunk;
      bytes += chunk.length;
      onProgress(bytes, machine.liveBytes);
    }
  } finally {
    image.close();
  }
}

function keyCountOf(machine: KvStateMachine): number {
  const reader = machine.range({
    type: "range",
    key: Uint8Array.of(0),
    rangeEnd: Uint8Array.of(0),
    limit: 0,
    revision: 0,
    sortOrder: "none",
    sortTarget: "key",
    serializable: true,
    keysOnly: false,
    countOnly: true,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  });
  assert(reader.type !== "refused", "restore: the newest revision can always be read");
  return reader.count;
}
