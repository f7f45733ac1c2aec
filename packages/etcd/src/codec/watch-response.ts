/** WatchResponse, written around events that are encoded once for all watchers that get them. */
import { assert, ByteWriter, emptyBytes } from "@quorate/base";
import { type KeyValue, type KvEvent, revisionZero } from "@quorate/kv";
import { type ResponseHeader, writeHeader } from "./header.ts";
import { keyValueSize, writeKeyValue } from "./key-value.ts";
import { writeBytesField, writeFieldStart, writeInt64Field, writeVarintField } from "./proto-size.ts";

const typeDelete = 1;

/** A response's fields beside its header. */
export interface WatchResponseFields {
  readonly watchId: bigint;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: Uint8Array;
}

/** Appends a WatchResponse without events. */
export function encodeWatchResponse(
  writer: ByteWriter,
  header: ResponseHeader,
  fields: WatchResponseFields,
): void {
  writeHeader(writer, header);
  writeInt64Field(writer, 2, fields.watchId);
  writeVarintField(writer, 3, fields.created === true ? 1 : 0);
  writeVarintField(writer, 4, fields.canceled === true ? 1 : 0);
  writeVarintField(writer, 5, fields.compactRevision ?? 0);
  writeBytesField(writer, 6, fields.cancelReason ?? emptyBytes);
}

/** Appends a WatchResponse with events; `headField` is its header as {@link writeHeader} writes it, `fields` its events. */
export function encodeEventResponse(
  writer: ByteWriter,
  headField: Uint8Array,
  watchId: bigint,
  fragment: boolean,
  fields: Uint8Array,
): void {
  writer.bytes(headField);
  writeInt64Field(writer, 2, watchId);
  writeVarintField(writer, 7, fragment ? 1 : 0);
  writer.bytes(fields);
}

/** Appends an encoded event as a field of a WatchResponse. */
export function writeEventField(writer: ByteWriter, event: Uint8Array): void {
  writeFieldStart(writer, 11, event.length);
  writer.bytes(event);
}

/** Bytes of a response beside its events: header, id and marks, at most. */
export const watchResponseHeadBytesMax = 80;

/** Bytes that an event of `length` bytes takes in a response, at most. */
export function eventFieldBytesMax(length: number): number {
  return length + 6;
}

/** An event on its way to any number of watchers: encoded when the first one wants it, with and without what was before. */
export class SharedEvent {
  readonly event: KvEvent;
  #plain: Uint8Array | null = null;
  #withPrevious: Uint8Array | null = null;

  constructor(event: KvEvent) {
    this.event = event;
  }

  /** The event's bytes, the same for all who ask. */
  bytes(withPrevious: boolean): Uint8Array {
    if (withPrevious && this.event.prevKv !== null) {
      this.#withPrevious ??= encodeEvent(this.event, this.event.prevKv);
      return this.#withPrevious;
    }
    this.#plain ??= encodeEvent(this.event, null);
    return this.#plain;
  }
}

const scratch = new ByteWriter(4096);

function encodeEvent(event: KvEvent, previous: KeyValue | null): Uint8Array {
  const deleted = event.type === "delete";
  assert(deleted === (event.kv === null), "watch codec: an event of another kind");
  scratch.reset();
  writeVarintField(scratch, 1, deleted ? typeDelete : 0);
  writeKeyValue(scratch, 2, event.kv ?? tombstoneOf(event));
  if (previous !== null) {
    assert(keyValueSize(previous) > 0, "watch codec: an empty pair");
    writeKeyValue(scratch, 3, previous);
  }
  return scratch.finish();
}

/** ETCD: of a deletion, watchers get the key and the revision. */
function tombstoneOf(event: KvEvent): KeyValue {
  const { key, modRevision } = event;
  return { key, modRevision, createRevision: revisionZero, version: 0, value: emptyBytes, lease: 0n };
}
