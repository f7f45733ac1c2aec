/** Who led which term, and whether its log was fit for it: three of the five properties of Figure 3. */
import type { NodeId, StorageBatch } from "@quorate/raft";
import { promise } from "../violation.ts";
import type { Committed } from "./committed.ts";
import type { MemberModel } from "./member-model.ts";

/** The leaders of all terms. */
export class Leaders {
  readonly #byTerm = new Map<number, NodeId>();
  readonly #committed: Committed;

  constructor(committed: Committed) {
    this.#committed = committed;
  }

  /** How many terms had a leader. */
  get count(): number {
    return this.#byTerm.size;
  }

  /** Whether a member led one of these terms, and so counted its own disk. */
  hasLed(node: NodeId, terms: { readonly from: number; readonly to: number }): boolean {
    for (const [term, leader] of this.#byTerm) {
      if (leader === node && term >= terms.from && term <= terms.to) {
        return true;
      }
    }
    return false;
  }

  /** A member behaves or reports itself as the leader of `term`; whether that is new. */
  leading(member: MemberModel, term: number): boolean {
    const known = this.#byTerm.get(term);
    if (known === member.id) {
      return false;
    }
    // FIG 3 Election Safety: at most one leader can be elected in a given term.
    promise(
      known === undefined,
      "election-safety",
      () => `nodes ${known} and ${member.id} both lead term ${term}`,
    );
    this.#byTerm.set(term, member.id);
    this.#checkComplete(member, term);
    return true;
  }

  /** FIG 3 Leader Append-Only: a leader never overwrites or deletes entries in its log. */
  writing(member: MemberModel, batch: StorageBatch, leadsTerm: number | null): void {
    const first = batch.entries[0];
    if (leadsTerm === null || first === undefined) {
      return;
    }
    promise(
      first.index > member.log.last,
      "leader-append-only",
      () =>
        `node ${member.id}, leader of term ${leadsTerm}, replaces its entry ${first.index} of ${member.log.last}`,
    );
  }

  /** FIG 3 Leader Completeness: what was committed in an earlier term is in the log of each later leader. */
  #checkComplete(member: MemberModel, term: number): void {
    const index = this.#committed.lastBefore(term);
    const chain = this.#committed.chain(index);
    promise(
      chain !== null && member.log.last >= index && member.log.holds(index, chain),
      "leader-completeness",
      () =>
        `node ${member.id} leads term ${term} with a log up to ${member.log.last} (term ${member.log.term(index)} at ${index}), without the committed entry ${index}`,
    );
  }
}
