/** What is tested: a poll. Everybody votes once, and may not change it. */
export type Command = { readonly voter: string; readonly choice: string };

export class Votes {
  #byVoter: Map<string, string> = new Map();

  /** Whether the vote counts. */
  apply({ choice, voter }: Command): boolean {
    if (this.#byVoter.has(voter)) {
      return false;
    }
    this.#byVoter.set(voter, choice);
    return true;
  }

  count(choice: string): number {
    return [...this.#byVoter.values()].filter((one) => one === choice).length;
  }

  snapshot(): [string, string][] {
    return [...this.#byVoter];
  }

  restore(image: [string, string][]): void {
    this.#byVoter = new Map(image);
  }
}
