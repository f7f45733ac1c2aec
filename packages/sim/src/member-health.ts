/** What is wrong with a member's disk by our hand, and so what its process may rightly stop over. */
import { StorageError } from "@quorate/raft";
import type { Scar } from "./disk-damage.ts";
import type { FaultyDisk } from "./faulty-disk.ts";

/** What a process that stopped over its disk is to do. */
type Remedy = "start-again" | "replace";

/** One per member. */
export class MemberHealth {
  readonly #disk: FaultyDisk;
  #scars: Scar[] = [];
  #hasFloor = false;
  #isBroken = false;
  #isSetBack = false;
  /** Reads that gave flipped bits when the disk was last opened. */
  #flipsSeen = 0;

  constructor(disk: FaultyDisk) {
    this.#disk = disk;
  }

  /** It is to be replaced: its disk is wiped, set back, or refused. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether the others must do without it, or with less of it. */
  get isImpaired(): boolean {
    return this.#isBroken || this.#hasFloor || this.#disk.willFlip || this.#standing.length > 0;
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
  }

  /** It is beyond repair. */
  broke(how: "lost" | "set-back"): void {
    this.#isBroken = true;
    this.#isSetBack = how === "set-back";
  }

  /** Everything on the disk was read and found sound, or set aside above a floor. */
  opened(hasFloor: boolean): void {
    this.#scars = [];
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
