/**
 * Warnings whose number others decide: whoever floods this member must not have its event loop write a line for each try. So many a
 * second of each kind are written; the next one that is says how many were left out.
 */
import { assert } from "@quorate/base";
import type { Logger } from "./logger.ts";

const windowMs = 1000;

interface Window {
  startMs: number;
  count: number;
  leftOut: number;
}

/** See the head of this file. */
export class PacedWarnings implements Pick<Logger, "warn"> {
  readonly #logger: Pick<Logger, "warn">;
  readonly #nowMs: () => number;
  readonly #linesPerSecondMax: number;
  /** By message, of which there are as many as calls in the sources. */
  readonly #windows: Map<string, Window> = new Map();

  constructor(
    logger: Pick<Logger, "warn">,
    nowMs: () => number = () => performance.now(),
    linesPerSecondMax: number = 20,
  ) {
    assert(linesPerSecondMax > 0, "paced warnings: none at all");
    this.#logger = logger;
    this.#nowMs = nowMs;
    this.#linesPerSecondMax = linesPerSecondMax;
  }

  /** Writes the line, or counts it. The message is a literal; what differs goes into the fields. */
  warn(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const nowMs = this.#nowMs();
    const window = this.#windowOf(message, nowMs);
    if (window.count >= this.#linesPerSecondMax) {
      window.leftOut++;
      return;
    }
    window.count++;
    const { leftOut } = window;
    window.leftOut = 0;
    this.#logger.warn(message, leftOut === 0 ? fields : { ...fields, "left-out": leftOut });
  }

  #windowOf(message: string, nowMs: number): Window {
    const window = this.#windows.get(message) ?? { startMs: nowMs, count: 0, leftOut: 0 };
    if (nowMs >= window.startMs + windowMs) {
      window.startMs = nowMs;
      window.count = 0;
    }
    this.#windows.set(message, window);
    return window;
  }
}
