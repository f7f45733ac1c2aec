/**
 * Bytes of keys and values, packed into large chunks. A block is named by its address (chunk and place in one number) and
 * starts with its owner and its size, so that a sparse chunk can be walked and emptied by moving what is alive. The arena
 * does not know what its owners are; who moves a block tells its owner the new address.
 */
import { assert, must } from "@quorate/base";

/** Address that no block has. */
export const noAddress = 0xffffffff;

/** Bytes of a block's header: its owner, then its size and flags. */
const blockHeaderBytes = 8;

/** Largest payload of one block. */
const blockPayloadBytesMax = 0x0fffffff;

const unitBytes = 4;
const chunkUnitBits = 19;
const chunkUnits = 1 << chunkUnitBits;
const chunkBytes = chunkUnits * unitBytes;
const chunkCountMax = 2 ** (32 - chunkUnitBits) - 1;
const sizeMask = 0x0fffffff;

/** Of so many chunks one may be kept empty for reuse; what is beyond goes back to the system, when garbage is collected. */
const chunksPerSpare = 16;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Units handed out, dead or alive. */
  usedUnits: number;
  /** Units of blocks that were not freed. */
  liveUnits: number;
}

/** A walk through one chunk that is being emptied. */
interface Evacuation {
  readonly chunk: number;
  unit: number;
}

/** Hands out blocks; see the head of this file. */
export class Arena {
  readonly #chunks: (Chunk | null)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #spares: Chunk[] = [];
  #current = -1;
  #liveUnits = 0;
  #usedUnits = 0;
  #allocatedBytes = 0;
  #evacuation: Evacuation | null = null;

  /** Bytes taken from the system, also those that hold nothing yet. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** Bytes of blocks in use, with their headers. */
  get liveBytes(): number {
    return this.#liveUnits * unitBytes;
  }

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    numbers.push(this.#current + 1, this.#chunks.length);
    for (const chunk of this.#chunks) {
      numbers.push(chunk === null ? 0 : chunk.words.length, chunk?.usedUnits ?? 0, chunk?.liveUnits ?? 0);
    }
    assert(
      this.#evacuation === null || this.#chunks[this.#evacuation.chunk] !== null,
      "arena: emptying nothing",
    );
  }

