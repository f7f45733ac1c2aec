/** The streams of a connection: those that live, and for a while how the last ones ended, RFC 9113 §5.1. */
import { assert } from "@quorate/base";
import type { Http2Stream } from "./stream.ts";

/** How a stream came to its end. */
export const ending = {
  /** It never was, or it is forgotten. */
  unknown: 0,
  /** Both sides ended it. */
  complete: 1,
  /** The client reset it. */
  resetByPeer: 2,
  /** This side reset it: what was under way is ignored. */
  resetHere: 3,
  /** Both sides ended it, and the client got data. */
  answered: 4,
} as const;

/** One of {@link ending}. */
export type Ending = (typeof ending)[keyof typeof ending];

const rememberedCount = 256;

/** Places at first; a power of two. */
const placesMin = 64;

/**
 * All streams of one connection, in a hash table with open addressing. Identifiers grow by two, so nearly every stream finds the place of
 * its own. A client that picks them to collide makes a look-up pass over as many places as it has streams, which are limited; so is
 * the table, which never shrinks.
 *
 * PERF: a `Map` that much is put into and taken out of makes its table anew again and again, and each old table points to the next one.
 * Once a dead one is in V8's old generation, all that come after it follow, each with the streams of its time: more than half of
 * what a leader under puts had to collect there (`npm run bench -- h2load`).
 */
export class StreamTable {
  #places: (Http2Stream | null)[] = new Array(placesMin).fill(null);
  #count = 0;
  /** A ring of the identifiers closed last. */
  readonly #closedIds = new Uint32Array(rememberedCount);
  readonly #closedEndings = new Uint8Array(rememberedCount);
  #nextClosed = 0;
  #lastId = 0;

  /** The highest identifier that the client has used. */
  get lastId(): number {
    return this.#lastId;
  }

  get count(): number {
    return this.#count;
  }

  get(id: number): Http2Stream | null {
    return this.#places[this.#placeOf(id)] ?? null;
  }

  /** Those that live now, oldest first. */
  all(): Http2Stream[] {
    return this.#places.filter((stream) => stream !== null).sort((left, right) => left.id - right.id);
  }

  /** §5.1.1: identifiers only grow, those passed over are closed with it. */
  use(id: number): void {
    assert(id > this.#lastId, "stream table: identifiers grow");
    this.#lastId = id;
  }

  add(stream: Http2Stream): void {
    assert(stream.id === this.#lastId, "stream table: opened at the newest identifier");
    this.#count++;
    if (this.#count * 2 > this.#places.length) {
      this.#grow();
    }
    const place = this.#placeOf(stream.id);
    assert(this.#places[place] === null, "stream table: opened twice");
    this.#places[place] = stream;
  }

  /** Forgets a stream; false when it was closed before. */
  close(stream: Http2Stream, how: Ending): boolean {
    const place = this.#placeOf(stream.id);
    if (this.#places[place] === null) {
      return false;
    }
    this.#count--;
    this.#empty(place);
    this.note(stream.id, how);
    return true;
  }

  /** Where the stream is, or the empty place where it would be put. */
  #placeOf(id: number): number {
    const mask = this.#places.length - 1;
    for (let place = (id >>> 1) & mask; ; place = (place + 1) & mask) {
      const stream = this.#places[place] ?? null;
      if (stream === null || stream.id === id) {
        return place;
      }
    }
  }

  /** Empties a place, and moves up those behind it that it kept from a place nearer to their own. */
  #empty(place: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    let gap = place;
    for (let next = (gap + 1) & mask; ; next = (next + 1) & mask) {
      const stream = places[next] ?? null;
      if (stream === null) {
        break;
      }
      const own = (stream.id >>> 1) & mask;
      if (((next - own) & mask) >= ((next - gap) & mask)) {
        places[gap] = stream;
        gap = next;
      }
    }
    places[gap] = null;
  }

  #grow(): void {
    const streams = this.all();
    this.#places = new Array(this.#places.length * 2).fill(null);
    for (const stream of streams) {
      this.#places[this.#placeOf(stream.id)] = stream;
    }
  }

  /** Notes how an identifier ended that never became a stream here, or just stopped being one. */
  note(id: number, how: Ending): void {
    assert(id <= this.#lastId, "stream table: ended before it began");
    this.#closedIds[this.#nextClosed] = id;
    this.#closedEndings[this.#nextClosed] = how;
    this.#nextClosed = (this.#nextClosed + 1) % rememberedCount;
  }

  /** How `id`, which is no living stream, ended. The latest note counts. */
  endingOf(id: number): Ending {
    assert(this.get(id) === null, "stream table: still alive");
    for (let age = 1; age <= rememberedCount; age++) {
      const slot = (this.#nextClosed - age + rememberedCount) % rememberedCount;
      if (this.#closedIds[slot] === id) {
        return this.#closedEndings[slot] as Ending;
      }
    }
    return ending.unknown;
  }
}
