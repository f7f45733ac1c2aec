/**
 * One stream, RFC 9113 §5.1: which sides have ended, its two windows, and what waits for the client's window. Streams are
 * opened by clients only; idle and closed streams are no objects.
 */
import { assert } from "@quorate/base";
import { type ReceiveWindow, type SendWindow, streamWindowBytes } from "./flow-control.ts";
import type { RequestHead } from "./request-head.ts";
import type { SendQueue } from "./send-queue.ts";

/** Who serves a stream. */
export interface StreamUser {
  /**
   * Bytes of the body, `bytes[start, end)`; `last` with the last of them. The view may be kept. Whoever wants more bytes
   * than the window gives them back to the session.
   */
  received(bytes: Buffer, start: number, end: number, last: boolean): void;
  /** There is room again after a write that asked to wait. */
  drained(): void;
  /** The stream was reset, or its connection was lost, before both sides had ended. */
  closed(): void;
  /** The server closes. The stream is gone right after. */
  abandoned(): void;
}

/** A stream that is open, or half-closed on either side. */
export class Http2Stream implements SendWindow, ReceiveWindow {
  readonly id: number;
  readonly head: RequestHead | null;
  sendWindowBytes: number;
  receiveWindowBytes: number = streamWindowBytes;
  receiveCreditBytes = 0;
  /** The client has ended its side. */
  remoteClosed = false;
  /** This side has ended; what still comes is thrown away. */
  localClosed = false;
  /** The client has got at least a part of its answer. */
  sentData = false;
  user: StreamUser | null = null;
  /** What its session was told that its header fields take. */
  headBytes = 0;
  queue: SendQueue | null = null;
  /** Its user was told to wait. */
  wantsDrain = false;
  /** Bytes that are still to come by the content-length, or -1 when it was not given. */
  bodyBytesLeft: number;
  /** Set while the rest of an answered request is thrown away: calls off the reset that ends it. */
  stopDropping: (() => void) | null = null;

  constructor(id: number, head: RequestHead | null, sendWindowBytes: number) {
    assert((id & 1) === 1, "stream: a client's identifiers are odd");
    this.id = id;
    this.head = head;
    this.sendWindowBytes = sendWindowBytes;
    this.bodyBytesLeft = head === null ? -1 : head.contentLength;
  }

  /** §8.1.1: false when the body does not agree with its content-length. */
  countBody(bytes: number, last: boolean): boolean {
    if (this.bodyBytesLeft < 0) {
      return true;
    }
    this.bodyBytesLeft -= bytes;
    if (this.bodyBytesLeft < 0) {
      // Below zero would mean "not given".
      this.bodyBytesLeft = Number.MAX_SAFE_INTEGER;
      return false;
    }
    return !last || this.bodyBytesLeft === 0;
  }
}
