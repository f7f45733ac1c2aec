/** One watcher: what it wants, how far it has come, and what waits to be sent to it. */
import { assert, compareBytes } from "@quorate/base";
import type { KvEvent } from "@quorate/kv";
import type { WatchCreate } from "../codec/watch-request.ts";
import type { SharedEvent } from "../codec/watch-response.ts";
import type { EventRun } from "./event-run.ts";
import type { RangeBound } from "./interval-tree.ts";

/** Where the events of several watchers go: one client's stream, as the hub and the watchers see it. */
export interface WatchSink {
  readonly watchers: Iterable<Watcher>;
  /** The transport is full. */
  readonly blocked: boolean;
  /** Watchers that read history. */
  behindCount: number;
  /** Takes a watcher's events up to the end of a revision: those that are pending, and behind them new ones. */
  append(watcher: Watcher, events: EventRun, revision: number): void;
  /** Sends everything pending; `revision` is how far its watchers then are. */
  send(revision: number): void;
  /** Answers a request for progress, if there is one and nobody is behind. */
  answerProgress(revision: number): void;
  /** Ends a watcher that compaction has overtaken. */
  cancelCompacted(watcher: Watcher, compactRevision: number): void;
  /** Sends the notifications of progress that are due. */
  tick(nowMs: number): void;
}

/** ETCD: no key stands for the lowest one. */
export function firstKey(key: Uint8Array): Uint8Array {
  return key.length === 0 ? Uint8Array.of(0) : key;
}

/** The range of a request, or null where no key can lie in it. */
export function watchRange(
  key: Uint8Array,
  rangeEnd: Uint8Array,
): { readonly begin: Uint8Array; readonly end: RangeBound } | null {
  const begin = firstKey(key).slice();
  if (rangeEnd.length === 0) {
    const end = new Uint8Array(begin.length + 1);
    end.set(begin);
    return { begin, end };
  }
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) {
    return { begin, end: null };
  }
  return compareBytes(begin, rangeEnd) < 0 ? { begin, end: rangeEnd.slice() } : null;
}

/** See the head of this file. */
export class Watcher {
  readonly id: bigint;
  readonly stream: WatchSink;
  readonly begin: Uint8Array;
  readonly end: RangeBound;
  readonly prevKv: boolean;
  readonly progressNotify: boolean;
  readonly fragment: boolean;
  readonly #noPut: boolean;
  readonly #noDelete: boolean;
  /** `live` stands in the tree of what is fed by new events, `behind` in that of what reads history. */
  state: "new" | "live" | "behind" | "ended" = "new";
  /** The first revision it has not got: exact while behind; while live, only what it does not want before. */
  next: number;
  /** Revision whose events are being gathered in {@link gathered}. */
  gatheredRevision = 0;
  /** What is pending, and behind it the events of that revision; null before the first of them. */
  gathered: EventRun | null = null;
  /** Events that are about to be sent; null for none. */
  pending: EventRun | null = null;
  /** The first revision that could not be given to it in this slice; 0 when all could. */
  stuckRevision = 0;
  /** Nothing was sent since the last progress notification was due. */
  quiet = true;

  constructor(
    id: bigint,
    stream: WatchSink,
    range: { readonly begin: Uint8Array; readonly end: RangeBound },
    request: WatchCreate,
    next: number,
  ) {
    assert(next > 0, "watcher: starts before the first revision");
    this.id = id;
    this.stream = stream;
    this.begin = range.begin;
    this.end = range.end;
    this.prevKv = request.prevKv;
    this.progressNotify = request.progressNotify;
    this.fragment = request.fragment;
    this.#noPut = request.noPut;
    this.#noDelete = request.noDelete;
    this.next = next;
  }

  wants(type: KvEvent["type"]): boolean {
    return type === "put" ? !this.#noPut : !this.#noDelete;
  }

  /**
   * Takes one event of the revision being given out; nothing is kept for a stream that cannot send it. `empty` is where all begin
   * for whom nothing is pending.
   */
  gather(shared: SharedEvent, empty: EventRun): void {
    if (!this.stream.blocked) {
      this.gathered = (this.gathered ?? this.pending ?? empty).with(shared.bytes(this.prevKv));
    }
  }
}
