/**
 * Decoders of the hot requests of etcdserverpb.KV. Byte strings come out as views into the input. A message field that
 * comes twice is merged, as protobuf asks: so each decoder fills a given target.
 */
import { emptyBytes } from "@quorate/base";
import type {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  SortOrder,
  SortTarget,
} from "@quorate/kv";
import { ProtoReader, wireType } from "./proto-reader.ts";

/** The same fields, to be filled. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const sortOrders: readonly SortOrder[] = ["none", "ascend", "descend"];
const sortTargets: readonly SortTarget[] = ["key", "version", "create", "mod", "value"];

function fieldTag(field: number, type: number): number {
  return field * 8 + type;
}

const { varint, bytes } = wireType;

/** Tags of PutRequest. */
const put = {
  key: fieldTag(1, bytes),
  value: fieldTag(2, bytes),
  lease: fieldTag(3, varint),
  prevKv: fieldTag(4, varint),
  ignoreValue: fieldTag(5, varint),
  ignoreLease: fieldTag(6, varint),
} as const;

/** A PutRequest without fields. */
export function emptyPut(): Mutable<PutRequest> {
  return {
    type: "put",
    key: emptyBytes,
    value: emptyBytes,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

/** Merges a PutRequest that ends at `end` into `target`. */
export function readPut(reader: ProtoReader, end: number, target: Mutable<PutRequest>): void {
  while (reader.offset < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case put.key:
        target.key = reader.bytes(end);
        break;
      case put.value:
        target.value = reader.bytes(end);
        break;
      case put.lease:
        target.lease = reader.int64Exact(end);
        break;
      case put.prevKv:
        target.prevKv = reader.bool(end);
        break;
      case put.ignoreValue:
        target.ignoreValue = reader.bool(end);
        break;
      case put.ignoreLease:
        target.ignoreLease = reader.bool(end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
}

/** Tags of RangeRequest. */
const range = {
  key: fieldTag(1, bytes),
  rangeEnd: fieldTag(2, bytes),
  limit: fieldTag(3, varint),
  revision: fieldTag(4, varint),
  sortOrder: fieldTag(5, varint),
  sortTarget: fieldTag(6, varint),
  serializable: fieldTag(7, varint),
  keysOnly: fieldTag(8, varint),
  countOnly: fieldTag(9, varint),
  minModRevision: fieldTag(10, varint),
  maxModRevision: fieldTag(11, varint),
  minCreateRevision: fieldTag(12, varint),
  maxCreateRevision: fieldTag(13, varint),
} as const;

/** A RangeRequest without fields. */
export function emptyRange(): Mutable<RangeRequest> {
  return {
    type: "range",
    key: emptyBytes,
    rangeEnd: emptyBytes,
    limit: 0,
    revision: 0,
    sortOrder: "none",
    sortTarget: "key",
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

/** Merges a RangeRequest that ends at `end` into `target`. */
export function readRange(reader: ProtoReader, end: number, target: Mutable<RangeRequest>): void {
  while (reader.offset < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case range.key:
        target.key = reader.bytes(end);
        break;
      case range.rangeEnd:
        target.rangeEnd = reader.bytes(end);
        break;
      case range.limit:
        target.limit = reader.int64(end);
        break;
      case range.revision:
        target.revision = reader.int64(end);
        break;
      default:
        readRangeOption(reader, tag, end, target);
    }
  }
}

function readRangeOption(reader: ProtoReader, tag: number, end: number, target: Mutable<RangeRequest>): void {
  switch (tag) {
    case range.sortOrder:
      target.sortOrder = sortOrders[reader.enumNumber(end)] ?? "unknown";
      break;
    case range.sortTarget:
      target.sortTarget = sortTargets[reader.enumNumber(end)] ?? "unknown";
      break;
    case range.serializable:
      target.serializable = reader.bool(end);
      break;
    case range.keysOnly:
      target.keysOnly = reader.bool(end);
      break;
    case range.countOnly:
      target.countOnly = reader.bool(end);
      break;
    case range.minModRevision:
      target.minModRevision = reader.int64(end);
      break;
    case range.maxModRevision:
      target.maxModRevision = reader.int64(end);
      break;
    case range.minCreateRevision:
      target.minCreateRevision = reader.int64(end);
      break;
    case range.maxCreateRevision:
      target.maxCreateRevision = reader.int64(end);
      break;
    default:
      reader.skip(tag, end);
  }
}

/** A DeleteRangeRequest without fields. */
export function emptyDeleteRange(): Mutable<DeleteRangeRequest> {
  return { type: "delete-range", key: emptyBytes, rangeEnd: emptyBytes, prevKv: false };
}

/** Merges a DeleteRangeRequest that ends at `end` into `target`. */
export function readDeleteRange(reader: ProtoReader, end: number, target: Mutable<DeleteRangeRequest>): void {
  while (reader.offset < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case fieldTag(1, bytes):
        target.key = reader.bytes(end);
        break;
      case fieldTag(2, bytes):
        target.rangeEnd = reader.bytes(end);
        break;
      case fieldTag(3, varint):
        target.prevKv = reader.bool(end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
}

/**
 * A PutRequest, its byte strings views into `input`.
 *
 * @throws DecodeError for bytes that are no protobuf message.
 */
export function decodePutRequest(input: Uint8Array): PutRequest {
  const request = emptyPut();
  readPut(new ProtoReader(input), input.length, request);
  return request;
}

/** A RangeRequest; see {@link decodePutRequest}. */
export function decodeRangeRequest(input: Uint8Array): RangeRequest {
  const request = emptyRange();
  readRange(new ProtoReader(input), input.length, request);
  return request;
}

/** A DeleteRangeRequest; see {@link decodePutRequest}. */
export function decodeDeleteRangeRequest(input: Uint8Array): DeleteRangeRequest {
  const request = emptyDeleteRange();
  readDeleteRange(new ProtoReader(input), input.length, request);
  return request;
}

/** A CompactionRequest; see {@link decodePutRequest}. */
export function decodeCompactionRequest(input: Uint8Array): CompactionRequest {
  const request: Mutable<CompactionRequest> = { type: "compaction", revision: 0, physical: false };
  const reader = new ProtoReader(input);
  const end = input.length;
  while (reader.offset < end) {
    const tag = reader.tag(end);
    if (tag === fieldTag(1, varint)) {
      request.revision = reader.int64(end);
    } else if (tag === fieldTag(2, varint)) {
      request.physical = reader.bool(end);
    } else {
      reader.skip(tag, end);
    }
  }
  return request;
}
