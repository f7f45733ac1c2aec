/**
 * Everything that a connection sends on its streams: headers, messages, trailers, within the client's windows (RFC 9113 §6.9)
 * and not faster than the socket takes it. What has to wait stays in queues on the streams, whose sum is bounded.
 */
import { assert } from "@quorate/base";
import type { BytesHolder, SharedBytes } from "../shared-bytes.ts";
import { prefixBytes } from "../wire/message-reader.ts";
import { openSendWindow, type SendWindow, useSendWindow } from "./flow-control.ts";
import { HeaderWriter, okFields } from "./header-writer.ts";
import type { Fields } from "./hpack/encoder.ts";
import { type Outbox, writeFrameHeader } from "./outbox.ts";
import { flag, frameBytesDefault, frameHeaderBytes, frameType, windowBytesDefault } from "./protocol.ts";
import { SendQueue } from "./send-queue.ts";
import type { PeerSettings } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";

/** Bytes on their way to the socket above which DATA waits in the queues. */
const congestionBytes = 1024 * 1024;

/** Bytes in the outbox above which a long answer does not wait for the end of the turn. */
const flushBytes = 256 * 1024;

/** Bytes queued on a stream above which its writer is asked to wait. */
const writerBytesMax = 64 * 1024;

/** What the sender needs of its session. */
export interface SenderHost {
  /** There is something in the outbox. */
  changed(): void;
  /** Writes the outbox to the socket at once. */
  flush(): void;
  /** This side of the stream has ended. */
  localEnded(stream: Http2Stream): void;
  /** The client has not read for longer than others, and what waits for it takes room that they need. */
  evict(): void;
}

/** The sending half of a connection. */
export class Sender implements SendWindow, BytesHolder {
  sendWindowBytes: number = windowBytesDefault;
  readonly #host: SenderHost;
  readonly #outbox: Outbox;
  readonly #settings: PeerSettings;
  readonly #headers: HeaderWriter;
  /** Streams whose own window is open and that wait for the connection's, or for the socket. In order of their turn. */
  readonly #ready = new Set<Http2Stream>();
  readonly #queuedBytesMax: number;
  readonly #shared: SharedBytes;
  #queuedBytes = 0;
  #backlogBytes = 0;
  #pumping = false;

  constructor(
    host: SenderHost,
    outbox: Outbox,
    settings: PeerSettings,
    queuedBytesMax: number,
    shared: SharedBytes,
  ) {
    this.#host = host;
    this.#outbox = outbox;
    this.#headers = new HeaderWriter(outbox);
    this.#settings = settings;
    this.#queuedBytesMax = queuedBytesMax;
    this.#shared = shared;
  }

