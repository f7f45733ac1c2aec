/**
 * The trace: every event of a run in text form, folded into a running hash. Two runs are the same run exactly when their
 * hashes are equal; the lines themselves are kept only where somebody asks for them.
 */
import { assert } from "@quorate/base";

/** Receives each line; `atMs` is virtual time. */
export type TraceSink = (atMs: number, line: string) => void;

/** Folds lines into 64 bits: two lanes with different multipliers, so that one collision does not hide a divergence. */
export class Trace {
  #low = 0x811c9dc5;
  #high = 0x9747b28c;
  #lines = 0;
  readonly #sink: TraceSink | null;

  constructor(sink: TraceSink | null) {
    this.#sink = sink;
  }

  /** How many lines went in. */
  get lineCount(): number {
    return this.#lines;
  }

  /** Adds one event. */
  line(atMs: number, text: string): void {
    assert(Number.isSafeInteger(atMs), "trace: time is not an integer");
    let low = Math.imul(this.#low ^ atMs, 0x01000193);
    let high = Math.imul(this.#high ^ atMs, 0x5bd1e995);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x5bd1e995);
      high ^= high >>> 15;
    }
    this.#low = low;
    this.#high = high;
    this.#lines++;
    this.#sink?.(atMs, text);
  }

  /** Whether somebody reads the lines. */
  get isRead(): boolean {
    return this.#sink !== null;
  }

  /**
   * Adds one event that these five numbers tell from all others. PERF: its text, which says no more, is made by the caller, and only
   * where {@link isRead} says that somebody wants it.
   */
  numbers(atMs: number, a: number, b: number, c: number, d: number, e: number, text: string | null): void {
    assert(Number.isSafeInteger(atMs), "trace: time is not an integer");
    assert(
      Number.isSafeInteger(a + b + c + d + e) && a >= 0 && b >= 0 && c >= 0 && d >= 0 && e >= 0,
      "trace: number is not a natural one",
    );
    assert((text !== null) === this.isRead, "trace: a text that nobody reads, or none for who does");
    this.#fold(atMs);
    this.#fold(a);
    this.#fold(b);
    this.#fold(c);
    this.#fold(d);
    this.#fold(e);
    this.#lines++;
    if (text !== null) {
      this.#sink?.(atMs, text);
    }
  }

  #fold(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    const high = Math.imul(this.#high ^ value, 0x5bd1e995);
    this.#high = high ^ (high >>> 15);
  }

  /** The hash so far, 16 hexadecimal digits. */
  hash(): string {
    return hex32(this.#high) + hex32(this.#low);
  }
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
