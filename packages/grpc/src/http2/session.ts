/**
 * One HTTP/2 connection, RFC 9113: how it begins, is written to, is probed, and ends; and the end of each stream. What comes
 * in is the receiver's, what goes out the sender's.
 */
import type { Socket } from "node:net";
import { assert } from "@quorate/base";
import type { Deadlines } from "../deadlines.ts";
import type { SessionHost } from "../session-host.ts";
import type { BytesHolder } from "../shared-bytes.ts";
import type { Client } from "../wire/peer.ts";
import { connectionWindowBytes, returnCredit, streamWindowBytes } from "./flow-control.ts";
import { FrameReader } from "./frame-reader.ts";
import type { HeaderList } from "./header-blocks.ts";
import { Liveness } from "./liveness.ts";
import { type BufferPool, Outbox } from "./outbox.ts";
import { PingAcks } from "./ping-acks.ts";
import {
  ConnectionError,
  type ErrorCode,
  errorCode,
  frameType,
  windowBytesDefault,
  windowBytesMax,
} from "./protocol.ts";
import { Receiver, type ReceiverHost } from "./receiver.ts";
import { serveRequest } from "./requests.ts";
import { Sender, type SenderHost } from "./sender.ts";
import { encodeSettings, PeerSettings } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";
import type { StreamSession } from "./stream-session.ts";
import { type Ending, ending, StreamTable } from "./stream-table.ts";
import type { Flushable, Turn } from "./turn.ts";

/** How long the rest of an answered request is read before its stream is reset. */
const dropMs = 1000;

/** Bytes that the client did not read above which nothing more is read from it. */
const readPauseBytes = 2 * 1024 * 1024;

/** How much more may wait to be sent than the limit of what may wait to be received. */
const queuedFactor = 4;

const probePing: Buffer = Buffer.from("keepaliv");
const goodbyePing: Buffer = Buffer.from("goodbye!");

/** What the own sessions of a server share beyond the {@link SessionHost}. */
export interface SessionTools {
  readonly pool: BufferPool;
  readonly turn: Turn;
}

/** Where a connection is on its way out. */
type Phase =
  | "open"
  /** The client was told that the server closes; what it sent before it knew is still served. */
  | "announced"
  /** No more streams; the connection ends with the last one. */
  | "draining"
  /** Everything was said; what still comes is not read. */
  | "ended";

/** Serves one connection until it closes. */
export class Session implements SenderHost, ReceiverHost, StreamSession, Flushable, BytesHolder {
  readonly sender: Sender;
  readonly deadlines: Deadlines;
  readonly messageBytesMax: number;
  readonly client: Client;
  readonly #socket: Socket;
  readonly #host: SessionHost;
  readonly #turn: Turn;
  readonly #outbox: Outbox;
  readonly #streams = new StreamTable();
  readonly #reader: FrameReader;
  readonly #pingAcks: PingAcks;
  #phase: Phase = "open";
  #dirty = false;
  /** Within what came from the client. */
  #reading = false;
  #readPaused = false;
  #peerLeaves = false;
  /** Whether anything was sent on a stream since {@link takeSentMark}. */
  #sentMark = false;
  #bufferedBytes = 0;
  readonly #liveness: Liveness;

  constructor(socket: Socket, host: SessionHost, tools: SessionTools, client: Client) {
    const limits = host.limits;
    this.deadlines = host.deadlines;
    this.messageBytesMax = limits.messageBytesMax;
    this.client = client;
    this.#socket = socket;
    this.#host = host;
    this.#turn = tools.turn;
    this.#outbox = new Outbox(tools.pool);
    const settings = new PeerSettings();
    const queuedBytesMax = limits.sessionMemoryMebibytesMax * 2 ** 20 * queuedFactor;
    this.sender = new Sender(this, this.#outbox, settings, queuedBytesMax, host.unread);
    this.#reader = new FrameReader(
      new Receiver(this, limits, this.#outbox, this.sender, settings, this.#streams),
    );
    this.#pingAcks = new PingAcks(host.deadlines, this.#outbox, () => this.controlAnswered());
    this.#liveness = new Liveness(socket, limits, {
      // §6.5.3.
      handshakeLate: () =>
        this.#fail(new ConnectionError(errorCode.settingsTimeout, "SETTINGS not acknowledged")),
      probe: () => this.#addPing(probePing),
      silent: () => socket.destroy(),
    });
    this.#greet();
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => this.#socketDrained());
    socket.on("close", () => this.#socketClosed());
  }

  /** Whether new streams are served. */
  get acceptsStreams(): boolean {
    return this.#phase === "open" || this.#phase === "announced";
  }

  /** Streams that are not closed; for tests. */
  get streamCount(): number {
    return this.#streams.count;
  }

  /** Tells the client to send no more calls here; the connection closes when the last running one has ended. */
  drain(): void {
    if (this.#phase !== "open") {
      return;
    }
    // §6.8: first a limit that no stream reaches; with the ping's answer, all that was sent in ignorance of it has come.
    this.#phase = "announced";
    this.#addGoaway(windowBytesMax, errorCode.noError, "");
    this.#addPing(goodbyePing);
    this.#liveness.awaitGoodbye(() => this.#announceLast());
  }

