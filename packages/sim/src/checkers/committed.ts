/**
 * The one sequence of committed entries, as the members report it: what Leader Completeness and durability are held
 * against.
 */
import { must } from "@quorate/base";
import type { ConfState, NodeId, SnapshotMetadata } from "@quorate/raft";
import { promise } from "../violation.ts";
import { isQuorum } from "./configurations.ts";
import type { MemberModel } from "./member-model.ts";
import { type Chain, ShadowLog } from "./shadow-log.ts";

interface CommittedEntry {
  readonly term: number;
  readonly chain: Chain;
  /** The term of the member that reported it first: its leader's. */
  readonly reportedInTerm: number;
}

/** What a commit is counted by: asked only when it is new. */
interface InForce {
  readonly configurations: () => readonly ConfState[];
  /** Whether the disk of `id` holds the prefix, or whoever counted it was told so in one of these terms. */
  readonly holds: (
    id: NodeId,
    index: number,
    chain: Chain,
    terms: { readonly from: number; readonly to: number },
  ) => boolean;
}

/** See the head of this file. */
export class Committed {
  readonly #entries: CommittedEntry[] = [];
  readonly #commitSeen = new Map<NodeId, number>();

  /** Highest index that anybody reported and whose content is known. */
  get last(): number {
    return this.#entries.length;
  }

  /** The hash of the committed prefix up to `index`; null where nothing is committed yet. */
  chain(index: number): Chain | null {
    return index === 0 ? ShadowLog.empty().chain(0) : (this.#entries[index - 1]?.chain ?? null);
  }

  /** RAFT §5.1: a snapshot stands for a committed prefix and nothing else. */
  chainOfSnapshot(node: NodeId, snapshot: SnapshotMetadata): Chain {
    const entry = this.#entries[snapshot.index - 1];
    promise(
      entry !== undefined,
      "state-machine-safety",
      () => `node ${node} holds a snapshot at ${snapshot.index}; committed is ${this.last}`,
    );
    promise(
      entry.term === snapshot.term,
      "state-machine-safety",
      () =>
        `node ${node} holds a snapshot at ${snapshot.index} of term ${snapshot.term}; committed there is term ${entry.term}`,
    );
    return entry.chain;
  }

  /** The highest index that was committed by a leader of an earlier term than `term`. */
  lastBefore(term: number): number {
    let index = this.#entries.length;
    while (index > 0 && must(this.#entries[index - 1], "committed: gap").reportedInTerm >= term) {
      index--;
    }
    return index;
  }

  /** A member says that everything up to `commit` is committed, by one of the configurations that may have been in force. */
  reported(member: MemberModel, term: number, commit: number, inForce: InForce): void {
    const seen = this.#commitSeen.get(member.id) ?? 0;
    promise(
      commit >= seen,
      "commit-monotonic",
      () => `node ${member.id} reports commit ${commit} after ${seen}`,
    );
    if (commit === seen) {
      return;
    }
    this.#commitSeen.set(member.id, commit);
    this.#extend(member, term, commit, inForce);
    this.#compare(member, commit);
  }

  /** Whether that is what the member reported last. */
  isReported(node: NodeId, commit: number): boolean {
    return (this.#commitSeen.get(node) ?? 0) === commit;
  }

  /** A restarted member may have forgotten the newest commit index. FIG 2: commitIndex is volatile. */
  restarted(node: NodeId): void {
    this.#commitSeen.delete(node);
  }

  #extend(member: MemberModel, term: number, commit: number, inForce: InForce): void {
    const first = this.#entries.length + 1;
    for (let index = first; index <= commit; index++) {
      const chain = member.log.chain(index);
      const entryTerm = member.log.term(index);
      promise(
        chain !== null && entryTerm !== null,
        "commit-quorum",
        () => `node ${member.id} reports commit ${commit}, but its log ends at ${member.log.last}`,
      );
      this.#entries.push({ term: entryTerm, chain, reportedInTerm: term });
    }
    if (first <= commit) {
      this.#checkQuorum(member, term, commit, inForce);
    }
  }

  /** RAFT §3.6.3: no two members ever commit different entries at one index; the chain speaks for the whole prefix. */
  #compare(member: MemberModel, commit: number): void {
    const own = member.log.chain(commit);
    promise(
      own === null || own === this.chain(commit),
      "state-machine-safety",
      () =>
        `node ${member.id} commits another entry ${commit} (term ${member.log.term(commit)}) than the one committed before`,
    );
  }

  /** RAFT §3.6.2, §4.3, by the disks and not by the claims of messages: a quorum of the configuration has called the entry durable. */
  #checkQuorum(member: MemberModel, term: number, index: number, inForce: InForce): void {
    const chain = must(this.chain(index), "committed: no chain");
    // Counted by a leader of a term in which the entry stood in its log: no earlier than that of the entry, no later than the reporter's.
    const terms = { from: must(this.#entries[index - 1], "committed: gap").term, to: term };
    const isHolder = (id: NodeId): boolean => inForce.holds(id, index, chain, terms);
    const configurations = inForce.configurations();
    promise(
      configurations.some((confState) => isQuorum(confState, isHolder)),
      "commit-quorum",
      () => {
        const texts = configurations.map(({ voters, votersOutgoing }) => {
          const all = [...new Set([...voters, ...votersOutgoing])];
          return `${all.filter(isHolder)} of ${voters}${votersOutgoing.length === 0 ? "" : ` and ${votersOutgoing}`}`;
        });
        return `node ${member.id} commits ${index}, durable on ${texts.join(", or ")}`;
      },
    );
  }
}
