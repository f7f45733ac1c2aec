/** Messages under way, each kept once under a number from 1; 0 is an empty place on a link. */
import { must } from "@quorate/base";
import type { Message, RawNode } from "@quorate/raft";
import { type Exchange, exchanged } from "./names.ts";
import { messageText } from "./state-text.ts";

interface Known {
  readonly message: Message;
  readonly text: string;
  /** Under each exchange of names. */
  readonly texts: readonly number[];
}

/** See the head of this file. */
export class Messages {
  readonly #known: Known[] = [];
  readonly #byText = new Map<string, number>();
  readonly #textNumbers = new Map<string, number>();

  /** The number of a message; equal messages have one. `reader` reads changes of the configuration. */
  number(reader: RawNode, message: Message, exchanges: readonly Exchange[]): number {
    const text = messageText(reader, message);
    const known = this.#byText.get(text);
    if (known !== undefined) {
      return known;
    }
    const named = { own: text, lines: [] };
    this.#known.push({
      message,
      text,
      texts: exchanges.map((exchange) => this.#textNumber(exchanged(named, exchange))),
    });
    this.#byText.set(text, this.#known.length);
    return this.#known.length;
  }

  get(number: number): Message {
    return this.#at(number).message;
  }

  /** For reports. */
  text(number: number): string {
    return this.#at(number).text;
  }

  /** A number that is equal for messages that are equal under the exchange; 0 for an empty place. */
  textUnder(number: number, exchange: number): number {
    return number === 0 ? 0 : must(this.#at(number).texts[exchange], "explorer: no such exchange");
  }

  get count(): number {
    return this.#known.length;
  }

  #textNumber(text: string): number {
    let number = this.#textNumbers.get(text);
    if (number === undefined) {
      number = this.#textNumbers.size + 1;
      this.#textNumbers.set(text, number);
    }
    return number;
  }

  #at(number: number): Known {
    return must(this.#known[number - 1], "explorer: no such message");
  }
}
