/** Answers a range: at once when the store gives it at once, else slice by slice with other work between. */
import { assert, ByteWriter } from "@quorate/base";
import type { KvRefusal, RangeRequest } from "@quorate/kv";
import { writeHeader } from "../codec/header.ts";
import { encodeRangeEnd, encodeRangeKvs, encodeRangeResponse } from "../codec/kv-responses.ts";
import type { RangeCursor, RangeSlice, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { failWith } from "./failures.ts";

/** Answers `call` with the range as the local store has it. */
export function answerRange(context: ApiContext, call: UnaryApiCall, request: RangeRequest): void {
  const { store } = context.options;
  if (store.openRange !== undefined) {
    new SlicedRange(context, call, store.openRange(request)).step();
    return;
  }
  const result = store.range(request);
  if (result.type === "refused") {
    failWith(call, result.code);
    return;
  }
  context.respond(call, (writer) => encodeRangeResponse(writer, context.header(result.revision), result));
}

class SlicedRange {
  readonly #context: ApiContext;
  readonly #call: UnaryApiCall;
  readonly #cursor: RangeCursor;
  /** Its own: other answers are encoded between the slices. */
  readonly #writer = new ByteWriter(4096);
  #revision = 0;

  constructor(context: ApiContext, call: UnaryApiCall, cursor: RangeCursor) {
    this.#context = context;
    this.#call = call;
    this.#cursor = cursor;
  }

  step(): void {
    if (this.#call.ended) {
      this.#cursor.close();
      return;
    }
    const slice = this.#cursor.step();
    if (slice.type === "refused") {
      this.#refuse(slice);
    } else {
      this.#append(slice);
    }
  }

  #refuse(refusal: KvRefusal): void {
    this.#cursor.close();
    failWith(this.#call, refusal.code);
  }

  #append(slice: RangeSlice): void {
    if (this.#revision === 0) {
      this.#revision = slice.revision;
      writeHeader(this.#writer, this.#context.header(slice.revision));
    }
    assert(this.#revision === slice.revision, "range: slices of different revisions");
    encodeRangeKvs(this.#writer, slice.kvs);
    if (slice.end === null) {
      this.#context.options.defer.defer(() => this.step());
      return;
    }
    encodeRangeEnd(this.#writer, slice.end.more, slice.end.count);
    this.#cursor.close();
    this.#call.respond(this.#writer.view());
  }
}
