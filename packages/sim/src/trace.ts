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

  /** Adds one event that these numbers tell from all others. PERF: its text is made only where somebody reads it. */
  numbers(atMs: number, values: readonly number[], text: () => string): void {
    assert(Number.isSafeInteger(atMs), "trace: time is not an integer");
    this.#fold(atMs);
    for (const value of values) {
      assert(Number.isSafeInteger(value), "trace: number is not an integer");
      this.#fold(value);
    }
    this.#lines++;
    this.#sink?.(atMs, text());
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
