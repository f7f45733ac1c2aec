/**
 * What a client may do only so often, because it costs the server more than the client: counted per connection and second.
 * One too many ends the connection with ENHANCE_YOUR_CALM, RFC 9113 §10.5.
 */
import { RateWindow } from "../rate-window.ts";
import type { ServerLimits } from "../types.ts";
import { ConnectionError, errorCode } from "./protocol.ts";

/** Frames that carry nothing: DATA without bytes or end, CONTINUATION without bytes. */
const emptyFramesPerSecondMax = 100;

/** Frames that cost no more than reading them: PRIORITY, cancels behind an answer, types that nobody knows. */
const ignoredFramesPerSecondMax = 100_000;

function calm(what: string): ConnectionError {
  return new ConnectionError(errorCode.enhanceYourCalm, `flood of ${what}`);
}

/** The counters of one connection. */
export class Floods {
  readonly #resets: RateWindow;
  readonly #control: RateWindow;
  readonly #empty = new RateWindow(emptyFramesPerSecondMax);
  readonly #ignored = new RateWindow(ignoredFramesPerSecondMax);

  constructor(limits: ServerLimits) {
    this.#resets = new RateWindow(limits.resetsPerSecondMax);
    this.#control = new RateWindow(limits.controlFramesPerSecondMax);
  }

  /** A stream that ended by a reset: the client's, or ours because of what the client sent. Both make work for nothing. */
  countReset(): void {
    this.#count(this.#resets, "resets");
  }

  /** SETTINGS, or a PING: each must be answered. */
  countControl(): void {
    this.#count(this.#control, "pings and settings");
  }

  countEmpty(): void {
    this.#count(this.#empty, "empty frames");
  }

  countIgnored(): void {
    this.#count(this.#ignored, "ignored frames");
  }

  #count(window: RateWindow, what: string): void {
    if (!window.count(performance.now())) {
      throw calm(what);
    }
  }
}
