/**
 * Calls as the API sees them, over a network between clients and members that delays, loses and resets. They take the place of the gRPC
 * calls of the server: what is written leaves this object as bytes, what the client sends comes in as bytes.
 */
import { assert } from "@quorate/base";
import type { ApiCall, BidiApiCall, UnaryApiCall } from "@quorate/etcd";

/** How a call ended for its client. `lost`: the connection broke, or the member, or nobody answered in time. */
export type CallEnd =
  | { readonly kind: "answer"; readonly bytes: Uint8Array }
  | { readonly kind: "error"; readonly message: string }
  | { readonly kind: "lost" };

/** What a call needs of the network between it and its client. */
interface Wire {
  /** Brings something to the client, behind everything brought before. */
  deliver(bytes: number, work: () => void): void;
  /** Runs something in the member's process, unless that is gone. */
  enter(work: () => void): void;
  /** Names the present event of the world. */
  readonly turn: number;
}

/** The head of a call. */
export interface CallHead {
  readonly path: string;
  /** Metadata by lower-case name. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Of the client's certificate; empty without one. */
  readonly commonName: string;
}

class ServedCall implements ApiCall {
  readonly path: string;
  readonly timeoutMs = null;
  readonly metadata: ApiCall["metadata"];
  readonly peerCertificateCommonName: string;
  ended = false;
  protected readonly wire: Wire;
  readonly #closed: (end: CallEnd) => void;
  #onCancel: (() => void) | null = null;

  constructor(head: CallHead, wire: Wire, closed: (end: CallEnd) => void) {
    this.path = head.path;
    this.metadata = { text: (name) => head.metadata.get(name) ?? null };
    this.peerCertificateCommonName = head.commonName;
    this.wire = wire;
    this.#closed = closed;
  }

  fail(_code: number, message: string): void {
    this.close({ kind: "error", message });
  }

  onCancel(listener: () => void): void {
    this.#onCancel = listener;
  }

  /** The client is gone, or the connection to it. */
  cancel(): void {
    if (!this.ended) {
      this.ended = true;
      this.#onCancel?.();
    }
  }

  protected close(end: CallEnd): void {
    assert(!this.ended, "client call: ended twice");
    this.ended = true;
    this.wire.deliver(0, () => this.#closed(end));
  }
}

/** One request, one answer. */
export class ServedUnaryCall extends ServedCall implements UnaryApiCall {
  respond(message: Uint8Array): void {
    this.close({ kind: "answer", bytes: message.slice() });
  }
}

/** Messages both ways, with a window: what the client has not read counts, and a full window says so. */
export class ServedStream extends ServedCall implements BidiApiCall {
  readonly #windowBytes: number;
  readonly #arrived: (message: Uint8Array) => void;
  readonly #overrun: (what: string) => void;
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #isFull = false;
  /** The event of the world in which the window became full, and messages written in later ones. */
  #fullTurn = 0;
  #beyondCount = 0;
  #isReading = true;
  #isDelivering = false;
  #isPaused = false;
  #waiting: Uint8Array[] = [];
  #onMessage: ((message: Uint8Array) => void) | null = null;
  #onDrain: (() => void) | null = null;
  #onEnd: (() => void) | null = null;

  constructor(
    head: CallHead,
    wire: Wire,
    windowBytes: number,
    client: {
      readonly arrived: (message: Uint8Array) => void;
      readonly closed: (end: CallEnd) => void;
      /** More was written than a stream may that was told to wait. */
      readonly overrun: (what: string) => void;
    },
  ) {
    super(head, wire, client.closed);
    this.#windowBytes = windowBytes;
    this.#arrived = client.arrived;
    this.#overrun = client.overrun;
  }

  write(message: Uint8Array): boolean {
    assert(!this.ended, "client call: written after its end");
    this.#unread.push(message.slice());
    this.#unreadBytes += message.length;
    this.#noteFull();
    this.#pump();
    return !this.#isFull;
  }

  /** Who was told to wait may finish its turn, and says no more than goodbye in later ones. */
  #noteFull(): void {
    if (this.#isFull && this.wire.turn !== this.#fullTurn) {
      this.#beyondCount++;
      if (this.#beyondCount > messagesBeyondMax) {
        this.#overrun(
          `${this.#beyondCount} messages are written to a stream of ${this.#windowBytes} bytes that is full`,
        );
      }
    } else if (!this.#isFull && this.#unreadBytes >= this.#windowBytes) {
      this.#isFull = true;
      this.#fullTurn = this.wire.turn;
      this.#beyondCount = 0;
    }
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#onMessage = listener;
  }

  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.wire.enter(() => this.#hand());
  }

  end(): void {
    this.close({ kind: "answer", bytes: new Uint8Array(0) });
  }

  /** A message of the client has come to the member. */
  received(message: Uint8Array): void {
    this.#waiting.push(message);
    this.#hand();
  }

  /** The client has nothing more to say. */
  finished(): void {
    if (!this.ended) {
      this.#onEnd?.();
    }
  }

  /** Whether the client takes what arrives. */
  setReading(isReading: boolean): void {
    this.#isReading = isReading;
    this.#pump();
  }

  #hand(): void {
    while (!this.#isPaused && !this.ended) {
      const message = this.#waiting.shift();
      if (message === undefined) {
        return;
      }
      this.#onMessage?.(message);
    }
  }

  /** One message is on its way at a time, so that they stay in order. */
  #pump(): void {
    const [first] = this.#unread;
    if (first === undefined || this.#isDelivering || !this.#isReading) {
      return;
    }
    this.#isDelivering = true;
    this.wire.deliver(first.length, () => {
      this.#isDelivering = false;
      if (this.#isReading) {
        this.#unread.shift();
        this.#unreadBytes -= first.length;
        this.#arrived(first);
        this.#drain();
      }
      this.#pump();
    });
  }

  #drain(): void {
    if (this.#isFull && this.#unreadBytes < this.#windowBytes / 2) {
      this.#isFull = false;
      this.wire.enter(() => {
        if (!this.ended) {
          this.#onDrain?.();
        }
      });
    }
  }
}

/** What a full stream may still be written in later turns: that some of its watchers were overtaken by a compaction. */
const messagesBeyondMax = 8;
