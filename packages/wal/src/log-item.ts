/** What waits to be written to the log: a batch of the host, or something that the store itself has to say. */
import type { Completed, LogId, StorageBatch } from "@quorate/raft";
import type { StoreCipher } from "./cipher.ts";
import { recordBytes } from "./format/record.ts";

/** What waits to be written. */
export interface LogItem {
  /**
   * `write`: a batch of the host. `mark`: nothing but a durable mark over the last batch. `compact`: the log drops
   * everything up to `boundary`. `install`: recovery carries the installation of the snapshot at `boundary` through.
   */
  readonly kind: "write" | "mark" | "compact" | "install";
  readonly batch: StorageBatch;
  readonly boundary: LogId | null;
  /** What stands in the log in place of its entries' data; null without a cipher. */
  readonly sealed: readonly Uint8Array[] | null;
  /** Bytes of its entries as records. */
  readonly entryBytes: number;
  readonly completed: Completed;
  /** Filled in when it is packed: index, segment and offset of some of its entries, in turn. */
  places: readonly number[];
}

/** An item that nothing was packed of yet. */
export const noPlaces: readonly number[] = [];
const emptyBatch: StorageBatch = { hardState: null, entries: [], snapshot: null, mustSync: false };

/** A batch of the host, to be queued. */
export function writeItem(batch: StorageBatch, cipher: StoreCipher | null, completed: Completed): LogItem {
  const sealed = cipher === null ? null : batch.entries.map((entry) => cipher.sealEntry(entry));
  let entryBytes = 0;
  for (const { data } of batch.entries) {
    entryBytes += recordBytes(data.length);
  }
  if (sealed !== null) {
    entryBytes = sealed.reduce((sum, { length }) => sum + recordBytes(length), 0);
  }
  return { kind: "write", batch, sealed, boundary: null, entryBytes, completed, places: noPlaces };
}

/** Anything but a batch, to be queued. */
export function controlItem(
  kind: "mark" | "compact" | "install",
  boundary: LogId | null,
  completed: Completed,
): LogItem {
  return { kind, batch: emptyBatch, sealed: null, boundary, entryBytes: 0, completed, places: noPlaces };
}
