/**
 * Members are interchangeable: a state and the same state with the names of its members exchanged have the same future. So only one
 * of them is visited. Texts that stand for parts of a state write a member as `@1`, and a part whose order follows the names is
 * a list of texts that is sorted after the exchange.
 */
import { assert, must } from "@quorate/base";

/** A text about members: `own`, then lines of which each belongs to one member. */
export interface NamedText {
  readonly own: string;
  readonly lines: readonly string[];
}

/** An exchange of names: `order[i]` is the place that member `i + 1` takes, counted from 0. */
export type Exchange = readonly number[];

/** All exchanges of `count` names, the one that changes nothing first. */
export function exchanges(count: number): readonly Exchange[] {
  const found: number[][] = [];
  const extend = (sofar: readonly number[]): void => {
    if (sofar.length === count) {
      found.push([...sofar]);
      return;
    }
    for (let place = 0; place < count; place++) {
      if (!sofar.includes(place)) {
        extend([...sofar, place]);
      }
    }
  };
  extend([]);
  assert(found[0]?.every((place, i) => place === i) === true, "names: the first exchange changes nothing");
  return found;
}

/** The text under other names, as one string. Equal texts of equal parts, and no others, come out equal. */
export function exchanged(text: NamedText, exchange: Exchange): string {
  const own = rename(text.own, exchange);
  const lines = text.lines.map((line) => rename(line, exchange)).sort(ascending);
  return `${own}|${lines.join("|")}`;
}

/** The text without any names: equal for texts that some exchange makes equal. */
export function anonymous(text: NamedText): string {
  const lines = text.lines.map((line) => line.replace(/@\d/g, "@")).sort(ascending);
  return `${text.own.replace(/@\d/g, "@")}|${lines.join("|")}`;
}

function rename(text: string, exchange: Exchange): string {
  return text.replace(/@(\d)/g, (_, digit: string) => {
    const place = Number(digit);
    return place === 0 ? "@0" : `@${must(exchange[place - 1], "names: unknown member") + 1}`;
  });
}

function ascending(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