  /** Ends everything now. */
  destroy(): void {
    this.#endPhase();
    this.#closeAll((stream) => stream.user?.abandoned());
    this.#socket.destroy();
  }

  /** Ends at once, without a goodbye: it would only wait, too. */
  evict(): void {
    this.#host.onEvent?.({ kind: "connection-refused", peer: this.client.peer, reason: "too-slow" });
    this.#endPhase();
    this.#socket.destroy();
    this.#closeAll((stream) => stream.user?.closed());
    this.#outbox.clear();
    this.sender.backlogBytes = 0;
  }

  changed(): void {
    this.#sentMark = true;
    this.controlAnswered();
  }

  controlAnswered(): void {
    if (this.#dirty) {
      return;
    }
    this.#dirty = true;
    if (this.#reading) {
      this.#turn.atEnd(this);
    } else {
      this.#turn.afterCallback(this);
    }
  }

  takeSentMark(): boolean {
    const mark = this.#sentMark;
    this.#sentMark = false;
    return mark;
  }

  flush(): void {
    this.#dirty = false;
    if (this.#socket.writableNeedDrain) {
      // One write at a time waits for a slow client; the rest gathers in the outbox until the drain.
      this.#readOnlyWhatIsRead();
      return;
    }
    this.#write();
    // Node 22 and later tell no drain of a write that the system took whole, however long: what waited for room in the outbox goes on here.
    if (!this.#socket.writableNeedDrain) {
      this.sender.pump();
    }
  }

