/** The timers of a connection: a client that does not finish its handshake, falls silent, or does not leave. */
import type { Socket } from "node:net";
import type { ServerLimits } from "../types.ts";

/** How long a goodbye waits for the client: for its ping's answer, and for its end of the connection. */
const goodbyeMs = 1000;

/** What to do when time is over. */
interface LivenessHost {
  handshakeLate(): void;
  /** Nothing has come for a while: asks the client for a sign. */
  probe(): void;
  /** The client gave none. */
  silent(): void;
}

/** Watches one connection. */
export class Liveness {
  readonly #socket: Socket;
  readonly #limits: ServerLimits;
  readonly #host: LivenessHost;
  readonly #keepalive: NodeJS.Timeout;
  #handshake: NodeJS.Timeout | null;
  #probe: NodeJS.Timeout | null = null;
  #goodbye: NodeJS.Timeout | null = null;
  #bytesRead = -1;

  constructor(socket: Socket, limits: ServerLimits, host: LivenessHost) {
    this.#socket = socket;
    this.#limits = limits;
    this.#host = host;
    this.#handshake = setTimeout(() => host.handshakeLate(), limits.handshakeMs);
    this.#keepalive = setInterval(() => this.#check(), limits.keepaliveIntervalMs);
    this.#keepalive.unref();
  }

  /** The client has acknowledged the settings, or will not have to. */
  handshakeDone(): void {
    if (this.#handshake !== null) {
      clearTimeout(this.#handshake);
      this.#handshake = null;
    }
  }

  /** Calls `late` unless {@link goodbyeDone} comes first. */
  awaitGoodbye(late: () => void): void {
    this.goodbyeDone();
    this.#goodbye = setTimeout(late, goodbyeMs);
  }

  goodbyeDone(): void {
    if (this.#goodbye !== null) {
      clearTimeout(this.#goodbye);
      this.#goodbye = null;
    }
  }

  /** The connection is gone. */
  stop(): void {
    this.handshakeDone();
    this.goodbyeDone();
    clearInterval(this.#keepalive);
    if (this.#probe !== null) {
      clearTimeout(this.#probe);
      this.#probe = null;
    }
  }

  #check(): void {
    const bytesRead = this.#socket.bytesRead;
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      return;
    }
    if (this.#probe === null) {
      this.#host.probe();
      this.#probe = setTimeout(() => this.#probed(bytesRead), this.#limits.keepaliveTimeoutMs);
      this.#probe.unref();
    }
  }

  /** Any bytes will do for an answer. */
  #probed(bytesReadBefore: number): void {
    this.#probe = null;
    if (this.#socket.bytesRead === bytesReadBefore) {
      this.#host.silent();
    }
  }
}
