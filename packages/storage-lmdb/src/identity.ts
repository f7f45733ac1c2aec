/** Whose data a database holds, with the configuration and the application's bytes that it was made with. Written once. */
import { randomBytes } from "node:crypto";
import { assert, type ByteReader, DecodeError } from "@quorate/base";
import { type ConfState, type NodeId, StorageError, toNodeId } from "@quorate/raft";
import type { Database } from "./database.ts";
import { corrupt, decodeValue, encodeValue, keys, readConfState, writeConfState } from "./format.ts";

/** What a member's storage is opened with; the node gives it. */
export interface LmdbStorageStart {
  /** Where the database lies, as `raft.mdb`. */
  readonly dataDir: string | null;
  readonly id: NodeId;
  readonly clusterId: number;
  /** The first configuration, for a store that is empty. */
  readonly voters: readonly NodeId[];
  /** The application's bytes, kept from the creation on. */
  readonly application?: Uint8Array;
}

/** Said to peers in each handshake; a member that comes back with another store id is refused. */
export interface LmdbIdentity {
  readonly clusterId: number;
  readonly nodeId: NodeId;
  /** 16 bytes, drawn when the database was made. */
  readonly storeId: Uint8Array;
  /** The configuration before the first entry. */
  readonly confState: ConfState;
  readonly application: Uint8Array;
}

const storeIdBytes = 16;
const applicationBytesMax: number = 1024 * 1024;

/** The stored identity, or a new one for an empty database. @throws StorageError when it is another's, or missing from one in use. */
export function readIdentity(
  database: Database,
  start: LmdbStorageStart,
): { readonly identity: LmdbIdentity; readonly isNew: boolean } {
  const value = database.get(keys.identity);
  if (value === null) {
    for (const _ of database.keys(keys.base, keys.chunksEnd)) {
      throw corrupt(database.file, "the identity is missing");
    }
    return { identity: drawIdentity(start), isNew: true };
  }
  const found = decodeValue(database.file, "the identity", keys.identity, value, decodeIdentity);
  if (found.clusterId !== start.clusterId || found.nodeId !== start.id) {
    throw new StorageError({
      code: "STORAGE_FOREIGN",
      file: database.file,
      found: `member ${found.nodeId} of cluster ${found.clusterId}`,
      expected: `member ${start.id} of cluster ${start.clusterId}`,
    });
  }
  return { identity: found, isNew: false };
}

function drawIdentity({ application, clusterId, id, voters }: LmdbStorageStart): LmdbIdentity {
  const bytes = application ?? new Uint8Array(0);
  assert(bytes.length <= applicationBytesMax, "lmdb: too many bytes of the application");
  return {
    clusterId,
    nodeId: id,
    storeId: new Uint8Array(randomBytes(storeIdBytes)),
    confState: { voters: [...voters], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    application: bytes,
  };
}

/** The value of the identity. */
export function encodeIdentity(identity: LmdbIdentity): Uint8Array {
  assert(identity.storeId.length === storeIdBytes, "lmdb: a store id has 16 bytes");
  return encodeValue(keys.identity, (writer) => {
    writer.varint(identity.clusterId);
    writer.varint(identity.nodeId);
    writer.bytes(identity.storeId);
    writeConfState(writer, identity.confState);
    writer.lengthPrefixed(identity.application);
  });
}

function decodeIdentity(reader: ByteReader): LmdbIdentity {
  const clusterId = reader.varint();
  const nodeId = toNodeId(reader.varint());
  const storeId = reader.bytes(storeIdBytes).slice();
  const confState = readConfState(reader);
  const at = reader.offset;
  const application = reader.lengthPrefixed().slice();
  if (application.length > applicationBytesMax) {
    throw new DecodeError("too many bytes of the application", at);
  }
  return { clusterId, nodeId, storeId, confState, application };
}
