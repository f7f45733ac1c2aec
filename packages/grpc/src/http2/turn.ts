/**
 * PERF: all connections that have something to send are written once, at the end of a turn of the event loop. A write per
 * answer costs a system call each, which is more than everything else a call takes.
 */

/** Something that writes what it has gathered. */
export interface Flushable {
  flush(): void;
}

/** The turn of one server. */
export class Turn {
  #waiting: Flushable[] = [];

  /** Flushes `one` at the end of this turn. The caller sees to it that it asks once per turn. */
  add(one: Flushable): void {
    this.#waiting.push(one);
    if (this.#waiting.length === 1) {
      setImmediate(this.#end);
    }
  }

  readonly #end = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      one.flush();
    }
  };
}
