/** etcdserverpb.Watch: streams of requests in, responses of the watch hub out. */
import { fromBinary } from "@bufbuild/protobuf";
import { type WatchRequest, WatchRequestSchema } from "#generated/etcdserverpb_pb.js";
import type { BidiApiCall } from "../ports.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import { WatchStream } from "../watch/watch-stream.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail } from "./failures.ts";
import { LongCalls } from "./long-calls.ts";

/** Watches of one member. */
export class WatchService {
  readonly hub: WatchHub;
  readonly #context: ApiContext;
  readonly #calls: LongCalls;

  constructor(context: ApiContext) {
    this.#context = context;
    this.hub = new WatchHub(context.options.store, context.options.defer);
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
    call.onMessage((message) => this.#take(call, stream, message));
    call.onEnd(() => this.#calls.finish(call));
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
    const request: WatchRequest | null = decodeOrFail(call, message, (bytes) =>
      decodeMessage(() => fromBinary(WatchRequestSchema, bytes)),
    );
    if (request === null) {
      this.#calls.ended(call);
      return;
    }
    const union = request.requestUnion;
    switch (union.case) {
      case "createRequest":
        stream.create(union.value);
        break;
      case "cancelRequest":
        stream.cancel(union.value.watchId);
        break;
      case "progressRequest":
        stream.requestProgress();
        break;
      case undefined:
        // ETCD: a request of a kind that is not known is passed over.
        break;
    }
  }
}
