/** Cutting a run of entries to a number of bytes. */
import { assert } from "@quorate/base";
import type { Entry } from "../types/entry.ts";
import { type LogIndex, nextIndex } from "../types/ids.ts";
import type { Unstable } from "./unstable.ts";

/** Entries of `[low, high)`, cut before the one that would pass `bytesMax`; the first always comes along. */
export function limitBytes(
  unstable: Unstable,
  low: LogIndex,
  high: LogIndex,
  bytesMax: number,
  measure: (entry: Entry) => number,
): Entry[] {
  assert(low < high, "limit: empty range");
  assert(bytesMax >= 0, "limit: negative bytes");
  if (bytesMax === Number.POSITIVE_INFINITY) {
    return unstable.slice(low, high);
  }
  let bytes = measure(unstable.entry(low));
  let end = nextIndex(low);
  while (end < high) {
    bytes += measure(unstable.entry(end));
    if (bytes > bytesMax) {
      break;
    }
    end = nextIndex(end);
  }
  assert(end > low && end <= high, "limit: end within the range");
  return unstable.slice(low, end);
}
