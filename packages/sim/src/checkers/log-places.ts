/**
 * Where each state of a member's log ended on its disk. Whoever knows which bytes were damaged knows by this what recovery must still
 * find: everything that lies whole before the first of them (ADR 15). What damage may take beyond that is named here and nowhere else.
 */
import { assert } from "@quorate/base";
import type { Chain, ShadowLog } from "./shadow-log.ts";

/** The end of a batch, or where damage begins: an offset in a segment of the log. */
export interface LogPlace {
  readonly sequence: number;
  readonly offset: number;
}

/** What was done to a disk since it was last opened whole. */
export interface DiskDamage {
  /** The first damaged byte of the log; null where the log is as it was written. */
  readonly first: LogPlace | null;
  /** Whether some snapshot is damaged: from it no log leads on. */
  readonly hasSnapshot: boolean;
  /** Whether the newest segment may not have told how far the log reached. */
  readonly hidesEnd: boolean;
}

/** Nothing was done. */
export const noDamage: DiskDamage = { first: null, hasSnapshot: false, hidesEnd: false };

/** A log by its end; the chain speaks for all of it. */
interface LogEnd {
  readonly last: number;
  readonly lastTerm: number;
  readonly chain: Chain | null;
}

interface Milestone extends LogEnd {
  readonly place: LogPlace;
  /** What lay below was known to be gone when this was written. */
  readonly cutBelow: number;
}

/** One per member. */
export class LogPlaces {
  #milestones: Milestone[] = [];
  /** Up to here a compaction or a snapshot was asked to take the place of the log, and up to here it surely has. */
  #cutAsked = 0;
  #cutDone = 0;

  /** The log, now durable, ends at `place`. */
  ended(place: LogPlace, log: ShadowLog): void {
    const before = this.#milestones.at(-1);
    assert(before === undefined || !isBefore(place, before.place), "places: the log goes back on its disk");
    if (before !== undefined && !isBefore(before.place, place)) {
      this.#milestones.pop();
    }
    this.#milestones.push({ place, cutBelow: this.#cutDone, ...endOf(log) });
    if (this.#milestones.length > milestonesKept) {
      this.#milestones.splice(0, milestonesKept / 2);
    }
  }

  /** Segments below `index` may go from now on; with `isDone` what says so is durable. */
  cut(index: number, isDone: boolean): void {
    this.#cutAsked = Math.max(this.#cutAsked, index);
    this.#cutDone = isDone ? Math.max(this.#cutDone, index) : this.#cutDone;
  }

  /** Recovery found this log; what was written behind its end, or behind damage, is overwritten from here on. */
  found(log: ShadowLog, { first }: DiskDamage): void {
    const at = this.#milestones.findLastIndex((milestone) => isSame(milestone, log));
    const sound = first === null ? at : Math.min(at, this.#soundBefore(first));
    // A log of a snapshot alone may have been begun anew, in other segments.
    this.#milestones.length = log.last === log.base ? 0 : sound + 1;
    this.#cutDone = log.base;
    this.#cutAsked = Math.max(this.#cutAsked, log.base);
  }

  /** Why damage does not explain that recovery found this log; null where it does. `isBeginning`: of what was durable. */
  reproach(log: ShadowLog, damage: DiskDamage, isBeginning: boolean): string | null {
    const { first, hasSnapshot } = damage;
    if (first === null && !hasSnapshot) {
      return "nothing was damaged";
    }
    const isBare = log.last === log.base;
    if (hasSnapshot && (isBare || isBeginning)) {
      return null;
    }
    const at = first === null ? this.#milestones.length - 1 : this.#soundBefore(first);
    const sound = this.#milestones[at] ?? null;
    if (isBare) {
      return this.#reproachBare(log, sound);
    }
    // The latest that is whole, or a later one: what was damaged may have been needed no more.
    const found = this.#milestones.findLastIndex((milestone) => isSame(milestone, log));
    if (sound === null) {
      return isBeginning ? null : "it is no beginning of what was written";
    }
    return found >= at
      ? null
      : `all up to entry ${sound.last} of term ${sound.lastTerm} lies before the damage`;
  }

  /** Nothing but a snapshot, or nothing: it reaches what is whole, or the older segments have gone and the damage took what told so. */
  #reproachBare(log: ShadowLog, sound: Milestone | null): string | null {
    const isAhead = sound === null || !isLess(log, sound);
    const isCutOff = sound === null || sound.cutBelow < this.#cutAsked;
    if (!isAhead && !isCutOff) {
      return `all up to entry ${sound?.last} of term ${sound?.lastTerm} lies before the damage`;
    }
    return log.last >= this.#cutDone ? null : `a snapshot stands for all up to ${this.#cutDone}`;
  }

  /** The latest state that ends before `place`; -1 where none is known. */
  #soundBefore(place: LogPlace): number {
    return this.#milestones.findLastIndex((milestone) => !isBefore(place, milestone.place));
  }
}

/** States of one log that are remembered; a segment that anybody may damage holds fewer. */
const milestonesKept = 4096;

/** Whether `left` is nearer to the beginning of the log than `right`. */
export function isBefore(left: LogPlace, right: LogPlace): boolean {
  return left.sequence < right.sequence || (left.sequence === right.sequence && left.offset < right.offset);
}

function endOf(log: ShadowLog): LogEnd {
  return { last: log.last, lastTerm: log.lastTerm, chain: log.chain(log.last) };
}

function isSame(left: LogEnd, log: ShadowLog): boolean {
  const { chain, last, lastTerm } = endOf(log);
  return left.last === last && left.lastTerm === lastTerm && left.chain === chain;
}

/** Logs as elections compare them. RAFT §3.6.1. */
function isLess(left: ShadowLog, right: LogEnd): boolean {
  return left.lastTerm < right.lastTerm || (left.lastTerm === right.lastTerm && left.last < right.last);
}
