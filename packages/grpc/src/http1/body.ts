/** Reads a bounded request body. */
import type { Readable } from "node:stream";
import { BytesAccount, type SharedBytes } from "../shared-bytes.ts";

/** Calls back once: the whole body, or null when it is longer than `bytesMax`, broke off, or there was no room for it. */
export function collectBody(
  source: Readable,
  bytesMax: number,
  unfinished: SharedBytes,
  done: (body: Uint8Array | null) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let over = false;
  const account = new BytesAccount(unfinished, () => source.destroy());
  const finish = (body: Uint8Array | null): void => {
    if (!over) {
      over = true;
      chunks.length = 0;
      account.clear();
      done(body);
    }
  };
  source.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (over) {
      return;
    }
    chunks.push(chunk);
    if (bytes > bytesMax || !account.add(chunk.length)) {
      finish(null);
    }
  });
  source.on("end", () => finish(over ? null : Buffer.concat(chunks)));
  source.on("close", () => finish(null));
}
