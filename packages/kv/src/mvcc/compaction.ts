/**
 * The physical half of compaction: frees what no revision at or above the horizon shows, in slices, and lets the arena empty
 * its sparse chunks. No slice changes what any read answers, so members may sweep whenever they like.
 *
 * The log is walked from its start up to the horizon. A record at or below it hides the version before, which is freed. A
 * record below it leaves the log; one that is its key's newest and a tombstone takes the key along.
 */
import { assert } from "@quorate/base";
import { slotOwnerBit } from "../memory/key-table.ts";
import type { Revision } from "../revision.ts";
import { noRecord } from "./record-table.ts";
import type { MvccStore } from "./store.ts";

/** Sweeps one store; see the head of this file. */
export class Sweeper {
  readonly #store: MvccStore;
  /** Position up to which the versions before are freed. */
  #position = 0;
  readonly #isAlive: (owner: number, address: number) => boolean;
  readonly #moved: (owner: number, address: number) => void;

  constructor(store: MvccStore) {
    this.#store = store;
    const { records, keys } = store;
    this.#isAlive = (owner, address) =>
      owner >= slotOwnerBit
        ? keys.address(owner - slotOwnerBit) === address
        : records.address(owner) === address;
    this.#moved = (owner, address) =>
      owner >= slotOwnerBit
        ? keys.setAddress(owner - slotOwnerBit, address)
        : records.setAddress(owner, address);
  }

  /**
   * Looks at about `budgetRecords` records and reports whether more is to be done.
   *
   * @param horizon The compact revision, or the lowest one that a reader still needs.
   */
  sweep(budgetRecords: number, horizon: Revision): boolean {
    assert(budgetRecords > 0, "sweep: no budget");
    assert(horizon <= this.#store.compactRevision, "sweep: horizon above the compact revision");
    const left = this.#sweepLog(budgetRecords, horizon);
    if (left === 0) {
      return true;
    }
    return this.#store.arena.evacuate(left, this.#isAlive, this.#moved);
  }

  #sweepLog(budgetRecords: number, horizon: Revision): number {
    const { log, records } = this.#store;
    let left = budgetRecords;
    while (left > 0 && log.start < log.end && records.modRevision(log.at(log.start)) < horizon) {
      this.#leaveLog(horizon);
      left--;
    }
    this.#position = Math.max(this.#position, log.start);
    while (left > 0 && this.#position < log.end && records.modRevision(log.at(this.#position)) <= horizon) {
      this.#freePrevious(log.at(this.#position), horizon);
      this.#position++;
      left--;
    }
    assert(left >= 0, "sweep: over budget");
    return left;
  }

  #leaveLog(horizon: Revision): void {
    const { log, records, keys } = this.#store;
    const record = log.at(log.start);
    assert(records.modRevision(record) < horizon, "sweep: a record of the horizon leaves the log");
    this.#freePrevious(record, horizon);
    log.shift();
    const slot = records.slot(record);
    if (records.isTombstone(record) && keys.head(slot) === record) {
      this.#store.forgetKey(slot);
    }
  }

  #freePrevious(record: number, horizon: Revision): void {
    const { records } = this.#store;
    const previous = records.previous(record);
    // A version of the horizon itself is still in the log, for watches that start there.
    if (previous === noRecord || records.modRevision(previous) >= horizon) {
      return;
    }
    assert(records.previous(previous) === noRecord, "sweep: freed out of order");
    assert(records.slot(previous) === records.slot(record), "sweep: another key's version");
    records.cutPrevious(record);
    records.free(previous);
  }
}
