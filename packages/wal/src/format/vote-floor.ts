/**
 * The vote floor on disk: the highest log id that a damaged log once reached, or that nobody can tell. Written before anything of
 * the damage is moved, removed when the log has reached it again.
 */
import { assert, crc32c, equalBytes, utf8Encode } from "@quorate/base";
import { toLogIndex, toTerm, type VoteFloor } from "@quorate/raft";
import { damaged, type Fault, unknownVersion } from "./fault.ts";
import { formatVersion, type StoreIdentity } from "./identity.ts";
import { getU64, setU64 } from "./record.ts";

/** Bytes of the file. */
const floorBytes = 52;

const magic = utf8Encode("QRT-FLOR");

/** Encodes a floor. */
export function encodeFloor(identity: StoreIdentity, floor: VoteFloor): Uint8Array {
  const bytes = new Uint8Array(floorBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, floor === "unknown" ? 1 : 0, true);
  bytes.set(identity.storeId, 16);
  if (floor !== "unknown") {
    assert(floor.term >= 0, "floor: term below 0");
    assert(floor.index >= 0, "floor: index below 0");
    setU64(view, 32, floor.term);
    setU64(view, 40, floor.index);
  }
  view.setUint32(48, crc32c(bytes, 0, 0, 48), true);
  return bytes;
}

/** Decodes a floor, or says what is wrong with it. */
export function decodeFloor(
  bytes: Uint8Array,
  identity: StoreIdentity | null,
): { readonly floor: VoteFloor } | Fault {
  if (bytes.length !== floorBytes) {
    return damaged(`is ${bytes.length} bytes long, not ${floorBytes}`, Math.min(bytes.length, floorBytes));
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, floorBytes);
  if (crc32c(bytes, 0, 0, 48) !== view.getUint32(48, true)) {
    return damaged("checksum mismatch", 0);
  }
  if (!equalBytes(bytes.subarray(0, 8), magic)) {
    return damaged("not a vote floor", 0);
  }
  const version = view.getUint32(8, true);
  if (version !== formatVersion) {
    return unknownVersion(version, 8);
  }
  if (identity !== null && !equalBytes(bytes.subarray(16, 32), identity.storeId)) {
    return damaged("belongs to another store", 16);
  }
  const state = view.getUint32(12, true);
  const term = getU64(view, 32);
  const index = getU64(view, 40);
  if (state > 1 || !Number.isSafeInteger(term) || !Number.isSafeInteger(index)) {
    return damaged("state, term or index out of range", 12);
  }
  return { floor: state === 1 ? "unknown" : { term: toTerm(term), index: toLogIndex(index) } };
}