  /** See `StoreMemory`. What was being emptied is chosen again. */
  load(next: () => number): void {
    assert(this.#chunks.length === 0, "arena: loaded into a used one");
    this.#current = next() - 1;
    const count = next();
    assert(count < chunkCountMax, "arena: loaded more chunks than there are addresses");
    for (let number = 0; number < count; number++) {
      const units = next();
      const usedUnits = next();
      const liveUnits = next();
      if (units === 0) {
        this.#chunks.push(null);
        this.#freeNumbers.push(number);
        continue;
      }
      assert(usedUnits <= units && liveUnits <= usedUnits, "arena: a chunk holds more than it has room for");
      this.#chunks.push({ ...newChunk(units * unitBytes), usedUnits, liveUnits });
      this.#usedUnits += usedUnits;
      this.#liveUnits += liveUnits;
      this.#allocatedBytes += units * unitBytes;
    }
    assert(this.#current < count, "arena: the current chunk is none");
  }

  /** See `StoreMemory`. Of each chunk only what is handed out. */
  memory(): Uint8Array[] {
    return this.#chunks.flatMap((chunk) =>
      chunk === null ? [] : [chunk.bytes.subarray(0, chunk.usedUnits * unitBytes)],
    );
  }

  /**
   * A new block for `owner`, its payload to be filled at {@link payloadStart} of {@link bytesOf}.
   *
   * @param flags Four bits that stay with the block.
   */
  allocate(owner: number, payloadBytes: number, flags: number): number {
    assert(payloadBytes <= blockPayloadBytesMax, "arena: block too large");
    assert(flags >= 0 && flags < 16, "arena: more than four flags");
    const units = blockUnits(payloadBytes);
    const number = this.#chunkFor(units);
    const chunk = this.#chunkAt(number);
    const unit = chunk.usedUnits;
    assert((unit + units) * unitBytes <= chunk.bytes.length, "arena: block beyond its chunk");
    assert(owner >= 0 && owner < 2 ** 32, "arena: owner is not a 32-bit number");
    chunk.words[unit] = owner;
    chunk.words[unit + 1] = payloadBytes | (flags << 28);
    chunk.usedUnits += units;
    chunk.liveUnits += units;
    this.#usedUnits += units;
    this.#liveUnits += units;
    return number * chunkUnits + unit;
  }

  /** Gives a block up. Its bytes stay until its chunk is emptied or reused. */
  free(address: number): void {
    const number = address >>> chunkUnitBits;
    const chunk = this.#chunkAt(number);
    const units = blockUnits(this.payloadBytes(address));
    assert(chunk.liveUnits >= units, "arena: block freed twice");
    chunk.liveUnits -= units;
    this.#liveUnits -= units;
    if (chunk.liveUnits === 0 && number !== this.#current && number !== this.#evacuation?.chunk) {
      this.#release(number, chunk);
    }
  }

  /** The chunk's bytes that hold the block. Of no use after the next sweep. */
  bytesOf(address: number): Uint8Array {
    return this.#chunkAt(address >>> chunkUnitBits).bytes;
  }

  /** The chunk's bytes as words, for reading payload fields at {@link payloadWord}. */
  wordsOf(address: number): Uint32Array {
    return this.#chunkAt(address >>> chunkUnitBits).words;
  }

  /** Where the payload starts within {@link bytesOf}. */
  payloadStart(address: number): number {
    return (address & (chunkUnits - 1)) * unitBytes + blockHeaderBytes;
  }

  /** Where the payload starts within {@link wordsOf}. */
  payloadWord(address: number): number {
    return (address & (chunkUnits - 1)) + 2;
  }

  payloadBytes(address: number): number {
    return this.#sizeAndFlags(address) & sizeMask;
  }

  /** Bytes that a block takes, with its header and padding. */
  blockBytes(address: number): number {
    return blockUnits(this.payloadBytes(address)) * unitBytes;
  }

  flags(address: number): number {
    return this.#sizeAndFlags(address) >>> 28;
  }

  /**
   * Moves live blocks out of sparse chunks, at most about `budgetBlocks` of them looked at, and reports whether more is to
   * be done.
   *
   * @param isAlive Whether the owner still names this address.
   * @param moved Tells the owner its new address.
   */
  evacuate(
    budgetBlocks: number,
    isAlive: (owner: number, address: number) => boolean,
    moved: (owner: number, address: number) => void,
  ): boolean {
    assert(budgetBlocks > 0, "arena: no budget");
    this.#evacuation ??= this.#chooseSparse();
    const evacuation = this.#evacuation;
    if (evacuation === null) {
      return false;
    }
    const chunk = this.#chunkAt(evacuation.chunk);
    for (let left = budgetBlocks; left > 0 && evacuation.unit < chunk.usedUnits; left--) {
      const address = evacuation.chunk * chunkUnits + evacuation.unit;
      const owner = chunk.words[evacuation.unit] as number;
      evacuation.unit += blockUnits(this.payloadBytes(address));
      if (isAlive(owner, address)) {
        moved(owner, this.#move(owner, address));
      }
    }
    if (evacuation.unit >= chunk.usedUnits) {
      assert(chunk.liveUnits === 0, "arena: an emptied chunk has live blocks");
      this.#evacuation = null;
      this.#release(evacuation.chunk, chunk);
    }
    return true;
  }

  #move(owner: number, address: number): number {
    const payload = this.payloadBytes(address);
    const target = this.allocate(owner, payload, this.flags(address));
    const start = this.payloadStart(address);
    this.bytesOf(target).set(
      this.bytesOf(address).subarray(start, start + payload),
      this.payloadStart(target),
    );
    assert(this.payloadBytes(target) === payload, "arena: moved block changed its size");
    this.free(address);
    return target;
  }

  /** The emptiest full chunk, where it is sparse enough to be worth the copying. */
  #chooseSparse(): Evacuation | null {
    // PERF: emptying below 3/4 keeps the waste under a third and copies at most three bytes for each one gained.
    if (this.#liveUnits >= this.#usedUnits - this.#usedUnits / 8) {
      return null;
    }
    let best = -1;
    let bestLive = 0.75;
    for (let number = 0; number < this.#chunks.length; number++) {
      const chunk = this.#chunks[number];
      if (chunk !== null && chunk !== undefined && number !== this.#current) {
        const live = chunk.liveUnits / chunk.usedUnits;
        if (live < bestLive) {
          best = number;
          bestLive = live;
        }
      }
    }
    assert(best !== this.#current || best === -1, "arena: the current chunk is emptied");
    return best === -1 ? null : { chunk: best, unit: 0 };
  }

  #chunkFor(units: number): number {
    if (units > chunkUnits) {
      return this.#addChunk(units * unitBytes);
    }
    const current = this.#current === -1 ? null : this.#chunkAt(this.#current);
    if (current === null || current.usedUnits + units > chunkUnits) {
      const full = this.#current;
      this.#current = this.#addChunk(chunkBytes);
      if (current !== null && current.liveUnits === 0 && full !== this.#evacuation?.chunk) {
        this.#release(full, current);
      }
    }
    return this.#current;
  }

  #addChunk(bytes: number): number {
    const number = this.#freeNumbers.pop() ?? this.#chunks.length;
    assert(number < chunkCountMax, "arena: out of addresses");
    const spare = bytes === chunkBytes ? this.#spares.pop() : undefined;
    this.#chunks[number] = spare ?? newChunk(bytes);
    if (spare === undefined) {
      this.#allocatedBytes += bytes;
    }
    return number;
  }

  #release(number: number, chunk: Chunk): void {
    assert(number !== this.#current, "arena: the current chunk is released");
    assert(chunk.liveUnits === 0, "arena: a chunk with live blocks is released");
    assert(this.#chunks[number] === chunk, "arena: a chunk is released twice");
    this.#usedUnits -= chunk.usedUnits;
    this.#chunks[number] = null;
    this.#freeNumbers.push(number);
    if (chunk.bytes.length === chunkBytes && this.#spares.length * chunksPerSpare <= this.#chunks.length) {
      chunk.usedUnits = 0;
      this.#spares.push(chunk);
    } else {
      this.#allocatedBytes -= chunk.bytes.length;
    }
  }

  #sizeAndFlags(address: number): number {
    return this.wordsOf(address)[(address & (chunkUnits - 1)) + 1] as number;
  }

  #chunkAt(number: number): Chunk {
    return must(this.#chunks[number], "arena: address in no chunk");
  }
}

function newChunk(bytes: number): Chunk {
  assert(bytes % unitBytes === 0 && bytes >= chunkBytes, "arena: chunk size");
  const buffer = new ArrayBuffer(bytes);
  return { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer), usedUnits: 0, liveUnits: 0 };
}

function blockUnits(payloadBytes: number): number {
  assert(payloadBytes >= 0, "arena: negative size");
  return (blockHeaderBytes + payloadBytes + unitBytes - 1) >>> 2;
}
