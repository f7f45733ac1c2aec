/** Since when which peer has been reachable: what tells a lost connection from a slow answer. */

/** The connections of one member. */
export class PeerLinks {
  readonly #since = new Map<number, number>();

  /** A connection to `peer` came up at `nowMs`. A second one changes nothing. */
  connected(peer: number, nowMs: number): void {
    if (!this.#since.has(peer)) {
      this.#since.set(peer, nowMs);
    }
  }

  disconnected(peer: number): void {
    this.#since.delete(peer);
  }

  /** Since when `peer` has been connected, or null when it is not. */
  sinceOf(peer: number): number | null {
    return this.#since.get(peer) ?? null;
  }

  /** Since when `count` peers have been connected, or null when fewer are. */
  sinceCount(count: number): number | null {
    if (count === 0) {
      return 0;
    }
    const times = [...this.#since.values()].toSorted((left, right) => left - right);
    return times[count - 1] ?? null;
  }
}
