/**
 * Answers a range. A single key is read at once; what may be many is read slice by slice with other work between, at the
 * revision of its beginning, because a range over a million keys must not hold up heartbeats.
 */
import { ByteWriter } from "@quorate/base";
import { type KvErrorCode, RangeReader, type RangeRequest } from "@quorate/kv";
import { writeHeader } from "../codec/header.ts";
import { writeKeyValue } from "../codec/key-value.ts";
import { encodeRangeEnd, encodeRangeResponse } from "../codec/kv-responses.ts";
import type { ApiCall, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { failWith } from "./failures.ts";

/** Answers of so many keys are encoded in one go. */
const wholeAnswerKeyCount = 512;
/** Bytes that one slice encodes. PERF: about 1 ms. */
const bytesPerSliceMax = 512 * 1024;

/** Answers `call` with the range as the local store has it. */
export function answerRange(context: ApiContext, call: UnaryApiCall, request: RangeRequest): void {
  if (context.pace.isDue) {
    context.pace.later(call, () => answerRange(context, call, request));
    return;
  }
  if (call.ended) {
    return;
  }
  const { store } = context.options;
  const forbidden = context.auth.refuseOp(call, request);
  if (forbidden !== null) {
    refuseRead(context, call, request.serializable, forbidden, () => answerRange(context, call, request));
    return;
  }
  const refused = context.refuseRead();
  if (refused !== null) {
    failWith(call, refused);
    return;
  }
  if (request.rangeEnd.length > 0) {
    const reader = store.beginRange(request);
    if (reader instanceof RangeReader) {
      new SlicedRange(context, call, reader).scan();
    } else {
      failWith(call, reader.code);
    }
    return;
  }
  const result = store.range(request);
  if (result.type === "refused") {
    failWith(call, result.code);
    return;
  }
  context.respond(call, (writer) => encodeRangeResponse(writer, context.header(result.revision), result));
}

/**
 * Refuses a read for want of a right, unless `again` may come to another end: who calls was asked before the barrier. ETCD: where
 * the client takes what may be old, so may its rights be.
 */
export function refuseRead(
  context: ApiContext,
  call: ApiCall,
  isSerializable: boolean,
  forbidden: KvErrorCode,
  again: () => void,
): void {
  if (isSerializable) {
    failWith(call, forbidden);
  } else {
    context.auth.reconsider(call, forbidden, again);
  }
}

class SlicedRange {
  readonly #context: ApiContext;
  readonly #call: UnaryApiCall;
  readonly #reader: RangeReader;
  #next = 0;

  constructor(context: ApiContext, call: UnaryApiCall, reader: RangeReader) {
    this.#context = context;
    this.#call = call;
    this.#reader = reader;
  }

  /** Looks at the next keys; then answers. */
  scan(): void {
    if (this.#givenUp()) {
      return;
    }
    if (this.#reader.step(this.#context.options.limits.sliceKeyCount)) {
      this.#answer();
    } else {
      this.#context.options.defer.defer(() => this.scan());
    }
  }

  /** What fits into one slice goes through the shared writer; the rest needs its own, for other answers come between. */
  #answer(): void {
    const header = this.#context.header(this.#reader.revision);
    if (this.#reader.length <= wholeAnswerKeyCount) {
      this.#context.respond(this.#call, (writer) => {
        writeHeader(writer, header);
        for (let place = 0; place < this.#reader.length; place++) {
          writeKeyValue(writer, 2, this.#reader.keyValue(place));
        }
        encodeRangeEnd(writer, this.#reader.more, this.#reader.count);
      });
      this.#reader.close();
      return;
    }
    const writer = new ByteWriter(bytesPerSliceMax);
    writeHeader(writer, header);
    this.#encode(writer);
  }

  #encode(writer: ByteWriter): void {
    if (this.#givenUp()) {
      return;
    }
    const until = writer.length + bytesPerSliceMax;
    while (this.#next < this.#reader.length && writer.length < until) {
      writeKeyValue(writer, 2, this.#reader.keyValue(this.#next));
      this.#next++;
    }
    if (this.#next < this.#reader.length) {
      this.#context.options.defer.defer(() => this.#encode(writer));
      return;
    }
    encodeRangeEnd(writer, this.#reader.more, this.#reader.count);
    this.#reader.close();
    this.#call.respond(writer.view());
    this.#context.pace.wrote(writer.length);
  }

  /** Whether nobody waits for the answer any more; the pin is then let go of. */
  #givenUp(): boolean {
    if (this.#call.ended) {
      this.#reader.close();
    }
    return this.#call.ended;
  }
}
