/**
 * Messages from one thread to another over shared memory: a ring of bytes with one writer and one reader, who is woken only when it
 * sleeps. For the experiment of workers.ts; nothing that ships uses it.
 */
import type { MessagePort } from "node:worker_threads";

const headerBytes = 8;
/** In the place of a length: the rest of the ring is unused, go on at its beginning. */
const wrapMark = 0xffffffff;

/** What both sides are given. */
export interface SharedRing {
  /** Written and read so far, and whether the reader sleeps. */
  readonly state: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
}

const written = 0;
const read = 1;
const asleep = 2;

/** A ring for messages that take less than half of `bytes` together. */
export function createRing(bytes: number): SharedRing {
  const ring = { state: new SharedArrayBuffer(12), bytes: new SharedArrayBuffer(bytes) };
  new Int32Array(ring.state)[asleep] = 1;
  return ring;
}

/** The writing side. */
export class RingWriter {
  readonly #state: Int32Array;
  readonly #bytes: Buffer;
  readonly #port: MessagePort;
  #at = 0;

  constructor({ bytes, state }: SharedRing, port: MessagePort) {
    this.#state = new Int32Array(state);
    this.#bytes = Buffer.from(bytes);
    this.#port = port;
  }

  /** @throws RangeError when the reader is a whole ring behind: the experiment bounds what is in flight. */
  push(id: number, message: Uint8Array): void {
    const needed = headerBytes + message.length;
    const size = this.#bytes.length;
    let at = this.#at % size;
    if (at + needed + 4 > size) {
      this.#bytes.writeUInt32LE(wrapMark, at);
      this.#at += size - at;
      at = 0;
    }
    if (this.#at + needed - (Atomics.load(this.#state, read) >>> 0) > size) {
      throw new RangeError("ring: the reader is too far behind");
    }
    this.#bytes.writeUInt32LE(message.length, at);
    this.#bytes.writeUInt32LE(id, at + 4);
    this.#bytes.set(message, at + headerBytes);
    this.#at += needed;
  }

  /** Makes what was pushed visible, and wakes the reader if it sleeps. Once a turn, not for each message. */
  flush(): void {
    Atomics.store(this.#state, written, this.#at | 0);
    if (Atomics.exchange(this.#state, asleep, 0) === 1) {
      this.#port.postMessage(0);
    }
  }
}

/** The reading side. */
export class RingReader {
  readonly #state: Int32Array;
  readonly #bytes: Buffer;
  #at = 0;

  /** `onTurn` is called when everything that was there has been given to `onMessage`. */
  constructor(
    { bytes, state }: SharedRing,
    port: MessagePort,
    onMessage: (id: number, message: Uint8Array) => void,
    onTurn: () => void,
  ) {
    this.#state = new Int32Array(state);
    this.#bytes = Buffer.from(bytes);
    const drain = (): void => {
      if (this.#drain(onMessage)) {
        onTurn();
      }
      // Sleep, unless something came in just now.
      Atomics.store(this.#state, asleep, 1);
      if (
        Atomics.load(this.#state, written) >>> 0 !== this.#at >>> 0 &&
        Atomics.exchange(this.#state, asleep, 0) === 1
      ) {
        setImmediate(drain);
      }
    };
    port.on("message", drain);
  }

  #drain(onMessage: (id: number, message: Uint8Array) => void): boolean {
    const end = Atomics.load(this.#state, written) >>> 0;
    const size = this.#bytes.length;
    const begin = this.#at;
    while (this.#at >>> 0 !== end) {
      const at = this.#at % size;
      const length = this.#bytes.readUInt32LE(at);
      if (length === wrapMark) {
        this.#at += size - at;
        continue;
      }
      onMessage(
        this.#bytes.readUInt32LE(at + 4),
        this.#bytes.subarray(at + headerBytes, at + headerBytes + length),
      );
      this.#at += headerBytes + length;
    }
    Atomics.store(this.#state, read, this.#at | 0);
    return this.#at !== begin;
  }
}