  serve(stream: Http2Stream, list: HeaderList): void {
    if (list.tooLarge || stream.head === null) {
      this.sender.sendHeaders(stream, [[":status", "431"]], true);
      return;
    }
    serveRequest(this, stream, stream.head, this.#host);
  }

  localEnded(stream: Http2Stream): void {
    if (stream.remoteClosed) {
      this.#close(stream, stream.sentData ? ending.answered : ending.complete);
      return;
    }
    // The rest of the request is read and thrown away, for a while: a reset at once would overtake the answer in clients
    // that look at resets first.
    const late = { expire: (): void => this.reset(stream, errorCode.noError) };
    const bucket = this.deadlines.add(late, dropMs);
    stream.stopDropping = (): void => this.deadlines.remove(late, bucket);
    const heldBytes = streamWindowBytes - stream.receiveWindowBytes - stream.receiveCreditBytes;
    this.returnStreamCredit(stream, heldBytes);
  }

  remoteEnded(stream: Http2Stream): void {
    if (stream.localClosed) {
      this.#close(stream, stream.sentData ? ending.answered : ending.complete);
    }
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    if (this.#close(stream, ending.resetHere)) {
      this.#outbox.addNumberFrame(frameType.rstStream, stream.id, code);
      this.controlAnswered();
      stream.user?.closed();
    }
  }

  resetByPeer(stream: Http2Stream): void {
    if (this.#close(stream, ending.resetByPeer)) {
      stream.user?.closed();
    }
  }

  calm(stream: Http2Stream): void {
    this.reset(stream, errorCode.enhanceYourCalm);
  }

  returnStreamCredit(stream: Http2Stream, bytes: number): void {
    if (stream.remoteClosed || bytes === 0) {
      return;
    }
    const increment = returnCredit(stream, bytes, streamWindowBytes);
    if (increment > 0) {
      this.#outbox.addNumberFrame(frameType.windowUpdate, stream.id, increment);
      this.controlAnswered();
    }
  }

  accountBuffered(bytes: number): boolean {
    this.#bufferedBytes += bytes;
    assert(this.#bufferedBytes >= 0, "http2 session: fewer than no bytes buffered");
    const { limits, unfinished } = this.#host;
    unfinished.count(this, bytes, this.#bufferedBytes);
    return (
      bytes <= 0 ||
      (this.#bufferedBytes <= limits.sessionMemoryMebibytesMax * 2 ** 20 && unfinished.makeRoom(this, 0))
    );
  }

  settingsAcknowledged(): void {
    this.#liveness.handshakeDone();
  }

  pinged(opaque: Uint8Array): void {
    this.#pingAcks.take(opaque);
  }

  pingAnswered(opaque: Uint8Array): void {
    if (this.#phase === "announced" && goodbyePing.equals(opaque)) {
      this.#announceLast();
    }
  }

  peerLeaves(): void {
    this.#peerLeaves = true;
    this.#endWhenIdle();
  }

  callBegan(): void {
    this.#host.callCount++;
  }

  callEnded(path: string, startMs: number, code: number): void {
    this.#host.callCount--;
    const onEvent = this.#host.onEvent;
    if (onEvent !== null) {
      onEvent({ kind: "call-ended", path, code, durationMs: performance.now() - startMs });
    }
  }

  handlerFailed(path: string, error: unknown): void {
    this.#host.onEvent?.({ kind: "handler-error", path, error });
  }

  #write(): void {
    if (this.#outbox.length > 0) {
      this.#pingAcks.join();
    }
    const bytes = this.#outbox.takeBytes();
    if (bytes === null) {
      return;
    }
    const socket = this.#socket;
    if (!socket.writable) {
      this.#outbox.recycle(true);
      return;
    }
    if (socket.writableLength > 0) {
      // What waits behind another write must not hold a whole buffer of the pool.
      socket.write(Buffer.from(bytes));
      this.#outbox.recycle(true);
    } else {
      socket.write(bytes);
      // Nothing left means that the system has its copy.
      this.#outbox.recycle(socket.writableLength === 0);
    }
    this.sender.backlogBytes = socket.writableLength;
    this.#readOnlyWhatIsRead();
  }

  /** A client that asks and does not read is not listened to until it reads. */
  #readOnlyWhatIsRead(): void {
    const waitingBytes = this.#outbox.length + this.sender.backlogBytes;
    if (waitingBytes > readPauseBytes && !this.#readPaused && this.#phase !== "ended") {
      this.#readPaused = true;
      this.#socket.pause();
    }
  }

  #greet(): void {
    this.#outbox.addFrame(frameType.settings, 0, 0, encodeSettings(this.#host.limits));
    this.#outbox.addNumberFrame(frameType.windowUpdate, 0, connectionWindowBytes - windowBytesDefault);
    this.controlAnswered();
  }

  #receive(chunk: Buffer): void {
    if (this.#phase === "ended") {
      return;
    }
    this.#reading = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof ConnectionError)) {
        throw error;
      }
      this.#fail(error);
    }
    this.#reading = false;
    if (!this.#dirty) {
      this.#pingAcks.readEnded(this.#streams.count > 0);
    }
  }

  /** §5.4.1: says which rule was broken, and ends the connection. */
  #fail(error: ConnectionError): void {
    if (this.#phase === "ended") {
      return;
    }
    if (error.code === errorCode.enhanceYourCalm) {
      this.#host.onEvent?.({ kind: "connection-refused", peer: this.client.peer, reason: "flood" });
    } else {
      this.#host.onEvent?.({ kind: "connection-error", peer: this.client.peer, error });
    }
    const lastId = this.#streams.lastId;
    this.#endPhase();
    this.#closeAll((stream) => stream.user?.closed());
    if (this.#reader.sawPreface) {
      this.#addGoaway(lastId, error.code, error.message);
      this.#end();
    } else {
      this.#socket.destroy();
    }
  }

  #close(stream: Http2Stream, how: Ending): boolean {
    if (!this.#streams.close(stream, how)) {
      return false;
    }
    this.sender.forget(stream);
    stream.stopDropping?.();
    if (stream.headBytes > 0) {
      this.accountBuffered(-stream.headBytes);
      stream.headBytes = 0;
    }
    if (this.#streams.count === 0 && (this.#phase !== "open" || this.#peerLeaves)) {
      this.#endWhenIdle();
    }
    return true;
  }

  #closeAll(tell: (stream: Http2Stream) => void): void {
    for (const stream of this.#streams.all()) {
      if (this.#close(stream, ending.resetHere)) {
        tell(stream);
      }
    }
  }

  #addGoaway(lastId: number, code: ErrorCode, text: string): void {
    const payload = Buffer.alloc(8 + text.length);
    payload.writeUInt32BE(code, payload.writeUInt32BE(lastId, 0));
    payload.write(text, 8, "latin1");
    this.#outbox.addFrame(frameType.goaway, 0, 0, payload);
    this.controlAnswered();
  }

  #addPing(opaque: Uint8Array): void {
    this.#outbox.addFrame(frameType.ping, 0, 0, opaque);
    this.controlAnswered();
  }

  #announceLast(): void {
    this.#liveness.goodbyeDone();
    this.#phase = "draining";
    this.#addGoaway(this.#streams.lastId, errorCode.noError, "");
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    const leaves = this.#phase === "draining" || (this.#peerLeaves && this.#phase !== "ended");
    if (leaves && this.#streams.count === 0) {
      this.#end();
    }
  }

  /** Writes what is left and closes; a client that does not close its side is disconnected. */
  #end(): void {
    this.#endPhase();
    this.#write();
    this.#socket.end();
    this.#liveness.awaitGoodbye(() => this.#socket.destroy());
    // Reading goes on, into nothing: unread bytes would make the system reset the connection and lose the goodbye.
    this.#socket.resume();
  }

  #endPhase(): void {
    this.#phase = "ended";
    this.#reader.stop();
    this.#pingAcks.stop();
    this.#liveness.handshakeDone();
    this.#liveness.goodbyeDone();
  }

  #socketDrained(): void {
    this.sender.backlogBytes = 0;
    this.flush();
    if (this.#readPaused) {
      this.#readPaused = false;
      this.#socket.resume();
    }
    this.sender.pump();
  }

  #socketClosed(): void {
    this.#endPhase();
    this.#liveness.stop();
    this.#closeAll((stream) => stream.user?.closed());
    this.#outbox.clear();
    this.sender.backlogBytes = 0;
  }
}
