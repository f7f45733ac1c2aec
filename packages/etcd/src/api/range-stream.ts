/**
 * KV.RangeStream: a range in chunks, at the revision of its beginning and at the pace of the client, so that neither side holds
 * all of it encoded at once. ETCD: only the last chunk carries header, more and count.
 */
import { ByteWriter } from "@quorate/base";
import { checkRequest, RangeReader, type RangeRequest } from "@quorate/kv";
import { writeHeader } from "../codec/header.ts";
import { writeKeyValue } from "../codec/key-value.ts";
import { decodeRangeRequest } from "../codec/kv-requests.ts";
import { encodeRangeEnd } from "../codec/kv-responses.ts";
import { writeFieldStart } from "../codec/proto-size.ts";
import type { StreamApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeOrFail, failWith } from "./failures.ts";
import { refuseRead } from "./range-answer.ts";

/** gRPC's UNIMPLEMENTED, which is what etcd answers here. */
const codeUnimplemented = 12;
/** Keys that one slice looks at. PERF: about 0.5 µs each. */
const keysPerSliceMax = 4096;
/** Bytes of one chunk, beyond which no pair is added. PERF: about 1 ms to encode. */
const chunkBytesMax = 512 * 1024;

/** KV.RangeStream. */
export function handleRangeStream(context: ApiContext, input: Uint8Array, call: StreamApiCall): void {
  const request = decodeOrFail(call, input, decodeRangeRequest);
  if (request === null || !context.admit(call, request.serializable)) {
    return;
  }
  const refused = checkRequest(request);
  const unserved = unservedPart(request);
  if (refused !== null) {
    failWith(call, refused);
  } else if (unserved !== null) {
    call.fail(codeUnimplemented, `RangeStream does not support ${unserved}`);
  } else if (request.serializable) {
    begin(context, call, request);
  } else {
    context.readBarrier(call, () => begin(context, call, request));
  }
}

/** ETCD: what needs all pairs at hand before the first can be sent. */
function unservedPart(request: RangeRequest): string | null {
  const inKeyOrder =
    request.sortOrder === "none" || (request.sortTarget === "key" && request.sortOrder === "ascend");
  if (!inKeyOrder) {
    return "custom sort orders";
  }
  const { maxCreateRevision, maxModRevision, minCreateRevision, minModRevision } = request;
  const isBounded =
    maxCreateRevision !== 0 || maxModRevision !== 0 || minCreateRevision !== 0 || minModRevision !== 0;
  return isBounded ? "revision filters" : null;
}

function begin(context: ApiContext, call: StreamApiCall, request: RangeRequest): void {
  const forbidden = context.auth.refuseOp(call, request);
  if (forbidden !== null) {
    refuseRead(context, call, request.serializable, forbidden, () => begin(context, call, request));
    return;
  }
  const refused = context.refuseRead();
  if (refused !== null) {
    failWith(call, refused);
    return;
  }
  const reader = context.options.store.beginRange(request);
  if (reader instanceof RangeReader) {
    new RangeStream(context, call, reader).scan();
  } else {
    failWith(call, reader.code);
  }
}

class RangeStream {
  readonly #context: ApiContext;
  readonly #call: StreamApiCall;
  readonly #reader: RangeReader;
  readonly #chunk = new ByteWriter(4096);
  readonly #message = new ByteWriter(4096);
  #next = 0;
  #blocked = false;

  constructor(context: ApiContext, call: StreamApiCall, reader: RangeReader) {
    this.#context = context;
    this.#call = call;
    this.#reader = reader;
    call.onCancel(() => reader.close());
    call.onDrain(() => {
      if (this.#blocked) {
        this.#blocked = false;
        this.#send();
      }
    });
  }

  /** Looks at the next keys; then sends. */
  scan(): void {
    if (this.#call.ended) {
      this.#reader.close();
    } else if (this.#reader.step(keysPerSliceMax)) {
      this.#send();
    } else {
      this.#context.options.defer.defer(() => this.scan());
    }
  }

  #send(): void {
    if (this.#call.ended) {
      this.#reader.close();
      return;
    }
    this.#chunk.reset();
    while (this.#next < this.#reader.length && this.#chunk.length < chunkBytesMax) {
      writeKeyValue(this.#chunk, 2, this.#reader.keyValue(this.#next));
      this.#next++;
    }
    if (this.#next === this.#reader.length) {
      this.#finish();
    } else if (this.#write()) {
      this.#context.options.defer.defer(() => this.#send());
    } else {
      this.#blocked = true;
    }
  }

  #finish(): void {
    const { count, more, revision } = this.#reader;
    this.#reader.close();
    writeHeader(this.#chunk, this.#context.header(revision));
    encodeRangeEnd(this.#chunk, more, count);
    this.#write();
    this.#call.end();
  }

  /** Sends the chunk as field 1 of a RangeStreamResponse; false asks to wait. */
  #write(): boolean {
    this.#message.reset();
    writeFieldStart(this.#message, 1, this.#chunk.length);
    this.#message.bytes(this.#chunk.view());
    return this.#call.write(this.#message.view());
  }
}
