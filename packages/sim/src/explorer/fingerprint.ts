/**
 * 64 bits that stand for a world and for all worlds that differ from it only in the names of members: the least of the sums of its
 * parts' hashes, over the exchanges of names that put the members into the order of their signatures.
 */
import { must } from "@quorate/base";
import type { Ghosts } from "./ghost.ts";
import type { LocalStates } from "./local-states.ts";
import { mixed } from "./mix.ts";
import type { Exchange } from "./names.ts";
import type { WorldLayout } from "./world-layout.ts";
import type { WorldView } from "./world-view.ts";

/** Makes the hash of a message differ by its place in the line; odd, so that nothing of it is lost. */
const placeFactor = 0x9e3779b1;

/** The fingerprint of the last world that {@link take} was given. */
export class Fingerprint {
  low = 0;
  high = 0;
  readonly #view: WorldView;
  readonly #layout: WorldLayout;
  readonly #locals: LocalStates;
  readonly #ghosts: Ghosts;
  readonly #exchanges: readonly Exchange[];
  /** Links as first place and end. PERF: one flat list. */
  readonly #linkPlaces: readonly number[];
  /** By how the signatures of each pair of members compare: the exchanges that order them. PERF: most often one of six does. */
  readonly #ordering: readonly (readonly number[])[];
  readonly #multipliers: readonly number[];
  /** Whether each member's state stands for all that no crash tells apart any more. */
  #isLasting = false;
  #sumLow = 0;
  #sumHigh = 0;

  constructor(view: WorldView, ghosts: Ghosts, exchanges: readonly Exchange[]) {
    const { layout } = view;
    this.#view = view;
    this.#layout = layout;
    this.#locals = view.locals;
    this.#ghosts = ghosts;
    this.#exchanges = exchanges;
    this.#linkPlaces = Array.from(
      { length: layout.linksEnd / layout.linkCapacity },
      (_, i) => i * layout.linkCapacity,
    );
    const multipliers = [1];
    while (multipliers.length < layout.linkCapacity) {
      multipliers.push(Math.imul(must(multipliers.at(-1), "explorer: no factor"), placeFactor));
    }
    this.#multipliers = multipliers;
    this.#ordering = this.#orderings();
  }

  /** Leaves the fingerprint in `low` and `high`. */
  take(row: Int32Array): void {
    this.#isLasting = this.#view.reduced && !this.#view.mayCrash(row);
    let bestLow = 0xffffffff;
    let bestHigh = 0xffffffff;
    const ordering = this.#ordering[this.#comparison(row)] as readonly number[];
    for (let i = 0; i < ordering.length; i++) {
      this.#sumUnder(row, ordering[i] as number);
      const high = this.#sumHigh >>> 0;
      const low = this.#sumLow >>> 0;
      if (high < bestHigh || (high === bestHigh && low < bestLow)) {
        bestLow = low;
        bestHigh = high;
      }
    }
    this.low = bestLow;
    this.high = bestHigh;
  }

  #signature(state: number): number {
    return this.#isLasting ? this.#locals.lastingSignature(state) : this.#locals.signature(state);
  }

  /** For each pair of members 0, 1 or 2: the first comes before, after, or neither; as one number in base three. */
  #comparison(row: Int32Array): number {
    const { nodeCount, linksEnd } = this.#layout;
    let code = 0;
    for (let a = 0; a < nodeCount; a++) {
      const first = this.#signature(row[linksEnd + a] as number);
      for (let b = a + 1; b < nodeCount; b++) {
        const second = this.#signature(row[linksEnd + b] as number);
        code = code * 3 + (first < second ? 0 : first > second ? 1 : 2);
      }
    }
    return code;
  }

  #orderings(): number[][] {
    const { nodeCount } = this.#layout;
    const pairCount = (nodeCount * (nodeCount - 1)) / 2;
    return Array.from({ length: 3 ** pairCount }, (_, code) =>
      [...this.#exchanges.keys()].filter((exchange) =>
        this.#orders(code, must(this.#exchanges[exchange], "explorer: no such exchange")),
      ),
    );
  }

  #orders(code: number, exchange: Exchange): boolean {
    let rest = code;
    for (let a = this.#layout.nodeCount - 1; a >= 0; a--) {
      for (let b = this.#layout.nodeCount - 1; b > a; b--) {
        const order = rest % 3;
        rest = Math.floor(rest / 3);
        const isBefore = must(exchange[a], "explorer: no place") < must(exchange[b], "explorer: no place");
        if ((order === 0 && !isBefore) || (order === 1 && isBefore)) {
          return false;
        }
      }
    }
    return true;
  }

  /** The parts' texts say whose state and whose message it is, so that sums need no places but those in a line. */
  #sumUnder(row: Int32Array, exchange: number): void {
    const { nodeCount, linkCapacity, linksEnd, usedAt, ghostAt } = this.#layout;
    const { messages } = this.#locals;
    const stateHashes = this.#isLasting ? this.#locals.lastingHashes : this.#locals.hashes;
    const messageHashes = messages.hashes;
    const used = row[usedAt] as number;
    const ghost = row[ghostAt] as number;
    let low = (mixed(used + 1) + this.#ghosts.hashes.low(ghost, exchange)) | 0;
    let high = (mixed(~used) + this.#ghosts.hashes.high(ghost, exchange)) | 0;
    for (let node = 0; node < nodeCount; node++) {
      const part = row[linksEnd + node] as number;
      const state = this.#isLasting ? this.#locals.lastingPlace(part) : part;
      low = (low + stateHashes.low(state, exchange)) | 0;
      high = (high + stateHashes.high(state, exchange)) | 0;
    }
    const links = this.#linkPlaces;
    for (let link = 0; link < links.length; link++) {
      const start = links[link] as number;
      for (let i = 0; i < linkCapacity; i++) {
        const message = row[start + i] as number;
        if (message === 0) {
          break;
        }
        const factor = this.#multipliers[i] as number;
        low = (low + Math.imul(messageHashes.low(message, exchange), factor)) | 0;
        high = (high + Math.imul(messageHashes.high(message, exchange), factor)) | 0;
      }
    }
    this.#sumLow = low;
    this.#sumHigh = high;
  }
}
