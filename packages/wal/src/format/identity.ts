/**
 * The identity file: whose data this is, and with which configuration the member began. Written once, when the store is
 * created; from then on it overrides what the command line says.
 */
import { assert, ByteReader, ByteWriter, crc32c, DecodeError, equalBytes, utf8Encode } from "@quorate/base";
import { type ConfState, type NodeId, toNodeId } from "@quorate/raft";
import { readConfState, writeConfState } from "./conf-state.ts";
import { damaged, type Fault, unknownVersion } from "./fault.ts";

/** Version of every file of the store. Another version is refused by name. */
export const formatVersion = 1;

/** Bytes of a store id. */
export const storeIdBytes = 16;

/** Most application bytes in the identity file. */
const applicationBytesMax: number = 1024 * 1024;

const magic = utf8Encode("QRT-META");

/** Whose data a directory holds. */
export interface StoreIdentity {
  /** The cluster: a safe positive integer, the same on all members. */
  readonly clusterId: number;
  readonly nodeId: NodeId;
  /** 16 random bytes made with the store: a wiped or cloned disk shows another, or the same twice. */
  readonly storeId: Uint8Array;
}

/** The identity and what the member was created with. */
export interface StoreMetadata extends StoreIdentity {
  /** The configuration before the first entry and the first snapshot. */
  readonly confState: ConfState;
  /** The application's own bytes, such as names and addresses of the first members. */
  readonly application: Uint8Array;
}

/** Encodes the identity file. */
export function encodeMetadata(metadata: StoreMetadata): Uint8Array {
  assert(metadata.storeId.length === storeIdBytes, "metadata: store id is not 16 bytes");
  assert(metadata.application.length <= applicationBytesMax, "metadata: application bytes above the limit");
  assert(Number.isSafeInteger(metadata.clusterId) && metadata.clusterId > 0, "metadata: cluster id");
  const writer = new ByteWriter();
  writer.bytes(magic);
  writer.u32(formatVersion);
  writer.u64(metadata.clusterId);
  writer.u64(metadata.nodeId);
  writer.bytes(metadata.storeId);
  writeConfState(writer, metadata.confState);
  writer.lengthPrefixed(metadata.application);
  writer.u32(crc32c(writer.view()));
  return writer.finish();
}

/** Decodes the identity file, or says what is wrong with it. */
export function decodeMetadata(bytes: Uint8Array): { readonly metadata: StoreMetadata } | Fault {
  try {
    return readMetadata(bytes);
  } catch (error) {
    if (error instanceof DecodeError) {
      return damaged(error.message, error.offset);
    }
    throw error;
  }
}

function readMetadata(bytes: Uint8Array): { readonly metadata: StoreMetadata } | Fault {
  if (bytes.length < magic.length + 8) {
    return damaged("too short", bytes.length);
  }
  const reader = new ByteReader(bytes, 0, bytes.length - 4);
  if (!equalBytes(reader.bytes(magic.length), magic)) {
    throw new DecodeError("not an identity file", 0);
  }
  const sum = new ByteReader(bytes, bytes.length - 4).u32();
  if (crc32c(bytes, 0, 0, bytes.length - 4) !== sum) {
    throw new DecodeError("checksum mismatch", bytes.length - 4);
  }
  const version = reader.u32();
  if (version !== formatVersion) {
    return unknownVersion(version, 8);
  }
  const clusterId = reader.u64();
  const nodeId = reader.u64();
  if (clusterId === 0 || nodeId === 0) {
    return damaged("cluster id or node id is 0", 12);
  }
  const storeId = reader.bytes(storeIdBytes).slice();
  const confState = readConfState(reader);
  const application = reader.lengthPrefixed().slice();
  reader.end();
  return { metadata: { clusterId, nodeId: toNodeId(nodeId), storeId, confState, application } };
}
