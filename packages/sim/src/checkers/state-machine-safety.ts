/**
 * FIG 3 State Machine Safety: if a member has applied an entry at an index, no other member ever applies a different one
 * there. The first to apply writes the one sequence; everybody else, and every replay, must follow it without a gap.
 */
import { crc32c } from "@quorate/base";
import type { LogIndex, NodeId, Term } from "@quorate/raft";
import { promise } from "../violation.ts";

interface AppliedCommand {
  readonly index: LogIndex;
  readonly term: Term;
  readonly commandCrc: number;
  readonly resultDigest: number;
}

/** The one sequence of applied commands, and how far each member is in it. */
export class StateMachineSafety {
  readonly #sequence: AppliedCommand[] = [];
  readonly #cursors = new Map<NodeId, number>();

  /** The member's state machine is empty again. */
  restarted(node: NodeId): void {
    this.#cursors.set(node, 0);
  }

  /** The member's state machine now stands as a snapshot left it, `index` being the last command in it (0: none). */
  restored(node: NodeId, index: number): void {
    let low = 0;
    let high = this.#sequence.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sequence[middle]?.index ?? 0) <= index) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    promise(
      index === 0 || this.#sequence[low - 1]?.index === index,
      "state-machine-safety",
      () => `node ${node} restores a state after ${index}, where nobody applied a command`,
    );
    this.#cursors.set(node, low);
  }

  applied(node: NodeId, index: LogIndex, term: Term, command: Uint8Array, resultDigest: number): void {
    const cursor = this.#cursors.get(node) ?? 0;
    this.#cursors.set(node, cursor + 1);
    const applied = { index, term, commandCrc: crc32c(command), resultDigest };
    const expected = this.#sequence[cursor];
    if (expected === undefined) {
      this.#extend(node, applied);
      return;
    }
    promise(
      expected.index === index && expected.term === term && expected.commandCrc === applied.commandCrc,
      "state-machine-safety",
      () =>
        `node ${node} applies (index ${index}, term ${term}) where another applied (index ${expected.index}, term ${expected.term})`,
    );
    promise(
      expected.resultDigest === resultDigest,
      "state-machine-safety",
      () => `node ${node} gets another result from entry ${index}: its state differs`,
    );
  }

  #extend(node: NodeId, applied: AppliedCommand): void {
    const last = this.#sequence.at(-1);
    promise(
      last === undefined || last.index < applied.index,
      "state-machine-safety",
      () => `node ${node} applies entry ${applied.index} after ${last?.index}`,
    );
    this.#sequence.push(applied);
  }
}
