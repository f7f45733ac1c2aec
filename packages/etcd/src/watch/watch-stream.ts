/**
 * One client's watch stream: its watchers by the ids it chose, what it is told, and how much may wait for it. A stream whose
 * transport is full takes no more events (its watchers fall behind and read history later) and no more requests.
 */
import { assert, ByteWriter, utf8Encode } from "@quorate/base";
import { grpcCode, type KvErrorCode, kvErrors } from "@quorate/kv";
import type { WatchCreateRequest } from "#generated/etcdserverpb_pb.js";
import { WatchCreateRequest_FilterType as Filter } from "#generated/etcdserverpb_pb.js";
import type { ApiContext } from "../api/context.ts";
import {
  encodeWatchResponse,
  eventFieldBytesMax,
  type WatchResponseFields,
  watchResponseHeadBytesMax,
} from "../codec/watch-response.ts";
import type { BidiApiCall } from "../ports.ts";
import type { WatchHub } from "./watch-hub.ts";
import { Watcher, type WatchSink, watchRange } from "./watcher.ts";

/** Events that wait for one stream within a slice, in bytes; one revision more may come on top. */
const pendingBytesMax = 256 * 1024;
/** ETCD: what a response may be longer than the largest request before it is cut into fragments. */
const fragmentOverheadBytes = 512 * 1024;
/** ETCD: the id of what concerns no watcher. */
const noWatchId = -1n;

const reasonCompacted = utf8Encode(kvErrors.KV_COMPACTED.text);
const reasonEmptyRange = utf8Encode("mvcc: watcher range is empty");
const reasonDuplicateId = utf8Encode("mvcc: duplicate watch ID provided on the WatchStream");

// PERF: one writer for all streams; what it holds is copied by the transport's write.
let scratch = new ByteWriter(4096);
const scratchBytesKept = 1024 * 1024;

/** See the head of this file. */
export class WatchStream implements WatchSink {
  readonly #context: ApiContext;
  readonly #hub: WatchHub;
  readonly #call: BidiApiCall;
  readonly #watchers: Map<bigint, Watcher> = new Map();
  readonly #pendingWatchers: Set<Watcher> = new Set();
  #pendingBytes = 0;
  #nextId = 0n;
  #progressWanted = false;
  #progressDueMs: number;
  /** The transport is full. */
  blocked = false;
  /** Watchers that read history. */
  behindCount = 0;

