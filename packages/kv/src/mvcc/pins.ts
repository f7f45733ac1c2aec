/** Revisions that slow readers (images, hashes) still need: the sweeper frees nothing that one of them shows. */
import { assert, must } from "@quorate/base";
import type { Revision } from "../revision.ts";

/** A multiset of pinned compact revisions. */
export class Pins {
  readonly #counts: Map<Revision, number> = new Map();

  /** Pins a revision; the returned function lets go of it, once. */
  add(revision: Revision): () => void {
    this.#counts.set(revision, (this.#counts.get(revision) ?? 0) + 1);
    let held = true;
    return () => {
      assert(held, "pins: released twice");
      held = false;
      this.#remove(revision);
    };
  }

  /** The lowest pinned revision, or `unpinned` where it is lower. */
  lowest(unpinned: Revision): Revision {
    let lowest = unpinned;
    for (const revision of this.#counts.keys()) {
      if (revision < lowest) {
        lowest = revision;
      }
    }
    return lowest;
  }

  #remove(revision: Revision): void {
    const count = must(this.#counts.get(revision), "pins: not pinned");
    assert(count > 0, "pins: counted below none");
    if (count === 1) {
      this.#counts.delete(revision);
    } else {
      this.#counts.set(revision, count - 1);
    }
  }
}
