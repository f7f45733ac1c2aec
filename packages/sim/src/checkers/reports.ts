/**
 * What leaves a member binds it: term and vote never go back, and nothing is reported before it is durable. RAFT §3.8.
 * Messages are watched where they leave, so that a restart does not wipe what was said.
 */
import type { AppendEntries, Heartbeat, Message, NodeId, PeerFrame, StorageBatch, Term } from "@quorate/raft";
import { promise } from "../violation.ts";
import type { MemberModel } from "./member-model.ts";

/** What every member has ever said. */
export class Reports {
  /** Those that bind their voters. */
  readonly #votes = new Map<string, NodeId>();
  /** By voter, term and candidate; outlives the disk that it was said of: a candidate may hear of a vote after its voter's end. */
  readonly #votesSaid = new Set<string>();
  readonly #termsSaid = new Map<NodeId, number>();
  /** By member and term, up to where; outlives the disk that it was said of. */
  readonly #acknowledged = new Map<NodeId, Map<number, number>>();

  /** A frame leaves `member`. */
  sending(member: MemberModel, frame: PeerFrame): void {
    if (frame.kind !== "message") {
      return;
    }
    const { message } = frame;
    switch (message.type) {
      case "request-vote":
        this.#bindsTerm(member, message);
        this.#bindsVote(member, message.term, member.id);
        return;
      case "vote-response":
        if (message.granted) {
          this.#bindsTerm(member, message);
          this.#bindsVote(member, message.term, message.to);
        }
        return;
      case "append-response":
        if (!message.rejected) {
          this.#bindsTerm(member, message);
          checkAccepted(member, message, message.index);
          this.#noteAcknowledged(member, message.term, message.index);
        }
        return;
      case "append-entries":
      case "heartbeat":
        this.#bindsTerm(member, message);
        checkChangeTold(member, message);
        return;
      case "install-snapshot":
        this.#bindsTerm(member, message);
        return;
      default:
        return;
    }
  }

  /**
   * A member hands a batch to its storage. What it acknowledged to the leader of a term stays while that term lasts: the leader counts on
   * it. FIG 3 Leader Append-Only, as it shows on a follower.
   */
  writing(member: MemberModel, batch: StorageBatch): void {
    const term = batch.hardState?.term ?? member.hardState.term;
    const index = this.#acknowledged.get(member.id)?.get(term);
    if (index === undefined) {
      return;
    }
    promise(
      keeps(member, batch, index),
      "acknowledged-entries",
      () => `node ${member.id} drops entry ${index} in term ${term}, in which it was acknowledged`,
    );
  }

  #noteAcknowledged({ id }: MemberModel, term: number, index: number): void {
    const known = this.#acknowledged.get(id) ?? new Map<number, number>();
    known.set(term, Math.max(index, known.get(term) ?? 0));
    this.#acknowledged.set(id, known);
  }

  /** Whether `node` ever told a leader of one of these terms that it holds everything up to `index`. */
  hasAcknowledged(
    node: NodeId,
    index: number,
    terms: { readonly from: number; readonly to: number },
  ): boolean {
    const known = this.#acknowledged.get(node) ?? new Map<number, number>();
    return [...known].some(([term, last]) => term >= terms.from && term <= terms.to && last >= index);
  }

  /** Whether `voter` has said that it votes for `candidate`. */
  votedFor(voter: NodeId, term: number, candidate: NodeId): boolean {
    return this.#votesSaid.has(`${voter}/${term}/${candidate}`);
  }

  /** A member is back: it knows every term that it spoke of. RAFT §3.8. */
  recovered(node: NodeId, term: Term): void {
    const said = this.#termsSaid.get(node) ?? 0;
    promise(
      term >= said,
      "term-monotonic",
      () => `node ${node} is back in term ${term}; it had spoken in term ${said}`,
    );
  }

  /** The member lost its disk, by our hand, and does not know any more what it said. */
  forgets(node: NodeId): void {
    this.#termsSaid.delete(node);
    for (const key of [...this.#votes.keys()]) {
      if (key.startsWith(`${node}/`)) {
        this.#votes.delete(key);
      }
    }
  }

  /** The term speaks for the member: durable before it leaves. Messages of one turn may leave in any order of terms. */
  #bindsTerm(member: MemberModel, message: Message): void {
    this.#termsSaid.set(member.id, Math.max(message.term, this.#termsSaid.get(member.id) ?? 0));
    promise(
      member.durableHardState.term >= message.term,
      "durable-before-reported",
      () =>
        `node ${member.id} sends ${message.type} of term ${message.term} while its disk knows term ${member.durableHardState.term}`,
    );
  }

  /** FIG 2 RequestVote receiver 2: one vote per term, across restarts, and durable before it is said. */
  #bindsVote(member: MemberModel, term: number, candidate: NodeId): void {
    const key = `${member.id}/${term}`;
    const known = this.#votes.get(key);
    promise(
      known === undefined || known === candidate,
      "vote-once",
      () => `node ${member.id} votes for ${candidate} in term ${term}, after ${known}`,
    );
    this.#votes.set(key, candidate);
    this.#votesSaid.add(`${key}/${candidate}`);
    const { term: durableTerm, vote } = member.durableHardState;
    promise(
      durableTerm > term || vote === candidate,
      "durable-before-reported",
      () =>
        `node ${member.id} says its vote for ${candidate} in term ${term} while its disk knows vote ${vote}`,
    );
  }
}

/** Whether the log with `batch` in it holds the entry at `index` as it did before, or a snapshot behind it. */
function keeps({ floor, log }: MemberModel, { entries, snapshot }: StorageBatch, index: number): boolean {
  if (log.last < index || floor !== null) {
    return true; // Damage took it, and an older entry may stand there; what then becomes of the log is for those who watch the repair.
  }
  const first = entries[0];
  if (first !== undefined && first.index <= index) {
    const entry = entries[index - first.index];
    return entry !== undefined && entry.term === (log.term(index) ?? entry.term);
  }
  return snapshot === null || snapshot.index >= index;
}

/** Who is removed goes when it is told that the change is committed: a leader that came back from a crash without knowing would need its vote. */
function checkChangeTold(member: MemberModel, { commit, type }: AppendEntries | Heartbeat): void {
  const change = member.changeIndexes.findLast((index) => index <= commit);
  promise(
    change === undefined || change <= member.durableCommit,
    "durable-before-reported",
    () =>
      `node ${member.id} sends ${type} with commit index ${commit} and so tells of the change at ${change}, while its disk knows ${member.durableCommit}`,
  );
}

/**
 * RAFT §3.8: an acknowledged entry is durable. Once a later term is, its leader may have replaced the entry in the very batch
 * that would have made it durable; the answer then speaks of a term whose leader can commit nothing by it any more.
 */
function checkAccepted(member: MemberModel, message: Message, index: number): void {
  if (member.durableHardState.term > message.term) {
    return;
  }
  // A batch of a later term is under way and may replace the entry; what the answer speaks of is what is durable still.
  const isReplaced = member.hardState.term > message.term;
  const written = isReplaced ? null : member.log.chain(index);
  const durable = written === null || member.durable.holds(index, written);
  promise(
    durable && member.durable.last >= index,
    "durable-before-reported",
    () => `node ${member.id} acknowledges entry ${index}; durable is ${member.durable.last}`,
  );
}
