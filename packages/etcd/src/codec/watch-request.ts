/** Decoder of WatchRequest. Byte strings come out as views into the input. */
import { emptyBytes } from "@quorate/base";
import type { Mutable } from "./kv-requests.ts";
import { ProtoReader, wireType } from "./proto-reader.ts";

/** WatchCreateRequest. */
export interface WatchCreate {
  readonly kind: "create";
  readonly key: Uint8Array;
  /** In etcd's form: empty for the one key, a single zero byte for no end. */
  readonly rangeEnd: Uint8Array;
  /** Cut to the nearest safe integer. */
  readonly startRevision: number;
  readonly progressNotify: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  readonly watchId: bigint;
  readonly fragment: boolean;
}

/** What a client asks for on a watch stream; `unknown` is a request of a kind that etcd does not have yet. */
type WatchRequest =
  | WatchCreate
  | { readonly kind: "cancel"; readonly watchId: bigint }
  | { readonly kind: "progress" }
  | { readonly kind: "unknown" };

function fieldTag(field: number, type: number): number {
  return field * 8 + type;
}

const { varint, bytes } = wireType;

/** Tags of WatchRequest. */
const union = {
  create: fieldTag(1, bytes),
  cancel: fieldTag(2, bytes),
  progress: fieldTag(3, bytes),
} as const;

/** Tags of WatchCreateRequest. */
const create = {
  key: fieldTag(1, bytes),
  rangeEnd: fieldTag(2, bytes),
  startRevision: fieldTag(3, varint),
  progressNotify: fieldTag(4, varint),
  filter: fieldTag(5, varint),
  filters: fieldTag(5, bytes),
  prevKv: fieldTag(6, varint),
  watchId: fieldTag(7, varint),
  fragment: fieldTag(8, varint),
} as const;

/** Tag of WatchCancelRequest. */
const cancelWatchId = fieldTag(1, varint);

/** Numbers of WatchCreateRequest.FilterType. */
const filterNoPut = 0;
const filterNoDelete = 1;

/** @throws DecodeError for bytes that are no message. */
export function decodeWatchRequest(input: Uint8Array): WatchRequest {
  const reader = new ProtoReader(input);
  let request: WatchRequest = { kind: "unknown" };
  while (reader.offset < reader.length) {
    const tag = reader.tag(reader.length);
    switch (tag) {
      case union.create: {
        // A member of a oneof that comes again is merged; another one takes its place.
        const target: Mutable<WatchCreate> = request.kind === "create" ? request : emptyCreate();
        readCreate(reader, reader.endOfBytes(reader.length), target);
        request = target;
        break;
      }
      case union.cancel: {
        const watchId: bigint = request.kind === "cancel" ? request.watchId : 0n;
        request = { kind: "cancel", watchId: readCancel(reader, reader.endOfBytes(reader.length), watchId) };
        break;
      }
      case union.progress:
        skipFields(reader, reader.endOfBytes(reader.length));
        request = { kind: "progress" };
        break;
      default:
        reader.skip(tag, reader.length);
    }
  }
  return request;
}

function emptyCreate(): Mutable<WatchCreate> {
  return {
    kind: "create",
    key: emptyBytes,
    rangeEnd: emptyBytes,
    startRevision: 0,
    progressNotify: false,
    noPut: false,
    noDelete: false,
    prevKv: false,
    watchId: 0n,
    fragment: false,
  };
}

function readCreate(reader: ProtoReader, end: number, target: Mutable<WatchCreate>): void {
  while (reader.offset < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case create.key:
        target.key = reader.bytes(end);
        break;
      case create.rangeEnd:
        target.rangeEnd = reader.bytes(end);
        break;
      case create.startRevision:
        target.startRevision = reader.int64(end);
        break;
      case create.progressNotify:
        target.progressNotify = reader.bool(end);
        break;
      case create.filter:
        addFilter(target, reader.enumNumber(end));
        break;
      case create.filters:
        for (const filtersEnd = reader.endOfBytes(end); reader.offset < filtersEnd; ) {
          addFilter(target, reader.enumNumber(filtersEnd));
        }
        break;
      case create.prevKv:
        target.prevKv = reader.bool(end);
        break;
      case create.watchId:
        target.watchId = reader.int64Exact(end);
        break;
      case create.fragment:
        target.fragment = reader.bool(end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
}

function addFilter(target: Mutable<WatchCreate>, filter: number): void {
  target.noPut ||= filter === filterNoPut;
  target.noDelete ||= filter === filterNoDelete;
}

function readCancel(reader: ProtoReader, end: number, before: bigint): bigint {
  let watchId = before;
  while (reader.offset < end) {
    const tag = reader.tag(end);
    if (tag === cancelWatchId) {
      watchId = reader.int64Exact(end);
    } else {
      reader.skip(tag, end);
    }
  }
  return watchId;
}

function skipFields(reader: ProtoReader, end: number): void {
  while (reader.offset < end) {
    reader.skip(reader.tag(end), end);
  }
}
