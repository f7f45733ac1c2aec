/**
 * What happened, in the order it happened: the source of watches. Events of one revision are never torn apart. Nothing here
 * depends on how far the sweeper has come.
 */
import { assert } from "@quorate/base";
import { type Revision, toRevision } from "../revision.ts";
import type { KeyValue, KvRefusal } from "../types.ts";
import { noRecord } from "./record-table.ts";
import type { MvccStore } from "./store.ts";

/** One change of one key. Its pairs are views, see KeyValue. */
export interface KvEvent {
  readonly type: "put" | "delete";
  readonly key: Uint8Array;
  readonly modRevision: Revision;
  /** What was put; null for a delete. */
  readonly kv: KeyValue | null;
  /** What the key held before; null where it did not exist, or where that revision is compacted. */
  readonly prevKv: KeyValue | null;
}

/** Some events, and where to go on. */
export interface KvEvents {
  readonly type: "events";
  readonly events: readonly KvEvent[];
  /** The revision to ask for next: one above the last that was looked at. */
  readonly nextRevision: Revision;
}

/**
 * Events from `from` on, whole revisions, until there are `eventCountMax` or more of them or no further ones.
 *
 * ETCD: the compact revision itself can still be asked for.
 */
export function readEvents(store: MvccStore, from: number, eventCountMax: number): KvEvents | KvRefusal {
  assert(eventCountMax > 0, "events: none asked for");
  if (from < store.compactRevision) {
    return { type: "refused", code: "KV_COMPACTED" };
  }
  const events: KvEvent[] = [];
  let revision = Math.min(from - 1, store.revision);
  for (let position = store.logPosition(from); position < store.log.end; position++) {
    const record = store.log.at(position);
    const mod = store.records.modRevision(record);
    if (mod > store.revision || (events.length >= eventCountMax && mod !== revision)) {
      return { type: "events", events, nextRevision: toRevision(revision + 1) };
    }
    assert(mod >= revision && mod >= from, "events: out of order");
    events.push(eventOf(store, record));
    revision = mod;
  }
  const next = Math.max(from, store.revision + 1);
  return { type: "events", events, nextRevision: toRevision(next) };
}

function eventOf(store: MvccStore, record: number): KvEvent {
  const { records, keys } = store;
  const key = keys.key(records.slot(record));
  const modRevision = records.modRevision(record);
  const deleted = records.isTombstone(record);
  return {
    type: deleted ? "delete" : "put",
    key,
    modRevision,
    kv: deleted ? null : records.keyValue(record, key, true),
    prevKv: previousPair(store, record, key),
  };
}

function previousPair(store: MvccStore, record: number, key: Uint8Array): KeyValue | null {
  const { records } = store;
  const before = records.modRevision(record) - 1;
  assert(before >= 1, "events: an event before the first write");
  if (before < store.compactRevision) {
    return null;
  }
  const previous = records.findAt(records.previous(record), before);
  return previous === noRecord || records.isTombstone(previous)
    ? null
    : records.keyValue(previous, key, true);
}