  constructor(context: ApiContext, hub: WatchHub, call: BidiApiCall) {
    this.#context = context;
    this.#hub = hub;
    this.#call = call;
    this.#progressDueMs = context.nowMs + context.options.limits.watchProgressNotifyIntervalMs;
    call.onDrain(() => this.#drained());
  }

  get watchers(): Iterable<Watcher> {
    return this.#watchers.values();
  }

  /** Adds a watcher, or says why not. */
  create(request: WatchCreateRequest): void {
    // ETCD: the order of these checks.
    if (request.startRevision < 0n) {
      this.#refuse(reasonCompacted);
      return;
    }
    const range = watchRange(request.key, request.rangeEnd);
    if (range === null) {
      this.#refuse(reasonEmptyRange);
      return;
    }
    if (request.watchId !== 0n && this.#watchers.has(request.watchId)) {
      this.#refuse(reasonDuplicateId);
      return;
    }
    const { store } = this.#context.options;
    const id = request.watchId === 0n ? this.#chooseId() : request.watchId;
    const start = request.startRevision === 0n ? store.revision + 1 : saturated(request.startRevision);
    const watcher = new Watcher(id, this, range, { ...request, ...filtersOf(request) }, start);
    this.#watchers.set(id, watcher);
    this.#write(store.revision, { watchId: id, created: true });
    if (start < store.compactRevision) {
      this.cancelCompacted(watcher, store.compactRevision);
    } else {
      this.#hub.add(watcher);
    }
  }

  /** Says that no watcher is made for want of rights. ETCD: in the words that its clients look for. */
  refuseByAuth(code: KvErrorCode): void {
    const { grpc, text } = kvErrors[code];
    const name =
      grpc === grpcCode.unauthenticated
        ? "Unauthenticated"
        : grpc === grpcCode.permissionDenied
          ? "PermissionDenied"
          : "InvalidArgument";
    this.#refuse(utf8Encode(`rpc error: code = ${name} desc = ${text}`));
  }

  /** Removes a watcher. ETCD: of an unknown one nothing is said. */
  cancel(watchId: bigint): void {
    const watcher = this.#watchers.get(watchId);
    if (watcher !== undefined) {
      this.#forget(watcher);
      this.#write(this.#context.options.store.revision, { watchId, canceled: true });
    }
  }

  /** Removes a watcher whose next revision is compacted. ETCD: a header without a revision, which bookmarks nothing. */
  cancelCompacted(watcher: Watcher, compactRevision: number): void {
    this.#forget(watcher);
    // ETCD: the revision is the reason; there is no text.
    this.#write(0, { watchId: watcher.id, canceled: true, compactRevision });
  }

  /** The client asks how far its watchers are. */
  requestProgress(): void {
    this.#progressWanted = true;
    this.#hub.schedule();
  }

  /**
   * Answers what {@link requestProgress} asked, once every watcher has got everything up to `revision`.
   *
   * ETCD: differs, which drops the question while a watcher is behind; here it is answered when none is. Without watchers
   * nothing is said, as there.
   */
  answerProgress(revision: number): void {
    if (this.#progressWanted && this.behindCount === 0 && !this.blocked) {
      assert(this.#pendingBytes === 0, "watch stream: progress ahead of events");
      this.#progressWanted = false;
      if (this.#watchers.size > 0) {
        this.#write(revision, { watchId: noWatchId });
      }
    }
  }

  /** Tells idle watchers that want it how far they are, at each interval. */
  tick(nowMs: number): void {
    if (nowMs < this.#progressDueMs) {
      return;
    }
    this.#progressDueMs = nowMs + this.#context.options.limits.watchProgressNotifyIntervalMs;
    for (const watcher of this.#watchers.values()) {
      if (watcher.progressNotify && watcher.quiet && watcher.state === "live" && !this.blocked) {
        this.#write(this.#hub.revision, { watchId: watcher.id });
      }
      watcher.quiet = true;
    }
  }

  /** Takes a whole revision's events for a watcher; sends what has gathered when it is much. */
  append(watcher: Watcher, events: readonly Uint8Array[], revision: number): void {
    assert(!this.blocked, "watch stream: events for a full stream");
    watcher.quiet = false;
    this.#pendingWatchers.add(watcher);
    for (const event of events) {
      watcher.pending.push(event);
      this.#pendingBytes += event.length;
    }
    if (this.#pendingBytes >= pendingBytesMax) {
      this.send(revision);
    }
  }

  /** Sends everything pending; `revision` is how far its watchers then are. */
  send(revision: number): void {
    for (const watcher of this.#pendingWatchers) {
      const events = watcher.pending;
      watcher.pending = [];
      this.#sendEvents(watcher, events, revision);
    }
    this.#pendingWatchers.clear();
    this.#pendingBytes = 0;
  }

  #sendEvents(watcher: Watcher, events: readonly Uint8Array[], revision: number): void {
    const bytesMax = watcher.fragment
      ? this.#context.options.limits.requestBytesMax + fragmentOverheadBytes
      : Number.POSITIVE_INFINITY;
    for (let start = 0; start < events.length; ) {
      const end = fragmentEnd(events, start, bytesMax);
      const part = start === 0 && end === events.length ? events : events.slice(start, end);
      assert(part.length > 0, "watch stream: a fragment without events");
      this.#write(revision, { watchId: watcher.id, fragment: end < events.length, events: part });
      start = end;
    }
  }

  #refuse(cancelReason: Uint8Array): void {
    const fields = { watchId: noWatchId, created: true, canceled: true, cancelReason };
    this.#write(this.#context.options.store.revision, fields);
  }

  /** ETCD: ids count up from 0 and pass over those that the client has chosen. */
  #chooseId(): bigint {
    while (this.#watchers.has(this.#nextId)) {
      this.#nextId++;
    }
    return this.#nextId++;
  }

  #forget(watcher: Watcher): void {
    assert(watcher.pending.length === 0, "watch stream: events of an ended watcher");
    this.#watchers.delete(watcher.id);
    this.#hub.remove(watcher);
  }

  #write(revision: number, fields: WatchResponseFields): void {
    if (this.#call.ended) {
      return;
    }
    scratch.reset();
    encodeWatchResponse(scratch, this.#context.header(revision), fields);
    if (!this.#call.write(scratch.view()) && !this.blocked) {
      this.blocked = true;
      this.#call.pause();
    }
    if (scratch.length > scratchBytesKept) {
      scratch = new ByteWriter(4096);
    }
  }

  #drained(): void {
    if (this.blocked) {
      this.blocked = false;
      this.#call.resume();
      this.#hub.schedule();
    }
  }
}

/** Where the fragment that starts at `start` ends: as many events as fit, at least one. */
function fragmentEnd(events: readonly Uint8Array[], start: number, bytesMax: number): number {
  let bytes = watchResponseHeadBytesMax;
  for (let end = start; end < events.length; end++) {
    bytes += eventFieldBytesMax((events[end] as Uint8Array).length);
    if (bytes > bytesMax && end > start) {
      return end;
    }
  }
  return events.length;
}

function filtersOf(request: WatchCreateRequest): { noPut: boolean; noDelete: boolean } {
  const { filters } = request;
  return { noPut: filters.includes(Filter.NOPUT), noDelete: filters.includes(Filter.NODELETE) };
}

/** A revision that a client chose; none of a store is beyond the safe integers. */
function saturated(revision: bigint): number {
  const max = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(revision > max ? max : revision);
}
