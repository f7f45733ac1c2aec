/**
 * Reads what puts will have to read, of many puts at once, before they are applied: then it lies in the processor's cache.
 *
 * PERF: a put of a key among many waits for memory five or six times in a row, each time for where to read next: bucket, slot, key,
 * row, block. Step by step for all puts, the waits of one step overlap. The store alone, keys at random: 0.47 of the time among 100,000
 * keys, 0.6 among a million (bench/kv.ts); etcd's `benchmark` with 100 clients: 1.13 times the rate, CPU of a follower 0.85.
 */
import { assert } from "@quorate/base";
import { placeOfPutKey } from "../request/command-codec.ts";
import type { MvccStore } from "./store.ts";

/** Commands beyond so many are not looked at: what is read for them would push out what was read for the first. */
const commandCountMax = 128;

/** Looks ahead for one store; see the head of this file. */
export class LookAhead {
  readonly #store: MvccStore;
  // Of each put, step by step; one whose key is not found leaves the lists.
  /** The hash of its key. */
  readonly #hashes: Uint32Array = new Uint32Array(commandCountMax);
  /** The link to its key's slot, then the key's newest record, then where that stands. */
  readonly #places: Uint32Array = new Uint32Array(commandCountMax);
  /** Where its key stands. */
  readonly #keyAddresses: Uint32Array = new Uint32Array(commandCountMax);
  /** What was read, put together: the compiler would leave out what comes to nothing. */
  #read = 0;

  constructor(store: MvccStore) {
    this.#store = store;
  }

  /**
   * Reads for `commands`, which are as they stand in the log, and of which only puts are looked at. Changes nothing; between two
   * commands only, when the tables fit each other. Returns how many old versions of keys it came to.
   */
  see(commands: readonly Uint8Array[]): number {
    const hashCount = this.#hash(commands);
    const bucketCount = this.#findBuckets(hashCount);
    const recordCount = this.#findRecords(bucketCount);
    assert(recordCount <= bucketCount && bucketCount <= hashCount, "look-ahead: more found than asked for");
    this.#readRecords(recordCount);
    return recordCount;
  }

  #hash(commands: readonly Uint8Array[]): number {
    const { keys } = this.#store;
    const end = Math.min(commands.length, commandCountMax);
    let count = 0;
    for (let i = 0; i < end; i++) {
      const command = commands[i] as Uint8Array;
      const place = placeOfPutKey(command);
      if (place !== 0) {
        this.#hashes[count++] = keys.hash(command, place, place + (command[place - 1] as number));
      }
    }
    return count;
  }

  #findBuckets(hashCount: number): number {
    const { keys } = this.#store;
    let count = 0;
    for (let i = 0; i < hashCount; i++) {
      const hash = this.#hashes[i] as number;
      const link = keys.firstLink(hash);
      if (link !== 0) {
        this.#hashes[count] = hash;
        this.#places[count++] = link;
      }
    }
    return count;
  }

  #findRecords(bucketCount: number): number {
    const { keys } = this.#store;
    for (let i = 0; i < bucketCount; i++) {
      this.#places[i] = keys.likelyLink(this.#places[i] as number, this.#hashes[i] as number);
    }
    let count = 0;
    for (let i = 0; i < bucketCount; i++) {
      const link = this.#places[i] as number;
      if (link !== 0) {
        this.#keyAddresses[count] = keys.address(link - 1);
        this.#places[count++] = keys.head(link - 1);
      }
    }
    return count;
  }

  #readRecords(recordCount: number): void {
    const { arena, records } = this.#store;
    let read = this.#read;
    for (let i = 0; i < recordCount; i++) {
      read ^= arena.flags(this.#keyAddresses[i] as number);
      this.#places[i] = records.address(this.#places[i] as number);
    }
    for (let i = 0; i < recordCount; i++) {
      read ^= arena.flags(this.#places[i] as number);
    }
    this.#read = read;
  }
}
