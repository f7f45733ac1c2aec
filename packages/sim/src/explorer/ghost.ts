/**
 * What has ever been true in a world and must stay so, though no member remembers it: who led each term, and which entries were
 * committed. Part of the state of a world, because what is forbidden next depends on it.
 */
import { assert, must } from "@quorate/base";
import { promise } from "../violation.ts";
import type { CheckpointSink, CheckpointSource } from "./checkpoint.ts";
import { NumberList } from "./growing.ts";
import type { LocalFacts } from "./local-facts.ts";
import { NamedHashes } from "./named-hashes.ts";
import type { Exchange } from "./names.ts";
import { absent, PairTable } from "./pair-table.ts";

interface Committed {
  readonly entry: string;
  /** Of the member that was first to know. */
  readonly term: number;
}

interface Ghost {
  /** By term − 1; 0 where nobody led. */
  readonly leaders: readonly number[];
  readonly committed: readonly Committed[];
}

/** Ghosts, each kept once under a number. 0 is the ghost of a world in which nothing has happened. */
export class Ghosts {
  /** Of each ghost under each exchange of names. */
  readonly hashes: NamedHashes;
  readonly #known: Ghost[] = [];
  readonly #byText = new Map<string, number>();
  /** By the history of the state that a member comes into. */
  readonly #after = new PairTable();
  /** Ghost and history of each pair that was worked out, in order. */
  readonly #worked = new NumberList();
  committedMax = 0;

  constructor(exchanges: readonly Exchange[]) {
    this.hashes = new NamedHashes("ghost", exchanges);
    this.#intern([], []);
  }

  /**
   * The ghost after a member has come into a state of `history`, which `facts` are about. @throws Violation when what was true
   * before no longer is.
   */
  after(ghost: number, history: number, facts: LocalFacts): number {
    const known = this.#after.get(ghost, history);
    if (known !== absent) {
      return known;
    }
    const found = this.#work(must(this.#known[ghost], "explorer: no such ghost"), facts);
    this.#after.add(ghost, history, found);
    this.#worked.push(ghost);
    this.#worked.push(history);
    return found;
  }

  /** What it takes to come to the same numbers again. */
  save(sink: CheckpointSink): void {
    this.#worked.save(sink);
  }

  /** Works all that out again. `factsOf` gives some state of each history. */
  load(source: CheckpointSource, factsOf: (history: number) => LocalFacts): void {
    assert(this.#worked.count === 0, "explorer: ghosts loaded over others");
    const saved = new NumberList();
    saved.load(source);
    for (let at = 0; at < saved.count; at += 2) {
      this.after(saved.at(at), saved.at(at + 1), factsOf(saved.at(at + 1)));
    }
  }

  #work(ghost: Ghost, facts: LocalFacts): number {
    const { id } = facts;
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
    const number = this.#known.length;
    this.#known.push({ leaders, committed });
    this.hashes.push({ own, lines: [] });
    this.#byText.set(own, number);
    return number;
  }
}
