/** etcdserverpb.Watch: streams of requests in, responses of the watch hub out. */
import { decodeWatchRequest, type WatchCreate } from "../codec/watch-request.ts";
import type { BidiApiCall } from "../ports.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import { WatchStream } from "../watch/watch-stream.ts";
import { firstKey } from "../watch/watcher.ts";
import type { ApiContext } from "./context.ts";
import { decodeOrFail } from "./failures.ts";
import { LongCalls } from "./long-calls.ts";

/** Watches of one member. */
export class WatchService {
  readonly hub: WatchHub;
  readonly #context: ApiContext;
  readonly #calls: LongCalls;

  constructor(context: ApiContext) {
    this.#context = context;
    const { defer, limits, store } = context.options;
    this.hub = new WatchHub(store, defer, limits.sliceEventCount);
    this.#calls = new LongCalls(context);
  }

  /** Watch.Watch. */
  watch(call: BidiApiCall): void {
    if (!this.#context.admit(call, false)) {
      return;
    }
    const stream = new WatchStream(this.#context, this.hub, call);
    this.hub.addStream(stream);
    this.#calls.add(call, () => this.hub.removeStream(stream));
    // ETCD: a client that has nothing more to ask for may go on listening.
    call.onMessage((message) => this.#take(call, stream, message));
  }

  /** Sends progress notifications that are due, ends streams that have been without a leader for too long. */
  tick(nowMs: number): void {
    for (const stream of this.hub.streams) {
      stream.tick(nowMs);
    }
    this.#calls.tick();
  }

  /** Ends all streams. */
  stop(): void {
    this.hub.stop();
    this.#calls.stop();
  }

  #take(call: BidiApiCall, stream: WatchStream, message: Uint8Array): void {
    const request = decodeOrFail(call, message, decodeWatchRequest);
    switch (request?.kind) {
      case undefined:
        this.#calls.ended(call);
        break;
      case "create":
        this.#create(call, stream, request);
        break;
      case "cancel":
        stream.cancel(request.watchId);
        break;
      case "progress":
        stream.requestProgress();
        break;
      case "unknown":
        // ETCD: it is passed over.
        break;
    }
  }

  /** ETCD: who watches, and what it may see, is asked once, when the watcher is made. */
  #create(call: BidiApiCall, stream: WatchStream, request: WatchCreate): void {
    const { store } = this.#context.options;
    // The message's bytes are gone when a proof of identity had to be waited for.
    const owned = store.auth.enabled
      ? { ...request, key: request.key.slice(), rangeEnd: request.rangeEnd.slice() }
      : request;
    this.#context.auth.judgeEach(
      call,
      (principal) => store.auth.refuseRange(principal, "read", firstKey(owned.key), owned.rangeEnd),
      (refused) => {
        if (refused === null) {
          stream.create(owned);
        } else {
          stream.refuseByAuth(refused);
        }
      },
    );
  }
}
