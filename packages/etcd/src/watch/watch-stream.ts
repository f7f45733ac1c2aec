/**
 * One client's watch stream: its watchers by the ids it chose, what it is told, and how much may wait for it. A stream whose
 * transport is full takes no more events (its watchers fall behind and read history later) and no more requests.
 */
import { assert, ByteWriter, utf8Encode } from "@quorate/base";
import { grpcCode, type KvErrorCode, kvErrors } from "@quorate/kv";
import type { ApiContext } from "../api/context.ts";
import { writeHeader } from "../codec/header.ts";
import type { WatchCreate } from "../codec/watch-request.ts";
import {
  encodeEventResponse,
  encodeWatchResponse,
  type WatchResponseFields,
  watchResponseHeadBytesMax,
} from "../codec/watch-response.ts";
import type { BidiApiCall } from "../ports.ts";
import type { EventRun } from "./event-run.ts";
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
  #pendingWatchers: Watcher[] = [];
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
  create(request: WatchCreate): void {
    // ETCD: the order of these checks.
    if (request.startRevision < 0) {
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
    const start = request.startRevision === 0 ? store.revision + 1 : request.startRevision;
    const watcher = new Watcher(id, this, range, request, start);
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

  /** Takes a watcher's events, whole revisions; sends what has gathered when it is much. */
  append(watcher: Watcher, events: EventRun, revision: number): void {
    assert(!this.blocked, "watch stream: events for a full stream");
    watcher.quiet = false;
    if (watcher.pending === null) {
      this.#pendingWatchers.push(watcher);
    }
    this.#pendingBytes += events.bytes - (watcher.pending?.bytes ?? 0);
    watcher.pending = events;
    if (this.#pendingBytes >= pendingBytesMax) {
      this.send(revision);
    }
  }

  /** Sends everything pending; `revision` is how far its watchers then are. */
  send(revision: number): void {
    const watchers = this.#pendingWatchers;
    if (watchers.length === 0) {
      return;
    }
    this.#pendingWatchers = [];
    this.#pendingBytes = 0;
    const headField = this.#headField(revision);
    for (const watcher of watchers) {
      const events = watcher.pending;
      assert(events !== null, "watch stream: nothing pending");
      watcher.pending = null;
      this.#sendEvents(watcher, events, headField);
    }
  }

  #sendEvents(watcher: Watcher, events: EventRun, headField: Uint8Array): void {
    const bytesMax =
      this.#context.options.limits.requestBytesMax + fragmentOverheadBytes - watchResponseHeadBytesMax;
    if (!watcher.fragment || events.bytes <= bytesMax) {
      this.#writeEvents(watcher, events, headField, false);
      return;
    }
    const parts = events.cut(bytesMax);
    for (const [i, part] of parts.entries()) {
      this.#writeEvents(watcher, part, headField, i < parts.length - 1);
    }
  }

  #headField(revision: number): Uint8Array {
    scratch.reset();
    writeHeader(scratch, this.#context.header(revision));
    return scratch.finish();
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
    assert(watcher.pending === null, "watch stream: events of an ended watcher");
    this.#watchers.delete(watcher.id);
    this.#hub.remove(watcher);
  }

  #write(revision: number, fields: WatchResponseFields): void {
    scratch.reset();
    encodeWatchResponse(scratch, this.#context.header(revision), fields);
    this.#send();
  }

  #writeEvents(watcher: Watcher, events: EventRun, headField: Uint8Array, fragment: boolean): void {
    scratch.reset();
    encodeEventResponse(scratch, headField, watcher.id, fragment, events.fields);
    this.#send();
  }

  /** Sends what the scratch writer holds. */
  #send(): void {
    if (!this.#call.ended && !this.#call.write(scratch.view()) && !this.blocked) {
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
