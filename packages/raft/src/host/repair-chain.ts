/** What both sides of a repair agree on: how entries are chained to the one before them. */
import { crc32c } from "@quorate/base";
import type { Entry, LogId } from "../types/entry.ts";
import type { PeerFrame } from "./ports.ts";

/** The answer to a `repair-request`. */
export type RepairAnswer = PeerFrame & { readonly kind: "repair-answer" };

/** Links each entry to all before it, from `previous` on. CRC-32C, as in the log on disk. */
export function chainHash(previous: LogId, entries: readonly Entry[]): number {
  const header = new Uint8Array(21);
  const view = new DataView(header.buffer);
  const link = (hash: number, id: LogId, type: number, length: number): number => {
    view.setFloat64(0, id.index, true);
    view.setFloat64(8, id.term, true);
    view.setUint8(16, type);
    view.setUint32(17, length, true);
    return crc32c(header, hash);
  };
  let hash = link(0, previous, 0, 0);
  for (const entry of entries) {
    const type = entry.type === "normal" ? 1 : entry.type === "conf-change" ? 2 : 3;
    hash = crc32c(entry.data, link(hash, entry, type, entry.data.length));
  }
  return hash;
}
