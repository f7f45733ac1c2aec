/** What to do with a request that was answered before it had come whole. */
import type { ServerHttp2Stream } from "node:http2";
import type { Deadlines } from "../deadlines.ts";
import { errorCode } from "../http2/protocol.ts";

/** How long the rest of a request is read before its stream is reset. */
const dropMs = 1000;

/**
 * Reads on and throws away, so that the client can send on without waiting for a window; resets the stream when it does not
 * end. A reset at once would overtake the answer in clients that look at resets first.
 */
export function dropRest(stream: ServerHttp2Stream, deadlines: Deadlines): void {
  if (stream.closed || stream.destroyed || stream.readableEnded) {
    return;
  }
  const reset = {
    expire: () => {
      if (!stream.closed && !stream.destroyed) {
        stream.close(errorCode.noError);
      }
    },
  };
  const bucket = deadlines.add(reset, dropMs);
  stream.on("close", () => deadlines.remove(reset, bucket));
  stream.resume();
}
