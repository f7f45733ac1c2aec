/**
 * What each part of a world adds to the world's fingerprint, under each exchange of names: 64 bits of hash of the part's text. Parts that
 * are equal under an exchange, and no others but by chance, add the same.
 */

import { NumberList } from "./growing.ts";
import { textHash } from "./mix.ts";
import { type Exchange, exchanged, type NamedText } from "./names.ts";

/** By the number of the part, in the order in which they are pushed. */
export class NamedHashes {
  readonly #domain: string;
  readonly #exchanges: readonly Exchange[];
  readonly #low = new NumberList();
  readonly #high = new NumberList();

  /** @param domain Keeps apart what is of another kind, and has the same text. */
  constructor(domain: string, exchanges: readonly Exchange[]) {
    this.#domain = domain;
    this.#exchanges = exchanges;
  }

  get bytes(): number {
    return this.#low.bytes + this.#high.bytes;
  }

  push(text: NamedText): void {
    for (const exchange of this.#exchanges) {
      const renamed = `${this.#domain} ${exchanged(text, exchange)}`;
      this.#low.push(textHash(renamed, 0x2545f491) | 0);
      this.#high.push(textHash(renamed, 0x6a09e667) | 0);
    }
  }

  low(part: number, exchange: number): number {
    return this.#low.at(part * this.#exchanges.length + exchange);
  }

  high(part: number, exchange: number): number {
    return this.#high.at(part * this.#exchanges.length + exchange);
  }
}
