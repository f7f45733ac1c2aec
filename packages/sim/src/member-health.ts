/** What is wrong with a member's disk by our hand, and so what its process may rightly stop over. */
import { StorageError } from "@quorate/raft";
import { type DiskDamage, isBefore, type LogPlace } from "./checkers/log-places.ts";
import type { Scar } from "./disk-damage.ts";
import { segmentOf } from "./disk-writes.ts";
import type { FaultyDisk } from "./faulty-disk.ts";

/** What a process that stopped over its disk is to do. */
type Remedy = "start-again" | "replace";

/** Where something was done to a file, or to what a read of it gave. */
interface Wound {
  readonly path: string;
  readonly offset: number;
}

/** The header of a segment says what came before it. */
const segmentHeaderBytes = 512;

/** One per member. */
export class MemberHealth {
  readonly #disk: FaultyDisk;
  #scars: Scar[] = [];
  #hasFloor = false;
  #isBroken = false;
  #isSetBack = false;
  /** Reads that gave flipped bits when the disk was last opened. */
  #flipsSeen = 0;
  /** What was done since everything on the disk was last read, whether it shows or not. */
  #wounds: readonly Wound[] = [];
  #isOpening = false;
  /** A process ended while it opened the disk, and may have set aside a part of what was damaged. */
  #isInterrupted = false;
  #newestSegment = 0;

  constructor(disk: FaultyDisk) {
    this.#disk = disk;
  }

  /** It is to be replaced: its disk is wiped, set back, or refused. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether the others must do without it, or with less of it. */
  get isImpaired(): boolean {
    // Who opens a damaged disk sets parts of it aside: what was done shows nowhere then, until the floor is known.
    const isBeingFound = this.#isOpening && (this.#wounds.length > 0 || this.#disk.hasFlipped);
    const mayBeFound = isBeingFound || this.#disk.willFlip || this.#standing.length > 0;
    return this.#isBroken || this.#hasFloor || mayBeFound;
  }

  /** Whether the log ends below what it may have acknowledged. */
  get hasFloor(): boolean {
    return this.#hasFloor;
  }

  /** Whether one of the two slots is damaged. */
  get hasBadSlot(): boolean {
    return this.#standing.some(({ path }) => isSlot(path));
  }

  get #standing(): readonly Scar[] {
    this.#scars = this.#scars.filter((scar) => this.#disk.bears(scar));
    return this.#scars;
  }

  wounded(scars: readonly Scar[]): void {
    this.#scars.push(...scars);
    this.#wounds = [...this.#wounds, ...scars];
  }

  /** A process begins to open the disk. */
  opens(): void {
    this.#isInterrupted = this.#isOpening;
    if (!this.#isOpening) {
      const paths = this.#disk.paths();
      this.#wounds = this.#wounds.filter(({ path }) => paths.includes(path));
      this.#newestSegment = Math.max(0, ...paths.map((path) => segmentOf(path) ?? 0));
      this.#disk.takeFlips(); // Of reads of a process that ran.
    }
    this.#isOpening = true;
  }

  /** What may rightly be missing on a disk that was just opened; call it before {@link opened}. */
  damage(): DiskDamage {
    this.#wounds = [...this.#wounds, ...this.#disk.takeFlips()];
    let first: LogPlace | null = null;
    let hidesEnd = this.#isInterrupted && this.#wounds.length > 0;
    for (const { offset, path } of this.#wounds) {
      const sequence = segmentOf(path);
      const place = sequence === null ? null : { sequence, offset };
      if (place !== null && (first === null || isBefore(place, first))) {
        first = place;
      }
      hidesEnd ||= sequence === this.#newestSegment && offset < segmentHeaderBytes;
    }
    return { first, hidesEnd, hasSnapshot: this.#wounds.some(({ path }) => path.startsWith("snap/")) };
  }

  /** It is beyond repair. */
  broke(how: "lost" | "set-back"): void {
    this.#isBroken = true;
    this.#isSetBack = how === "set-back";
  }

  /** Everything on the disk was read and found sound, or set aside above a floor. */
  opened(hasFloor: boolean): void {
    this.#scars = [];
    this.#wounds = [];
    this.#isOpening = false;
    this.#hasFloor = hasFloor;
    this.#flipsSeen = this.#disk.flipCount;
  }

  /** The log reached the floor. */
  repaired(): void {
    this.#hasFloor = false;
  }

  /** What is to be done when a start fails with `error`; null where nothing that we did explains it. */
  afterRefusedStart(error: unknown): Remedy | null {
    if (!isCorrupt(error)) {
      return null;
    }
    if (this.#disk.flipCount > this.#flipsSeen) {
      // Once for each: what fails again although every read was right lies on the disk.
      this.#flipsSeen = this.#disk.flipCount;
      return "start-again";
    }
    // One bad slot may meet a write that a crash tore: then the vote is unknown, and the member rightly stays away.
    return isSlot(error.info.file) && this.#standing.some(({ path }) => isSlot(path)) ? "replace" : null;
  }

  /** What is to be done when a running process ends with `error`; null where nothing that we did explains it. */
  afterEnd(error: unknown): Remedy | null {
    if (!isCorrupt(error)) {
      return null;
    }
    if (this.#isSetBack && error.message.includes("set back to an older copy")) {
      return "replace";
    }
    const isExplained = this.#scars.length > 0 || this.#disk.flipCount > this.#flipsSeen;
    return isExplained ? "start-again" : null;
  }
}

function isSlot(path: string): boolean {
  return path.startsWith("hard-state-");
}

function isCorrupt(
  error: unknown,
): error is StorageError & { readonly info: { readonly code: "STORAGE_CORRUPT" } } {
  return error instanceof StorageError && error.info.code === "STORAGE_CORRUPT";
}
