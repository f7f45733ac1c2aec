/** What a member may meet while it writes the image that it leaves at a stop. */
import type { Prng } from "@quorate/base";
import type { FaultyDisk, Moment } from "./faulty-disk.ts";

/** The power goes out at a disk call, counted from the beginning of the image; or so many bytes more fit on the disk. */
export type StopTrouble =
  | { readonly kind: "power"; readonly calls: number; readonly moment: Moment }
  | { readonly kind: "full"; readonly roomBytes: number };

/** A store as it lies in memory has a megabyte or a little more here, written by some fifteen calls until the log behind it is gone. */
const callsMax = 20;
const roomBytesMax = 1_200_000;

/** One or the other, at any point of the image. */
export function drawStopTrouble(random: Prng): StopTrouble {
  return random.chance(0.5)
    ? {
        kind: "power",
        calls: random.integer(1, callsMax + 1),
        moment: random.chance(0.5) ? "before" : "after",
      }
    : { kind: "full", roomBytes: random.integer(0, roomBytesMax) };
}

/** The image begins: what is to come in its way does so from here on. */
export function meetStopTrouble(trouble: StopTrouble, disk: FaultyDisk): void {
  if (trouble.kind === "power") {
    disk.crashAt(trouble.calls, trouble.moment);
  } else {
    disk.setRoom(trouble.roomBytes);
  }
}
