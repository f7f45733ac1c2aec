/**
 * What a watcher is promised, by what etcd calls it: Ordered, Unique, Atomic (a revision is never torn apart), Reliable (no gap),
 * Resumable (from any revision that is not compacted), Bookmarkable (progress is told only once everything before it was sent), with the
 * right previous pairs and nothing that was filtered out. The model knows every event that ever was.
 */
import { promise } from "../violation.ts";
import { isWithin, type KvHistory, type ModelEvent } from "./kv-history.ts";
import { pairText, type TextPair } from "./texts.ts";

/** An event as somebody was told it. */
export interface SeenEvent {
  readonly type: "put" | "delete";
  /** Of a delete: the key and its revision, nothing else. */
  readonly pair: TextPair;
  readonly previous: TextPair | null;
}

/** What a watcher wants. */
export interface WatchWish {
  readonly key: string;
  readonly rangeEnd: string;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

/** Whether `seen` tells of `event`. A previous pair may be missing where its revision was compacted. */
export function isSameEvent(
  event: ModelEvent,
  seen: SeenEvent,
  compactRevision: number,
  withPrevious: boolean,
): boolean {
  const { previous, version } = event;
  const isSame =
    seen.type === (version.isDeleted ? "delete" : "put") && pairText(seen.pair) === pairText(version);
  if (!isSame || !withPrevious || seen.previous === null) {
    const mayLack = !withPrevious || previous === null || version.mod - 1 < compactRevision;
    return isSame && seen.previous === null && mayLack;
  }
  return previous !== null && pairText(seen.previous) === pairText(previous);
}

/** See the head of this file. One per watcher, over all the streams on which it goes on. */
export class WatchChecker {
  readonly #name: string;
  readonly #history: KvHistory;
  readonly #wish: WatchWish;
  /** The first revision that is due; null while nobody has said where the watcher begins. */
  #next: number | null;
  /** Events of that revision that came already, as fragments. */
  #taken = 0;

  constructor(name: string, history: KvHistory, wish: WatchWish, start: number | null) {
    this.#name = name;
    this.#history = history;
    this.#wish = wish;
    this.#next = start;
  }

  /** Where to go on; null where the watcher has not begun. */
  get next(): number | null {
    return this.#next;
  }

  /** The watcher begins now, behind `revision`, if it did not name its beginning itself. */
  created(revision: number): void {
    this.#next ??= revision + 1;
  }

  /** A stream ended; what came of a torn revision comes again. */
  interrupted(): void {
    this.#taken = 0;
  }

  /** Events came. `isFragment`: more of the last revision follow. `compactRevision` is the highest that is known. */
  came(events: readonly SeenEvent[], isFragment: boolean, compactRevision: number): void {
    for (const seen of events) {
      this.#take(seen, compactRevision);
    }
    const last = events.at(-1)?.pair.mod;
    if (!isFragment && last !== undefined) {
      const rest = this.#due(last).slice(this.#taken);
      promise(
        rest.length === 0,
        "watch",
        () =>
          `${this.#name}: revision ${last} is torn apart: ${rest.length} of its events did not come with the others`,
      );
      this.#next = last + 1;
      this.#taken = 0;
    }
  }

  /** Everything up to `revision` is said to have been sent. */
  progressed(revision: number): void {
    const missed = this.#firstDue(revision);
    promise(
      missed === null,
      "watch",
      () => `${this.#name}: progress at ${revision} is told, but revision ${missed} was not sent`,
    );
    if (this.#next !== null && revision >= this.#next) {
      this.#next = revision + 1;
      this.#taken = 0;
    }
  }

  /** The watcher is told that what it is due was compacted up to `told`; the highest compact revision is `compactRevision`. */
  compacted(told: number, compactRevision: number): void {
    const next = this.#next;
    promise(
      next !== null && next < told && told <= compactRevision,
      "watch",
      () =>
        `${this.#name}: ended as compacted up to ${told}, when revision ${next} was due and ${compactRevision} is the compact revision`,
    );
    this.#next = told;
    this.#taken = 0;
  }

  /** Whether everything up to `revision` came. */
  hasAll(revision: number): boolean {
    return this.#next !== null && this.#firstDue(revision) === null;
  }

  #take(seen: SeenEvent, compactRevision: number): void {
    const revision = seen.pair.mod;
    promise(
      this.#next !== null && revision >= this.#next,
      "watch",
      () =>
        `${this.#name}: an event of revision ${revision} comes when ${this.#next} is due: ${pairText(seen.pair)}`,
    );
    if (revision !== this.#next) {
      const missed = this.#firstDue(revision - 1);
      promise(
        missed === null,
        "watch",
        () =>
          `${this.#name}: revision ${missed} is missing before revision ${revision}, of ${JSON.stringify(this.#wish)}`,
      );
      this.#next = revision;
      this.#taken = 0;
    }
    const expected = this.#due(revision)[this.#taken];
    promise(
      expected !== undefined && isSameEvent(expected, seen, compactRevision, this.#wish.prevKv),
      "watch",
      () =>
        `${this.#name}: revision ${revision} brings ${describe(seen)}, due was ${expected === undefined ? "nothing" : pairText(expected.version)} ` +
        `with ${expected?.previous ? pairText(expected.previous) : "nothing"} before`,
    );
    this.#taken++;
  }

  /** The first revision up to `until` that holds something for this watcher and has not come. */
  #firstDue(until: number): number | null {
    for (let revision = this.#next ?? until + 1; revision <= until; revision++) {
      const taken = revision === this.#next ? this.#taken : 0;
      if (this.#due(revision).length > taken) {
        return revision;
      }
    }
    return null;
  }

  #due(revision: number): readonly ModelEvent[] {
    const { key, noDelete, noPut, rangeEnd } = this.#wish;
    return this.#history
      .eventsAt(revision)
      .filter(
        ({ version }) => isWithin(key, rangeEnd, version.key) && !(version.isDeleted ? noDelete : noPut),
      );
  }
}

function describe({ pair, previous, type }: SeenEvent): string {
  return `a ${type} of ${pairText(pair)} with ${previous === null ? "nothing" : pairText(previous)} before`;
}