  /** Bytes that the socket has not passed to the system yet. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  set backlogBytes(bytes: number) {
    const change = bytes - this.#backlogBytes;
    if (change !== 0) {
      this.#backlogBytes = bytes;
      this.#shared.count(this, change, bytes + this.#queuedBytes);
    }
  }

  /** Bytes that wait for a window or for the socket. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether `bytes` more may be queued. One message is always taken, however long. */
  hasRoom(bytes: number): boolean {
    return (
      (this.#queuedBytes === 0 || this.#queuedBytes + bytes <= this.#queuedBytesMax) &&
      this.#shared.makeRoom(this, bytes)
    );
  }

  evict(): void {
    this.#host.evict();
    assert(this.#queuedBytes === 0 && this.#backlogBytes === 0, "sender: evicted, and still something waits");
  }

  /** The client allows another size of dynamic table. */
  settingsChanged(): void {
    this.#headers.setTableBytesMax(this.#settings.headerTableBytes);
  }

  /** Sends headers, trailers, or trailers only. */
  sendHeaders(stream: Http2Stream, fields: Fields, endStream: boolean): void {
    assert(!stream.localClosed, "sender: headers behind the end");
    this.#headers.write(stream.id, fields, endStream);
    this.#host.changed();
    if (endStream) {
      this.#localEnded(stream);
    }
  }

  /** Sends the head of an answer that consists of messages. */
  sendAnswerHead(stream: Http2Stream): void {
    assert(!stream.localClosed, "sender: an answer behind the end");
    this.#headers.writeAnswerHead(stream.id);
    this.#host.changed();
  }

  /** PERF: a whole unary answer, head, message and trailers, in one pass where nothing stands in its way. */
  sendAnswer(stream: Http2Stream, message: Uint8Array): void {
    const bytes = prefixBytes + message.length;
    const head = this.#headers.answerHead;
    const trailers = this.#headers.okTrailers;
    if (head === null || trailers === null || !this.#fitsNow(stream, bytes)) {
      this.sendAnswerHead(stream);
      this.sendMessage(stream, message);
      this.endWithStatus(stream, okFields);
      return;
    }
    const start = this.#outbox.length;
    const out = this.#outbox.reserve(3 * frameHeaderBytes + head.length + bytes + trailers.length);
    let at = writeFrameHeader(out, start, head.length, frameType.headers, flag.endHeaders, stream.id);
    out.set(head, at);
    at = this.#writeMessage(out, at + head.length, stream, message);
    const ends = flag.endHeaders | flag.endStream;
    at = writeFrameHeader(out, at, trailers.length, frameType.headers, ends, stream.id);
    out.set(trailers, at);
    this.#outbox.advance(at + trailers.length);
    this.#host.changed();
    this.#localEnded(stream);
  }

  /** Sends one gRPC message, copied. False asks to wait for the drain. */
  sendMessage(stream: Http2Stream, message: Uint8Array): boolean {
    const bytes = prefixBytes + message.length;
    if (this.#fitsNow(stream, bytes)) {
      const at = this.#outbox.addData(stream.id, bytes, false);
      this.#writeFramed(this.#outbox.bytes, at, stream, message);
      this.#host.changed();
      return true;
    }
    const queue = this.#queueOf(stream);
    queue.pushMessage(message);
    return this.#queued(stream, queue, bytes);
  }

  /** Sends bytes of a body; they belong to the sender from here on. False asks to wait for the drain. */
  sendBody(stream: Http2Stream, bytes: Uint8Array): boolean {
    if (bytes.length === 0) {
      return true;
    }
    const queue = this.#queueOf(stream);
    queue.push(bytes);
    return this.#queued(stream, queue, bytes.length);
  }

  /** Ends with a status, behind everything that still waits. */
  endWithStatus(stream: Http2Stream, trailers: Fields): void {
    const queue = stream.queue;
    if (queue !== null) {
      queue.ending = true;
      queue.trailers = trailers;
      return;
    }
    this.#writeTrailers(stream, trailers);
  }

  /** Ends with status OK. */
  endOk(stream: Http2Stream): void {
    this.endWithStatus(stream, okFields);
  }

  /** Ends a body without trailers. */
  endBody(stream: Http2Stream): void {
    if (stream.queue !== null) {
      stream.queue.ending = true;
      return;
    }
    this.#outbox.addData(stream.id, 0, true);
    this.#host.changed();
    this.#localEnded(stream);
  }

  /** The client opened the stream's window, or closed and opened it by a setting. */
  streamOpened(stream: Http2Stream): void {
    if (stream.queue !== null && stream.sendWindowBytes > 0) {
      this.#ready.add(stream);
      this.pump();
    }
  }

  /** The client opened the connection's window; false when beyond what a window may be. */
  connectionOpened(bytes: number): boolean {
    const opened = openSendWindow(this, bytes);
    this.pump();
    return opened;
  }

  /** Forgets what a stream still had to send. */
  forget(stream: Http2Stream): void {
    if (stream.queue !== null) {
      this.#countQueued(-stream.queue.bytes);
      stream.queue = null;
    }
    this.#ready.delete(stream);
  }

  /** Sends what windows and socket allow, a frame of each stream in turn. */
  pump(): void {
    if (this.#pumping || this.#ready.size === 0) {
      return;
    }
    this.#pumping = true;
    // A stream that has more goes to the end of the set, which the loop reaches too.
    for (const stream of this.#ready) {
      if (this.sendWindowBytes <= 0 || this.#isCongested()) {
        break;
      }
      this.#ready.delete(stream);
      // A setting may have closed its window while it waited; it comes back when the client opens it.
      if (stream.sendWindowBytes > 0) {
        this.#sendNext(stream);
      }
      if (this.#outbox.length >= flushBytes) {
        this.#host.flush();
      }
    }
    this.#pumping = false;
  }

  #isCongested(): boolean {
    return this.#outbox.length + this.backlogBytes >= congestionBytes;
  }

  #fitsNow(stream: Http2Stream, bytes: number): boolean {
    return (
      stream.queue === null &&
      bytes <= frameBytesDefault &&
      bytes <= stream.sendWindowBytes &&
      bytes <= this.sendWindowBytes &&
      !this.#isCongested()
    );
  }

