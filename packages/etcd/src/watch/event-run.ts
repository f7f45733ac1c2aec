/**
 * Events one behind another on their way to watchers.
 *
 * PERF: watchers that get the same events share one run, found by whoever is the first to go on from where all are, and so its
 * bytes: for ten thousand watchers of a key an event is encoded once, and each response copies it.
 */
import { assert, ByteWriter, emptyBytes } from "@quorate/base";
import { eventFieldBytesMax, writeEventField } from "../codec/watch-response.ts";

/** See the head of this file. */
export class EventRun {
  /** Bytes that its events take in a response, at most. */
  readonly bytes: number;
  readonly #before: EventRun | null;
  /** Its last event, encoded. */
  readonly #last: Uint8Array;
  /** The run that somebody went on to. */
  #next: EventRun | null = null;
  #fields: Uint8Array | null = null;

  private constructor(before: EventRun | null, last: Uint8Array, bytes: number) {
    this.bytes = bytes;
    this.#before = before;
    this.#last = last;
  }

  /** A run without events, from which those who share are to go on. */
  static empty(): EventRun {
    return new EventRun(null, emptyBytes, 0);
  }

  /** This run and an event behind it; the same one for all who ask with the same bytes, one behind another. */
  with(event: Uint8Array): EventRun {
    assert(event !== emptyBytes, "event run: an event of no bytes");
    const next = this.#next;
    if (next !== null && next.#last === event) {
      return next;
    }
    this.#next = new EventRun(this, event, this.bytes + eventFieldBytesMax(event.length));
    return this.#next;
  }

  /** Its events as fields of a response. */
  get fields(): Uint8Array {
    if (this.#fields === null) {
      scratch.reset();
      for (const event of this.#events()) {
        writeEventField(scratch, event);
      }
      this.#fields = scratch.finish();
      if (this.#fields.length > scratchBytesKept) {
        scratch = new ByteWriter(4096);
      }
    }
    return this.#fields;
  }

  /** The same events as runs of at most so many bytes each, or of one event. */
  cut(bytesMax: number): readonly EventRun[] {
    const parts: EventRun[] = [];
    let part = EventRun.empty();
    for (const event of this.#events()) {
      if (part.#before !== null && part.bytes + eventFieldBytesMax(event.length) > bytesMax) {
        parts.push(part);
        part = EventRun.empty();
      }
      part = part.with(event);
    }
    parts.push(part);
    return parts;
  }

  #events(): readonly Uint8Array[] {
    assert(this.#before !== null, "event run: without events");
    const events: Uint8Array[] = [];
    for (let run: EventRun = this; run.#before !== null; run = run.#before) {
      events.push(run.#last);
    }
    return events.reverse();
  }
}

let scratch = new ByteWriter(4096);
const scratchBytesKept = 1024 * 1024;
