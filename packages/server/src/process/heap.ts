/** How V8 is to keep the server's memory, as far as it can be told so while it runs; the rest are flags of bin/quorate. */
import process from "node:process";
import { setFlagsFromString } from "node:v8";

/** V8 knows the flag from this version on; Node.js 24 has it. */
const v8VersionMin = 13;

/**
 * PERF: bytes beside the heap (the store's arenas, what sockets read) have a limit of their own, 64 MB more than there are, and each time
 * they meet it the whole heap is marked: under load every two seconds, where nothing was to be freed. Counted in with the heap they make
 * that rarer; docs/performance.md has what it brings. It may be asked for at any time.
 */
export function countBuffersWithHeap(): void {
  if (Number.parseInt(process.versions.v8, 10) >= v8VersionMin) {
    setFlagsFromString("--external-memory-accounted-in-global-limit");
  }
}
