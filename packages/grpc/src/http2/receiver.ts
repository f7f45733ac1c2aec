/**
 * The receiving half of a connection: which frame means what in which state of its stream, RFC 9113 §5 and §6, and which
 * error breaks it. A broken rule of the connection is thrown, one of a stream resets the stream.
 */
import type { ServerLimits } from "../types.ts";
import { ControlFrames, type ControlHost } from "./control-frames.ts";
import { Floods } from "./floods.ts";
import {
  connectionWindowBytes,
  openSendWindow,
  type ReceiveWindow,
  returnCredit,
  useReceiveWindow,
} from "./flow-control.ts";
import { type FrameSink, unpaddedEnd } from "./frame-reader.ts";
import type { HeaderList } from "./header-blocks.ts";
import { HeaderFrames, priorityBytes } from "./header-frames.ts";
import type { Outbox } from "./outbox.ts";
import { ConnectionError, type ErrorCode, errorCode, flag, frameType } from "./protocol.ts";
import type { Sender } from "./sender.ts";
import type { PeerSettings } from "./settings.ts";
import { Http2Stream } from "./stream.ts";
import { ending, type StreamTable } from "./stream-table.ts";

const noBytes: Buffer = Buffer.alloc(0);

/** Header fields that count as no more than this are not worth counting: those of a usual call. */
const headBytesFree = 1024;

/** What the receiver needs of its session. */
export interface ReceiverHost extends ControlHost {
  /** Whether new streams are served; those that are not were told so by GOAWAY. */
  readonly acceptsStreams: boolean;
  /** Serves a new stream. */
  serve(stream: Http2Stream, list: HeaderList): void;
  /** Resets a living stream from this side. */
  reset(stream: Http2Stream, code: ErrorCode): void;
  /** Forgets a stream that the client reset. */
  resetByPeer(stream: Http2Stream): void;
  /** The client has ended its side. */
  remoteEnded(stream: Http2Stream): void;
  returnStreamCredit(stream: Http2Stream, bytes: number): void;
  /** Notes bytes that are kept of a request; false when it is too much for one connection. */
  accountBuffered(bytes: number): boolean;
}

/** Takes the frames of one connection. */
export class Receiver implements FrameSink, ReceiveWindow {
  receiveWindowBytes: number = connectionWindowBytes;
  receiveCreditBytes = 0;
  readonly #host: ReceiverHost;
  readonly #limits: ServerLimits;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #settings: PeerSettings;
  readonly #streams: StreamTable;
  readonly #headers: HeaderFrames;
  readonly #floods: Floods;
  readonly #control: ControlFrames;

  constructor(
    host: ReceiverHost,
    limits: ServerLimits,
    outbox: Outbox,
    sender: Sender,
    settings: PeerSettings,
    streams: StreamTable,
  ) {
    this.#host = host;
    this.#limits = limits;
    this.#outbox = outbox;
    this.#sender = sender;
    this.#settings = settings;
    this.#streams = streams;
    this.#floods = new Floods(limits);
    this.#headers = new HeaderFrames(limits.headerListBytesMax, this.#floods);
    this.#control = new ControlFrames(host, this.#floods, outbox, sender, settings, streams);
  }

  takeFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const openId = this.#headers.openId;
    if (openId !== 0 && (type !== frameType.continuation || streamId !== openId)) {
      throw new ConnectionError(errorCode.protocolError, "a frame between HEADERS and CONTINUATION");
    }
    if (!this.#control.sawSettings && type !== frameType.settings) {
      throw new ConnectionError(errorCode.protocolError, "the first frame is not SETTINGS");
    }
    switch (type) {
      case frameType.data:
        this.#takeData(flags, streamId, bytes, start, end);
        return;
      case frameType.headers:
        this.#needStream(streamId);
        this.#takeBlock(streamId, this.#headers.takeHeaders(flags, streamId, bytes, start, end));
        return;
      case frameType.priority:
        this.#takePriority(streamId, bytes, start, end);
        return;
      case frameType.rstStream:
        this.#takeReset(streamId, bytes, start, end);
        return;
      case frameType.settings:
        this.#control.takeSettings(flags, streamId, bytes, start, end);
        return;
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocolError, "PUSH_PROMISE of a client");
      case frameType.ping:
        this.#control.takePing(flags, streamId, bytes, start, end);
        return;
      case frameType.goaway:
        this.#control.takeGoaway(streamId, end - start);
        return;
      case frameType.windowUpdate:
        this.#takeWindowUpdate(streamId, bytes, start, end);
        return;
      case frameType.continuation:
        this.#takeBlock(streamId, this.#headers.takeContinuation(flags, bytes, start, end));
        return;
      default:
        // §5.5: unknown types are ignored.
        this.#floods.countIgnored();
    }
  }

  #takeData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#needStream(streamId);
    const length = end - start;
    this.#useConnectionWindow(length);
    const stream = this.#streams.get(streamId);
    if (stream === null) {
      this.#refuseOnClosed(streamId);
      return;
    }
    if (stream.remoteClosed) {
      this.#streamError(stream, errorCode.streamClosed);
      return;
    }
    if (!useReceiveWindow(stream, length)) {
      this.#streamError(stream, errorCode.flowControlError);
      return;
    }
    const from = (flags & flag.padded) === 0 ? start : start + 1;
    const to = unpaddedEnd(flags, bytes, start, end);
    const last = (flags & flag.endStream) !== 0;
    if (from === to && !last) {
      this.#floods.countEmpty();
    }
    if (!stream.countBody(to - from, last)) {
      this.#streamError(stream, errorCode.protocolError);
      return;
    }
    if (last) {
      stream.remoteClosed = true;
    }
    this.#deliver(stream, bytes, from, to, length, last);
  }

  #deliver(
    stream: Http2Stream,
    bytes: Buffer,
    from: number,
    to: number,
    length: number,
    last: boolean,
  ): void {
    if (stream.localClosed || stream.user === null) {
      this.#host.returnStreamCredit(stream, length);
    } else {
      this.#host.returnStreamCredit(stream, length - (to - from));
      stream.user.received(bytes, from, to, last);
    }
    if (last) {
      this.#host.remoteEnded(stream);
    }
  }

  /** The connection's window is opened again at once: what a slow stream holds back is bounded by its own. */
  #useConnectionWindow(bytes: number): void {
    if (!useReceiveWindow(this, bytes)) {
      throw new ConnectionError(errorCode.flowControlError, "DATA beyond the connection's window");
    }
    const increment = returnCredit(this, bytes, connectionWindowBytes);
    if (increment > 0) {
      this.#outbox.addNumberFrame(frameType.windowUpdate, 0, increment);
      this.#host.controlAnswered();
    }
  }

  #takeBlock(streamId: number, list: HeaderList | null): void {
    if (list === null) {
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream !== null) {
      this.#takeTrailers(stream, list);
      return;
    }
    if ((streamId & 1) === 0) {
      throw new ConnectionError(errorCode.protocolError, "a client's stream has an odd identifier");
    }
    if (streamId > this.#streams.lastId) {
      this.#openStream(streamId, list);
    } else {
      this.#refuseHeadersOnClosed(streamId);
    }
  }

  #openStream(streamId: number, list: HeaderList): void {
    this.#streams.use(streamId);
    if (!this.#host.acceptsStreams) {
      this.#streams.note(streamId, ending.resetHere);
      return;
    }
    const request = list.tooLarge ? null : list.request;
    const stream = new Http2Stream(streamId, request, this.#settings.initialWindowBytes);
    stream.remoteClosed = this.#headers.endsStream;
    const full = this.#streams.count >= this.#limits.concurrentStreamsMax;
    this.#streams.add(stream);
    if (full) {
      this.#streamError(stream, errorCode.refusedStream);
    } else if (this.#headers.isCircular || (request === null && !list.tooLarge)) {
      this.#streamError(stream, errorCode.protocolError);
    } else if (this.#headers.endsStream && !stream.countBody(0, true)) {
      this.#streamError(stream, errorCode.protocolError);
    } else if (!this.#keepsHead(stream, list)) {
      this.#streamError(stream, errorCode.enhanceYourCalm);
    } else {
      this.#host.serve(stream, list);
      if (this.#headers.endsStream) {
        this.#deliverEmpty(stream);
      }
    }
  }

  /** Long header fields count like other parts of requests, for as long as their stream lives. */
  #keepsHead(stream: Http2Stream, list: HeaderList): boolean {
    if (list.bytes <= headBytesFree) {
      return true;
    }
    stream.headBytes = list.bytes;
    return this.#host.accountBuffered(list.bytes);
  }

  /** A request without a body has ended before it was served; now its user learns it. */
  #deliverEmpty(stream: Http2Stream): void {
    if (!stream.localClosed) {
      stream.user?.received(noBytes, 0, 0, true);
    }
  }

  #takeTrailers(stream: Http2Stream, list: HeaderList): void {
    if (stream.remoteClosed) {
      this.#streamError(stream, errorCode.streamClosed);
      return;
    }
    const valid = this.#headers.endsStream && !this.#headers.isCircular && list.areTrailers;
    if (!valid || !stream.countBody(0, true)) {
      this.#streamError(stream, errorCode.protocolError);
      return;
    }
    stream.remoteClosed = true;
    this.#deliver(stream, noBytes, 0, 0, 0, true);
  }

  #refuseHeadersOnClosed(streamId: number): void {
    const how = this.#streams.endingOf(streamId);
    if (how === ending.resetHere) {
      return;
    }
    // §5.1.1: an identifier that was passed over cannot be opened any more.
    const code = how === ending.unknown ? errorCode.protocolError : errorCode.streamClosed;
    throw new ConnectionError(code, "HEADERS on a closed stream");
  }

  /** §5.1: DATA on a stream that is idle or closed. */
  #refuseOnClosed(streamId: number): void {
    this.#needUsed(streamId);
    const how = this.#streams.endingOf(streamId);
    if (how === ending.complete || how === ending.answered) {
      throw new ConnectionError(errorCode.streamClosed, "DATA on a closed stream");
    }
    if (how !== ending.resetHere) {
      this.#floods.countReset();
      this.#outbox.addNumberFrame(frameType.rstStream, streamId, errorCode.streamClosed);
      this.#host.controlAnswered();
    }
  }

  /** RFC 7540 §6.3; RFC 9113 §5.3.2 only asks for the frame to be read. */
  #takePriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#needStream(streamId);
    this.#floods.countIgnored();
    if (end - start !== priorityBytes) {
      this.#streamIdError(streamId, errorCode.frameSizeError);
    } else if ((bytes.readUInt32BE(start) & 0x7fffffff) === streamId) {
      this.#streamIdError(streamId, errorCode.protocolError);
    }
  }

  #takeReset(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) {
      throw new ConnectionError(errorCode.frameSizeError, "RST_STREAM of another length than 4");
    }
    this.#needStream(streamId);
    this.#needUsed(streamId);
    const stream = this.#streams.get(streamId);
    const wasAnswered = stream?.sentData ?? this.#streams.endingOf(streamId) === ending.answered;
    const isTidyingUp =
      (stream === null || stream.localClosed) && bytes.readUInt32BE(start) === errorCode.noError;
    if (stream !== null) {
      this.#host.resetByPeer(stream);
    }
    // ETCD: KeepAliveOnce of Go's client opens a stream for one message each way, then cancels it; and Go's clients tidy up
    // with NO_ERROR behind an answer that did not wait for the end of their side. What got no answer was work for nothing.
    if (wasAnswered || isTidyingUp) {
      this.#floods.countIgnored();
    } else {
      this.#floods.countReset();
    }
  }

  #takeWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) {
      throw new ConnectionError(errorCode.frameSizeError, "WINDOW_UPDATE of another length than 4");
    }
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    if (streamId === 0) {
      this.#control.openWindow(increment);
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === null) {
      this.#needUsed(streamId);
      return;
    }
    if (increment === 0) {
      this.#streamError(stream, errorCode.protocolError);
    } else if (openSendWindow(stream, increment)) {
      this.#sender.streamOpened(stream);
    } else {
      this.#streamError(stream, errorCode.flowControlError);
    }
  }

  #needStream(streamId: number): void {
    if (streamId === 0) {
      throw new ConnectionError(errorCode.protocolError, "a stream's frame on the connection");
    }
  }

  /** §5.1: on an idle stream only HEADERS and PRIORITY may come. */
  #needUsed(streamId: number): void {
    if (streamId > this.#streams.lastId || (streamId & 1) === 0) {
      throw new ConnectionError(errorCode.protocolError, "a frame on an idle stream");
    }
  }

  /** §5.4.2. What the client provokes counts like its own resets: it makes the server work for nothing as well. */
  #streamError(stream: Http2Stream, code: ErrorCode): void {
    this.#host.reset(stream, code);
    this.#floods.countReset();
  }

  #streamIdError(streamId: number, code: ErrorCode): void {
    const stream = this.#streams.get(streamId);
    if (stream !== null) {
      this.#streamError(stream, code);
      return;
    }
    this.#floods.countReset();
    // §5.1: nothing can be reset on an idle stream.
    if (streamId > this.#streams.lastId) {
      throw new ConnectionError(code, "a broken PRIORITY on an idle stream");
    }
    this.#outbox.addNumberFrame(frameType.rstStream, streamId, code);
    this.#host.controlAnswered();
  }
}
