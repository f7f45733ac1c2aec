/**
 * The store's history from its compact revision to a pinned one, as bytes in one defined order: first, in key order, the
 * versions that the compact revision shows and that are older than it; then, in the order they were made, all versions
 * from it on. Images and hashes are made of it, so equal histories have equal images and hashes, however they were swept.
 *
 * Reading goes on while the store is written: the pin keeps the sweeper off, new versions are above the pinned revision.
 */
import { assert, type ByteWriter, emptyBytes } from "@quorate/base";
import { TreeCursor } from "../memory/key-tree.ts";
import { noRecord } from "../mvcc/record-table.ts";
import { keyAfter, type MvccStore } from "../mvcc/store.ts";
import { int64 } from "../request/codec-parts.ts";
import type { Revision } from "../revision.ts";

/** Bits of the first byte of an encoded version. */
export const versionFlag = { tombstone: 1, numbered: 2, leased: 4 } as const;

/** Which half of the history is being read. */
type HistoryPart = "base" | "log" | "end";

/** Reads one history in slices; see the head of this file. */
export class HistoryReader {
  readonly #store: MvccStore;
  readonly #compactRevision: Revision;
  readonly #revision: Revision;
  #part: HistoryPart = "base";
  readonly #cursor: TreeCursor = new TreeCursor();
  /** Where the next slice of the base starts. */
  #from: Uint8Array = emptyBytes;
  #position = 0;

  /** The caller pins `compactRevision` for as long as it reads. */
  constructor(store: MvccStore, compactRevision: Revision, revision: Revision) {
    assert(compactRevision <= revision, "history: revisions out of order");
    assert(revision <= store.revision, "history: future revision");
    this.#store = store;
    this.#compactRevision = compactRevision;
    this.#revision = revision;
  }

  /** The half that the next {@link read} belongs to. */
  get part(): HistoryPart {
    return this.#part;
  }

  /**
   * Appends about `bytesMax` bytes of the present part and returns how many versions they hold, having looked at no more
   * than `recordsMax`; the part may have changed afterwards, and a slice may hold none.
   */
  read(writer: ByteWriter, bytesMax: number, recordsMax: number): number {
    assert(bytesMax > 0 && recordsMax > 0, "history: no budget");
    switch (this.#part) {
      case "base":
        return this.#readBase(writer, bytesMax, recordsMax);
      case "log":
        return this.#readLog(writer, bytesMax, recordsMax);
      case "end":
        return 0;
    }
  }

  #readBase(writer: ByteWriter, bytesMax: number, recordsMax: number): number {
    const { tree, keys, records } = this.#store;
    const start = writer.length;
    let versions = 0;
    tree.seek(this.#cursor, this.#from);
    for (let left = recordsMax; ; left--) {
      const slot = tree.next(this.#cursor);
      if (slot === -1) {
        assert(this.#part === "base", "history: base read twice");
        this.#part = "log";
        this.#position = this.#store.logPosition(this.#compactRevision);
        return versions;
      }
      const record = this.#store.visibleRecord(slot, this.#compactRevision);
      if (record !== noRecord && records.modRevision(record) < this.#compactRevision) {
        this.#write(writer, record);
        versions++;
      }
      if (left === 1 || writer.length - start >= bytesMax) {
        this.#from = keyAfter(keys.key(slot));
        return versions;
      }
    }
  }

  #readLog(writer: ByteWriter, bytesMax: number, recordsMax: number): number {
    const { log, records } = this.#store;
    const start = writer.length;
    let versions = 0;
    while (versions < recordsMax && writer.length - start < bytesMax) {
      if (this.#position === log.end || records.modRevision(log.at(this.#position)) > this.#revision) {
        this.#part = "end";
        return versions;
      }
      const record = log.at(this.#position);
      assert(records.modRevision(record) >= this.#compactRevision, "history: log below the compact revision");
      this.#write(writer, record);
      this.#position++;
      versions++;
    }
    return versions;
  }

  #write(writer: ByteWriter, record: number): void {
    const records = this.#store.records;
    const tombstone = records.isTombstone(record);
    const mod = records.modRevision(record);
    const create = records.createRevision(record);
    const numbered = !tombstone && create !== mod;
    assert(mod <= this.#revision, "history: a version above the pinned revision");
    assert(tombstone || numbered === records.version(record) > 1, "history: version and creation disagree");
    const lease = records.lease(record);
    writer.u8(
      (tombstone ? versionFlag.tombstone : 0) |
        (numbered ? versionFlag.numbered : 0) |
        (lease !== 0n ? versionFlag.leased : 0),
    );
    this.#store.keys.write(writer, records.slot(record));
    writer.varint(mod);
    if (numbered) {
      writer.varint(create);
      writer.varint(records.version(record));
    }
    if (lease !== 0n) {
      int64(writer, lease);
    }
    if (!tombstone) {
      records.writeValue(writer, record);
    }
  }
}
