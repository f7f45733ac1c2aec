/** A gRPC message as it travels: uncompressed flag, length, bytes. */
import { assert } from "@quorate/base";
import { prefixBytes } from "./message-reader.ts";

/** `message` copied behind its prefix. PERF: one buffer, so that prefix and message leave in one DATA frame. */
export function frameMessage(message: Uint8Array): Buffer {
  assert(message.length < 2 ** 32, "grpc frame: longer than its length can say");
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}
