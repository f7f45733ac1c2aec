/**
 * Where an exploration stands, as bytes, so that another process goes on with it. Worlds are kept as they lie in memory; states of
 * members, messages and ghosts are not: their numbers follow from the order in which the core was asked, so that this order is kept,
 * and the core is asked again. What is saved belongs to the code and the machine that saved it.
 */
import { assert } from "@quorate/base";

/** Takes the bytes of a checkpoint, in order. They are the explorer's again when `write` returns. */
export interface CheckpointSink {
  write(bytes: Uint8Array): void;
}

/** Gives them back. */
export interface CheckpointSource {
  /** Fills all of `into` with the next bytes. */
  read(into: Uint8Array): void;
}

/** Writes whole numbers that a double holds. */
export function saveNumbers(sink: CheckpointSink, numbers: readonly number[]): void {
  const array = Float64Array.from(numbers);
  assert(array.every(Number.isSafeInteger), "checkpoint: not a whole number");
  sink.write(bytesOf(array));
}

/** Reads `count` of them. */
export function loadNumbers(source: CheckpointSource, count: number): Float64Array {
  const array = new Float64Array(count);
  source.read(bytesOf(array));
  assert(array.every(Number.isSafeInteger), "checkpoint: not one, or cut off");
  return array;
}

/** One of them. */
export function loadNumber(source: CheckpointSource): number {
  return loadNumbers(source, 1)[0] as number;
}

/** The bytes of an array, to be written or to be filled. */
export function bytesOf(array: Float64Array | Int32Array | Uint32Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
