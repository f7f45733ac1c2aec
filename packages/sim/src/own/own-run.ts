/**
 * A run whose members carry somebody's own state machine: what each command made of it, wherever it was applied first, is what it must
 * make everywhere. One per run.
 */
import { crc32c, DecodeError, must, utf8Decode, utf8Encode } from "@quorate/base";
import type { ApplyContext, LogIndex, NodeId } from "@quorate/raft";
import { promise } from "../violation.ts";

/** A state machine as `RaftNode` takes it: commands, results and images are JSON values. */
export interface SimulatedMachine<Command, Result> {
  /** Must come to the same result and state wherever the same commands come in the same order. */
  apply(command: Command, context: ApplyContext): Result;
  /** The whole state. Equal states must give equal images. */
  snapshot(): unknown;
  /** Takes the place of the whole state. */
  restore(image: never): void;
}

/** What a command came to, the same for everybody. */
interface Applied {
  readonly resultText: string;
  readonly result: unknown;
}

/** See the head of this file. */
export class OwnRun<Command, Result, Machine extends SimulatedMachine<Command, Result>> {
  readonly create: () => Machine;
  readonly #applied = new Map<LogIndex, Applied>();
  readonly #images = new Map<number, number>();
  readonly #queries = new Map<string, (machine: Machine) => unknown>();
  readonly #answers = new Map<string, unknown>();

  constructor(create: () => Machine) {
    this.create = create;
  }

  /** A member came to `result`; its digest. */
  applied(node: NodeId, index: LogIndex, result: Result): number {
    const resultText = textOf(result);
    const known = this.#applied.get(index);
    if (known === undefined) {
      this.#applied.set(index, { result, resultText });
    }
    promise(
      known === undefined || known.resultText === resultText,
      "state-machine-safety",
      () =>
        `node ${node} comes to ${resultText} at entry ${index}; another member came to ${known?.resultText}`,
    );
    return crc32c(utf8Encode(resultText));
  }

  /** What the command at `index` came to. */
  resultAt(index: LogIndex): Result {
    return must(this.#applied.get(index), "own machine: acknowledged but not applied").result as Result;
  }

  /** A member's state behind the command at `index`, as text. */
  imaged(node: NodeId, index: number, image: string): void {
    const digest = crc32c(utf8Encode(image));
    const known = this.#images.get(index);
    promise(
      known === undefined || known === digest,
      "state-machine-safety",
      () =>
        `node ${node} has another state behind entry ${index} than the first who made an image of it: ${image}`,
    );
    this.#images.set(index, digest);
  }

  /** Notes a question, which a member answers under its name. */
  ask(name: string, query: (machine: Machine) => unknown): void {
    this.#queries.set(name, query);
  }

  /** A member answers; the text of the answer. */
  answer(name: string, machine: Machine): string {
    const answer = must(this.#queries.get(name), "own machine: nobody asked")(machine);
    this.#answers.set(name, answer);
    return textOf(answer);
  }

  /** The answer, once. */
  takeAnswer(name: string): unknown {
    const answer = this.#answers.get(name);
    this.#answers.delete(name);
    this.#queries.delete(name);
    return answer;
  }
}

/** The text of a JSON value. */
export function textOf(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}

/** The value of a text in bytes. @throws DecodeError */
export function parseJson(bytes: Uint8Array): unknown {
  const text = utf8Decode(bytes);
  if (text === null) {
    throw new DecodeError("own machine: not text", 0);
  }
  return JSON.parse(text);
}