  #writeMessage(out: Buffer, start: number, stream: Http2Stream, message: Uint8Array): number {
    const bytes = prefixBytes + message.length;
    const at = writeFrameHeader(out, start, bytes, frameType.data, 0, stream.id);
    this.#writeFramed(out, at, stream, message);
    return at + bytes;
  }

  #writeFramed(out: Buffer, at: number, stream: Http2Stream, message: Uint8Array): void {
    out[at] = 0;
    out.writeUInt32BE(message.length, at + 1);
    out.set(message, at + prefixBytes);
    this.#countSent(stream, prefixBytes + message.length);
  }

  #countSent(stream: Http2Stream, bytes: number): void {
    stream.sentData = true;
    useSendWindow(stream, bytes);
    useSendWindow(this, bytes);
  }

  #queueOf(stream: Http2Stream): SendQueue {
    assert(!stream.localClosed, "sender: bytes behind the end");
    stream.queue ??= new SendQueue();
    assert(!stream.queue.ending, "sender: bytes behind the end of the queue");
    return stream.queue;
  }

  #queued(stream: Http2Stream, queue: SendQueue, bytes: number): boolean {
    this.#countQueued(bytes);
    this.streamOpened(stream);
    const waits = stream.queue === queue && queue.bytes > writerBytesMax;
    stream.wantsDrain ||= waits;
    return !waits;
  }

  #sendNext(stream: Http2Stream): void {
    const queue = stream.queue;
    assert(queue !== null, "sender: a ready stream has something to send");
    const bytes = Math.min(queue.bytes, frameBytesDefault, stream.sendWindowBytes, this.sendWindowBytes);
    assert(bytes > 0, "sender: a ready stream has a window");
    const isLast = bytes === queue.bytes;
    const at = this.#outbox.addData(stream.id, bytes, endsHere(queue, isLast));
    queue.shiftTo(this.#outbox.bytes, at, bytes);
    this.#countSent(stream, bytes);
    this.#countQueued(-bytes);
    this.#host.changed();
    if (isLast) {
      this.#queueSent(stream, queue);
    } else if (stream.sendWindowBytes > 0) {
      this.#ready.add(stream);
    }
  }

  #countQueued(change: number): void {
    this.#queuedBytes += change;
    assert(this.#queuedBytes >= 0, "sender: fewer than no bytes queued");
    this.#shared.count(this, change, this.#queuedBytes + this.#backlogBytes);
  }

  #queueSent(stream: Http2Stream, queue: SendQueue): void {
    assert(queue.bytes === 0, "sender: sent before it was empty");
    stream.queue = null;
    if (!queue.ending) {
      if (stream.wantsDrain) {
        stream.wantsDrain = false;
        stream.user?.drained();
      }
      return;
    }
    if (queue.trailers === null) {
      this.#localEnded(stream);
    } else {
      this.#writeTrailers(stream, queue.trailers);
    }
  }

  #writeTrailers(stream: Http2Stream, trailers: Fields): void {
    assert(!stream.localClosed, "sender: trailers behind the end");
    this.#headers.write(stream.id, trailers, true);
    this.#host.changed();
    this.#localEnded(stream);
  }

  #localEnded(stream: Http2Stream): void {
    assert(!stream.localClosed, "sender: ended twice");
    stream.localClosed = true;
    this.#host.localEnded(stream);
  }
}

function endsHere(queue: SendQueue, isLast: boolean): boolean {
  return isLast && queue.ending && queue.trailers === null;
}
