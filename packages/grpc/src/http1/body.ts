/** Reads a bounded request body. */
import type { Readable } from "node:stream";

/** Calls back once: the whole body, or null when it is longer than `bytesMax` or broke off. */
export function collectBody(
  source: Readable,
  bytesMax: number,
  done: (body: Uint8Array | null) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let over = false;
  const finish = (body: Uint8Array | null): void => {
    if (!over) {
      over = true;
      chunks.length = 0;
      done(body);
    }
  };
  source.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      finish(null);
    } else if (!over) {
      chunks.push(chunk);
    }
  });
  source.on("end", () => finish(over ? null : Buffer.concat(chunks)));
  source.on("close", () => finish(null));
}
