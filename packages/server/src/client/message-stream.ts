/** Messages of a gRPC stream as an async iterable, with a bounded queue: a slow reader slows the sender down. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@quorate/etcd/messages";
import type { ClientStream, ClientStreamListener, GrpcError } from "@quorate/grpc/client";

/** Messages that may wait for the reader before the stream is paused. */
const queueLengthMax = 64;

/** One stream. It is iterated once; the iteration ends with the stream, and throws {@link GrpcError} where that failed. */
export class MessageStream<Request extends DescMessage, Response extends DescMessage> {
  readonly #request: Request;
  readonly #response: Response;
  readonly #stream: ClientStream;
  readonly #queue: MessageShape<Response>[] = [];
  #wake: () => void = () => {};
  #paused = false;
  #cancelled = false;
  #ended: { readonly error: GrpcError | null } | null = null;

  constructor(request: Request, response: Response, open: (listener: ClientStreamListener) => ClientStream) {
    this.#request = request;
    this.#response = response;
    this.#stream = open({
      message: (bytes) => this.#received(bytes),
      ended: (error) => {
        this.#ended = { error };
        this.#wake();
      },
    });
  }

  /** Sends one message. */
  write(init: MessageInitShape<Request>): void {
    this.#stream.write(toBinary(this.#request, create(this.#request, init)));
  }

  /** No more messages from here. */
  end(): void {
    this.#stream.end();
  }

  /** Takes the call back; the iteration then ends without an error. */
  cancel(): void {
    this.#cancelled = true;
    this.#stream.cancel();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MessageShape<Response>, void, undefined> {
    try {
      for (;;) {
        const next = this.#queue.shift();
        if (next !== undefined) {
          this.#resume();
          yield next;
        } else if (this.#cancelled) {
          return;
        } else if (this.#ended !== null) {
          if (this.#ended.error !== null) {
            throw this.#ended.error;
          }
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#stream.cancel();
    }
  }

  #received(bytes: Uint8Array): void {
    // A copy: byte strings in the message are views, and the next chunk may overwrite what they show.
    this.#queue.push(fromBinary(this.#response, bytes.slice()));
    if (this.#queue.length >= queueLengthMax && !this.#paused) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.#wake();
  }

  #resume(): void {
    if (this.#paused && this.#queue.length < queueLengthMax / 2) {
      this.#paused = false;
      this.#stream.resume();
    }
  }
}
