/**
 * The trace of a member in a file: one JSON object per line, appended. The protocol never waits for it: lines wait in memory up to a
 * bound, those beyond it are dropped, and the next event that is written says how many were.
 */
import { closeSync, openSync, write, writeSync } from "node:fs";
import { assert } from "@quorate/base";
import { encodeTraceEvent, type HostTrace, type TraceEvent } from "@quorate/raft";

/** Totals of a trace since its start. */
export interface TraceCounters {
  /** Events that are in the file, or wait for it. */
  written: number;
  /** Events that found no room, or no file any more. */
  dropped: number;
}

/** How a trace is kept. */
export interface TraceFileOptions {
  /** Made when missing, appended to otherwise. */
  readonly path: string;
  /** Characters that may wait for the disk. Default 16 Mi. */
  readonly waitingLengthMax?: number;
  /** The file can be written no more: from now on everything is dropped. */
  readonly onFailed?: (error: Error) => void;
}

/** Milliseconds since 1970, with a fraction: traces of several members fit together as well as their clocks do. */
function wallTime(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000) / 1000;
}

/** Takes the events of one member. */
export class TraceFile implements HostTrace {
  readonly counters: TraceCounters = { written: 0, dropped: 0 };
  readonly time: () => number = wallTime;
  readonly #file: number;
  readonly #waitingLengthMax: number;
  readonly #onFailed: (error: Error) => void;
  #waiting: string[] = [];
  #waitingLength = 0;
  /** Being written. */
  #chunk: Buffer | null = null;
  #chunkCount = 0;
  /** The newest event that found no room, and how many did not since one was written. */
  #dropped: { readonly event: TraceEvent; readonly count: number } | null = null;
  #ended: (() => void) | null = null;
  #state: "open" | "closing" | "closed" = "open";

  /** @throws the platform's error when the file cannot be opened. */
  constructor(options: TraceFileOptions) {
    this.#waitingLengthMax = options.waitingLengthMax ?? 16 * 1024 * 1024;
    this.#onFailed = options.onFailed ?? (() => {});
    this.#file = openSync(options.path, "a", 0o600);
  }

  /** PERF: the only part that runs within a turn. */
  readonly sink = (event: TraceEvent): void => {
    if (this.#state !== "open" || this.#waitingLength >= this.#waitingLengthMax) {
      this.#drop(event);
      return;
    }
    this.#put(event);
    this.#write();
  };

  #drop(event: TraceEvent): void {
    this.counters.dropped++;
    this.#dropped = { event, count: (this.#dropped?.count ?? 0) + 1 };
  }

  #put(event: TraceEvent): void {
    const dropped = this.#dropped;
    this.#dropped = null;
    const line = `${encodeTraceEvent(dropped === null ? event : { ...event, dropped: dropped.count })}\n`;
    this.counters.written++;
    this.#waiting.push(line);
    this.#waitingLength += line.length;
  }

  /** One write at a time, of everything that waits. */
  #write(): void {
    if (this.#chunk !== null || this.#state === "closed") {
      return;
    }
    if (this.#waiting.length === 0) {
      this.#finish();
      return;
    }
    this.#chunk = Buffer.from(this.#waiting.join(""));
    this.#chunkCount = this.#waiting.length;
    this.#waiting = [];
    this.#writeRest(0);
  }

  #writeRest(offset: number): void {
    const chunk = this.#chunk;
    assert(chunk !== null && offset < chunk.length, "trace: nothing to write");
    write(this.#file, chunk, offset, chunk.length - offset, null, (error, bytes) => {
      if (this.#state === "closed") {
        return;
      }
      if (error !== null) {
        this.#fail(error);
      } else if (offset + bytes < chunk.length) {
        this.#chunk = chunk.subarray(offset + bytes);
        this.#writeRest(0);
      } else {
        this.#chunk = null;
        this.#waitingLength = this.#waiting.reduce((sum, { length }) => sum + length, 0);
        this.#write();
      }
    });
  }

  #fail(error: Error): void {
    const lost = this.#chunkCount + this.#waiting.length;
    this.counters.written -= lost;
    this.counters.dropped += lost;
    this.#release();
    this.#onFailed(error);
  }

  /** The last events that found no room are told of by the newest of them. */
  #finish(): void {
    if (this.#state !== "closing") {
      return;
    }
    const dropped = this.#dropped;
    if (dropped !== null) {
      this.#dropped = dropped.count === 1 ? null : { event: dropped.event, count: dropped.count - 1 };
      this.counters.dropped--;
      this.#put(dropped.event);
      this.#write();
      return;
    }
    this.#release();
  }

  #release(): void {
    this.#state = "closed";
    this.#waiting = [];
    this.#chunk = null;
    closeSync(this.#file);
    this.#ended?.();
    this.#ended = null;
  }

  /** Resolves when everything that waits is written, or cannot be. */
  close(): Promise<void> {
    if (this.#state === "closed") {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const before = this.#ended;
      this.#ended = () => {
        before?.();
        resolve();
      };
      this.#state = "closing";
      this.#write();
    });
  }

  /**
   * Writes what waits before the process ends: the trace of a failure is the one that is read. What was being written may then stand
   * there twice, the first time cut.
   */
  closeNow(): void {
    if (this.#state === "closed") {
      return;
    }
    const rest = Buffer.concat([this.#chunk ?? Buffer.alloc(0), Buffer.from(this.#waiting.join(""))]);
    try {
      for (let at = 0; at < rest.length; ) {
        at += writeSync(this.#file, rest, at);
      }
    } catch (error) {
      this.#onFailed(error instanceof Error ? error : new Error(String(error)));
    }
    this.#release();
  }
}
