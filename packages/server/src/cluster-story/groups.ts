/** Who can reach whom: the network in parts. */

/** All in one group, until it is parted. */
export class Groups {
  /** Group of a server; who is not named is in group 0. */
  readonly #groupOf: Map<number, number> = new Map();

  connected(left: number, right: number): boolean {
    return (this.#groupOf.get(left) ?? 0) === (this.#groupOf.get(right) ?? 0);
  }

  /** Replaces an earlier partition. */
  part(groups: readonly (readonly number[])[]): void {
    this.#groupOf.clear();
    groups.forEach((group, i) => {
      for (const id of group) {
        this.#groupOf.set(id, i + 1);
      }
    });
  }

  mend(): void {
    this.#groupOf.clear();
  }
}
