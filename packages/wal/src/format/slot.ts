/**
 * Hard-state slots: term and vote, twice. FIG 2 State, persistent. One sector each, so that a slot is written at once as
 * far as a disk can; the sequence number tells which of two valid slots is newer.
 */
import { assert, crc32c, equalBytes, utf8Encode } from "@quorate/base";
import { damaged, type Fault, unknownVersion } from "./fault.ts";
import { formatVersion, type StoreIdentity } from "./identity.ts";
import { getU64, setU64 } from "./record.ts";

/** Bytes of a slot file. */
export const slotBytes = 512;

/** The slot files, in the order in which they are written. */
export const slotNames: readonly ["hard-state-a", "hard-state-b"] = ["hard-state-a", "hard-state-b"];

const magic = utf8Encode("QRT-VOTE");

/** Term and vote with the number of the write. */
export interface Slot {
  readonly sequence: number;
  readonly term: number;
  readonly vote: number;
}

/** Encodes one slot. */
export function encodeSlot(identity: StoreIdentity, slot: Slot): Uint8Array {
  assert(slot.sequence >= 1, "slot: sequence below 1");
  assert(slot.term >= 0, "slot: term below 0");
  const bytes = new Uint8Array(slotBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint32(8, formatVersion, true);
  bytes.set(identity.storeId, 16);
  setU64(view, 32, slot.sequence);
  setU64(view, 40, slot.term);
  setU64(view, 48, slot.vote);
  view.setUint32(508, crc32c(bytes, 0, 0, 508), true);
  return bytes;
}

/** Decodes a slot, or says what is wrong with it. */
export function decodeSlot(bytes: Uint8Array, identity: StoreIdentity | null): Slot | Fault {
  if (bytes.length !== slotBytes) {
    return damaged(`is ${bytes.length} bytes long, not ${slotBytes}`, Math.min(bytes.length, slotBytes));
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, slotBytes);
  if (crc32c(bytes, 0, 0, 508) !== view.getUint32(508, true)) {
    return damaged("checksum mismatch", 0);
  }
  if (!equalBytes(bytes.subarray(0, 8), magic)) {
    return damaged("not a hard-state slot", 0);
  }
  const version = view.getUint32(8, true);
  if (version !== formatVersion) {
    return unknownVersion(version, 8);
  }
  if (identity !== null && !equalBytes(bytes.subarray(16, 32), identity.storeId)) {
    return damaged("belongs to another store", 16);
  }
  return { sequence: getU64(view, 32), term: getU64(view, 40), vote: getU64(view, 48) };
}
