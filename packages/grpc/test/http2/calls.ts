/** Calls of one method as frames, and a session that has been greeted. */
import type { Method } from "@quorate/grpc";
import { flag, frameType } from "../../src/http2/protocol.ts";
import { callFields, frame, greeting, Harness, literals, settingsAck } from "./harness.ts";

/** The method that most tests call. */
export const path = "/test.Echo/Say";
/** Answers with what it was sent. */
export const echo: Method = { kind: "unary", handle: (request, call) => call.respond(request) };
/** Answers nothing. */
export const never: Method = { kind: "unary", handle: () => {} };
/** Flags of HEADERS with a body behind them. */
export const whole = flag.endHeaders;
/** Flags of HEADERS without a body. */
export const last = flag.endHeaders | flag.endStream;
/** A header block of {@link path}. */
export const block = literals(callFields(path));

/** A gRPC message of so many bytes. */
export function message(length: number): Buffer {
  const framed = Buffer.alloc(5 + length, 7);
  framed[0] = 0;
  framed.writeUInt32BE(length, 1);
  return framed;
}

/** A session behind its greeting. */
export function begun(methods: Readonly<Record<string, Method>> = { [path]: echo }, limits = {}): Harness {
  const harness = new Harness(methods, limits);
  harness.send(greeting, settingsAck);
  harness.frames();
  return harness;
}

/** A whole call. */
export function call(id: number, body: Uint8Array = message(3)): Buffer {
  return Buffer.concat([
    frame(frameType.headers, whole, id, block),
    frame(frameType.data, flag.endStream, id, body),
  ]);
}
