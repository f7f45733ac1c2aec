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

/** All streams of one connection. */
export class StreamTable {
  readonly #streams = new Map<number, Http2Stream>();
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
    return this.#streams.size;
  }

  get(id: number): Http2Stream | null {
    return this.#streams.get(id) ?? null;
  }

  all(): IterableIterator<Http2Stream> {
    return this.#streams.values();
  }

  /** §5.1.1: identifiers only grow, those passed over are closed with it. */
  use(id: number): void {
    assert(id > this.#lastId, "stream table: identifiers grow");
    this.#lastId = id;
  }

  add(stream: Http2Stream): void {
    assert(stream.id === this.#lastId, "stream table: opened at the newest identifier");
    assert(!this.#streams.has(stream.id), "stream table: opened twice");
    this.#streams.set(stream.id, stream);
  }

  /** Forgets a stream; false when it was closed before. */
  close(stream: Http2Stream, how: Ending): boolean {
    if (!this.#streams.delete(stream.id)) {
      return false;
    }
    this.note(stream.id, how);
    return true;
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
    assert(!this.#streams.has(id), "stream table: still alive");
    for (let age = 1; age <= rememberedCount; age++) {
      const slot = (this.#nextClosed - age + rememberedCount) % rememberedCount;
      if (this.#closedIds[slot] === id) {
        return this.#closedEndings[slot] as Ending;
      }
    }
    return ending.unknown;
  }
}
