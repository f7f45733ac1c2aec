/** The frames of the connection itself: SETTINGS, PING, GOAWAY, and its window. A broken rule is thrown. */
import type { Floods } from "./floods.ts";
import { openSendWindow } from "./flow-control.ts";
import type { Outbox } from "./outbox.ts";
import { ConnectionError, errorCode, flag, frameType, pingBytes } from "./protocol.ts";
import type { Sender } from "./sender.ts";
import type { PeerSettings } from "./settings.ts";
import type { StreamTable } from "./stream-table.ts";

const goawayBytesMin = 8;
const noBytes: Buffer = Buffer.alloc(0);

/** What control frames need of their session. */
export interface ControlHost {
  /** Whether answers have left since this was asked last. */
  takeSentMark(): boolean;
  /** The outbox has an answer to a control frame. */
  controlAnswered(): void;
  settingsAcknowledged(): void;
  /** A ping wants to be acknowledged. */
  pinged(opaque: Uint8Array): void;
  /** The client has answered a ping. */
  pingAnswered(opaque: Uint8Array): void;
  /** The client opens no more streams. */
  peerLeaves(): void;
}

/** Takes the control frames of one connection. */
export class ControlFrames {
  readonly #host: ControlHost;
  readonly #floods: Floods;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #settings: PeerSettings;
  readonly #streams: StreamTable;
  #sawSettings = false;

  constructor(
    host: ControlHost,
    floods: Floods,
    outbox: Outbox,
    sender: Sender,
    settings: PeerSettings,
    streams: StreamTable,
  ) {
    this.#host = host;
    this.#floods = floods;
    this.#outbox = outbox;
    this.#sender = sender;
    this.#settings = settings;
    this.#streams = streams;
  }

  /** Whether the client's first SETTINGS has come. */
  get sawSettings(): boolean {
    return this.#sawSettings;
  }

  /** §6.5. */
  takeSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) {
      throw new ConnectionError(errorCode.protocolError, "SETTINGS on a stream");
    }
    if ((flags & flag.ack) !== 0) {
      if (start !== end) {
        throw new ConnectionError(errorCode.frameSizeError, "an acknowledgement with settings in it");
      }
      this.#needSettings();
      this.#host.settingsAcknowledged();
      return;
    }
    this.#sawSettings = true;
    this.#floods.countControl();
    const windowBefore = this.#settings.initialWindowBytes;
    this.#settings.apply(bytes, start, end);
    this.#outbox.addFrame(frameType.settings, flag.ack, 0, noBytes);
    this.#host.controlAnswered();
    this.#sender.settingsChanged();
    this.#moveWindows(this.#settings.initialWindowBytes - windowBefore);
  }

  /** §3.4: an acknowledgement is no first SETTINGS. */
  #needSettings(): void {
    if (!this.#sawSettings) {
      throw new ConnectionError(errorCode.protocolError, "the first frame is an acknowledgement");
    }
  }

  /** §6.9.2: a new initial window moves the window of every stream. */
  #moveWindows(difference: number): void {
    if (difference === 0) {
      return;
    }
    for (const stream of this.#streams.all()) {
      if (!openSendWindow(stream, difference)) {
        throw new ConnectionError(errorCode.flowControlError, "a stream's window beyond 2^31-1 by a setting");
      }
      this.#sender.streamOpened(stream);
    }
  }

  /** §6.7. */
  takePing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) {
      throw new ConnectionError(errorCode.protocolError, "PING on a stream");
    }
    if (end - start !== pingBytes) {
      throw new ConnectionError(errorCode.frameSizeError, "PING of another length than 8");
    }
    const opaque = bytes.subarray(start, end);
    if ((flags & flag.ack) !== 0) {
      this.#floods.countIgnored();
      this.#host.pingAnswered(opaque);
      return;
    }
    // Go's clients measure the line by a ping after data they received, thousands per second: that is no flood.
    if (!this.#host.takeSentMark()) {
      this.#floods.countControl();
    }
    this.#host.pinged(opaque);
  }

  /** §6.8. */
  takeGoaway(streamId: number, length: number): void {
    if (streamId !== 0) {
      throw new ConnectionError(errorCode.protocolError, "GOAWAY on a stream");
    }
    if (length < goawayBytesMin) {
      throw new ConnectionError(errorCode.frameSizeError, "GOAWAY too short");
    }
    this.#floods.countIgnored();
    this.#host.peerLeaves();
  }

  /** §6.9: WINDOW_UPDATE of the connection. */
  openWindow(increment: number): void {
    if (increment === 0) {
      throw new ConnectionError(errorCode.protocolError, "WINDOW_UPDATE of nothing");
    }
    if (!this.#sender.connectionOpened(increment)) {
      throw new ConnectionError(errorCode.flowControlError, "the connection's window beyond 2^31-1");
    }
  }
}
