/** The public list of `@quorate/base`. */
export { assert, InvariantViolation, maybe, must, unreachable } from "./assert.ts";
export type { Brand } from "./brand.ts";
export { ByteReader, DecodeError } from "./byte-reader.ts";
export { ByteSlab } from "./byte-slab.ts";
export { ByteWriter } from "./byte-writer.ts";
export { compareBytes, concatBytes, emptyBytes, equalBytes, toHex, utf8Decode, utf8Encode } from "./bytes.ts";
export { crc32c, crc32cJoin } from "./crc32c.ts";
export { errorCode } from "./error-code.ts";
export { Heap } from "./heap.ts";
export { Prng } from "./prng.ts";
export { RingBuffer } from "./ring-buffer.ts";
export { type Operation, runTask, type Task, wait } from "./task.ts";
