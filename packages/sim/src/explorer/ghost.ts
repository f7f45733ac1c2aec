/**
 * What has ever been true in a world and must stay so, though no member remembers it: who led each term, and which entries were
 * committed. Part of the state of a world, because what is forbidden next depends on it.
 */
import { must } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import { promise } from "../violation.ts";
import type { LocalFacts } from "./local-states.ts";
import { type Exchange, exchanged } from "./names.ts";

interface Committed {
  readonly entry: string;
  /** Of the member that was first to know. */
  readonly term: number;
}

interface Ghost {
  /** By term − 1; 0 where nobody led. */
  readonly leaders: readonly number[];
  readonly committed: readonly Committed[];
  readonly texts: readonly number[];
  /** By the state that a member comes into; a state belongs to one member, so that it says it all. */
  readonly after: Map<number, number>;
}

/** Ghosts, each kept once under a number. 0 is the ghost of a world in which nothing has happened. */
export class Ghosts {
  readonly #exchanges: readonly Exchange[];
  readonly #known: Ghost[] = [];
  readonly #byText = new Map<string, number>();
  readonly #textNumbers = new Map<string, number>();
  committedMax = 0;

  constructor(exchanges: readonly Exchange[]) {
    this.#exchanges = exchanges;
    this.#intern([], []);
  }

  /** The ghost after `id` has come into `state`. @throws Violation when what was true before no longer is. */
  after(ghost: number, id: NodeId, state: number, facts: LocalFacts): number {
    const before = this.#at(ghost);
    let found = before.after.get(state);
    if (found === undefined) {
      found = this.#work(before, id, facts);
      before.after.set(state, found);
    }
    return found;
  }

  textUnder(ghost: number, exchange: number): number {
    return must(this.#at(ghost).texts[exchange], "explorer: no such exchange");
  }

  #work(ghost: Ghost, id: NodeId, facts: LocalFacts): number {
    const leaders = [...ghost.leaders];
    if (facts.role === "leader") {
      while (leaders.length < facts.term) {
        leaders.push(0);
      }
      const known = leaders[facts.term - 1];
      // FIG 3 Election Safety.
      promise(
        known === 0 || known === id,
        "election-safety",
        () => `${known} and ${id} both led term ${facts.term}`,
      );
      leaders[facts.term - 1] = id;
    }
    const committed = [...ghost.committed];
    for (let i = 0; i < facts.commit; i++) {
      const entry = must(facts.log[i], "explorer: committed beyond the end of the log");
      const known = committed[i];
      // FIG 3 State Machine Safety.
      promise(
        known === undefined || known.entry === entry,
        "state-machine-safety",
        () => `index ${i + 1} was committed as ${known?.entry}; ${id} has committed ${entry} there`,
      );
      if (known === undefined) {
        committed.push({ entry, term: facts.term });
      }
    }
    if (facts.role === "leader") {
      for (const [i, { entry, term }] of committed.entries()) {
        // FIG 3 Leader Completeness.
        promise(
          term >= facts.term || facts.log[i] === entry,
          "leader-completeness",
          () => `${id} leads term ${facts.term} without index ${i + 1}, ${entry}, committed in term ${term}`,
        );
      }
    }
    this.committedMax = Math.max(this.committedMax, committed.length);
    return this.#intern(leaders, committed);
  }

  #intern(leaders: readonly number[], committed: readonly Committed[]): number {
    const own = [
      ...leaders.map((id) => `@${id}`),
      ...committed.map(({ entry, term }) => `${entry}/${term}`),
    ].join(" ");
    const known = this.#byText.get(own);
    if (known !== undefined) {
      return known;
    }
    const named = { own, lines: [] };
    const number = this.#known.length;
    const texts = this.#exchanges.map((exchange) => this.#textNumber(exchanged(named, exchange)));
    this.#known.push({ leaders, committed, texts, after: new Map() });
    this.#byText.set(own, number);
    return number;
  }

  #textNumber(text: string): number {
    let number = this.#textNumbers.get(text);
    if (number === undefined) {
      number = this.#textNumbers.size;
      this.#textNumbers.set(text, number);
    }
    return number;
  }

  #at(number: number): Ghost {
    return must(this.#known[number], "explorer: no such ghost");
  }
}
