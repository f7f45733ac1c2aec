/**
 * Clients that put, read, delete and swap keys of their own, each operation on one key, so that the clients' history alone can be
 * searched for an order, key by key, without believing any member. A key here has a version, too: what was lost or done twice shows in it.
 */
import { must } from "@quorate/base";
import { prefixes } from "../etcd/names.ts";
import type { Message } from "../etcd/protobuf.ts";
import { pairOfMessage } from "../etcd/texts.ts";
import { checkLinearizableByKey } from "../linearizability/check.ts";
import type { Operation, SequentialModel } from "../linearizability/model.ts";
import { promise } from "../violation.ts";
import { type Answer, Client, type ClientKit } from "./client.ts";
import { deleteOf, putOf, rangeOf, txnOf, valueIs } from "./requests.ts";

/** What a key holds; version 0 where it does not exist. */
interface Cell {
  readonly value: string;
  readonly version: number;
}

const absent: Cell = { value: "", version: 0 };

type Input =
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "delete"; readonly key: string }
  /** Puts where the key holds `expected`, and reads it where it does not. */
  | { readonly kind: "swap"; readonly key: string; readonly expected: string; readonly value: string };

/** What was there when it was done: before a put or a delete, at a get, or where a swap did not fit. Null of a swap that did. */
type Output = { readonly cell: Cell | null };

const keyModel: SequentialModel<Cell, Input, Output> = {
  initial: absent,
  step(state, input, output) {
    const isSwapped = input.kind !== "swap" || (state.version > 0 && state.value === input.expected);
    const shown = input.kind === "swap" && isSwapped ? null : state;
    if (output !== null && cellText(output.cell) !== cellText(shown)) {
      return undefined;
    }
    switch (input.kind) {
      case "get":
        return state;
      case "delete":
        return absent;
      default:
        return isSwapped ? { value: input.value, version: state.version + 1 } : state;
    }
  },
  keyOf: (state) => cellText(state),
  // A swap that was answered by what stands there instead did not take place.
  isReadOnly: ({ kind }, output) =>
    kind === "get" || (kind === "swap" && output !== null && output.cell !== null),
};

function cellText(cell: Cell | null): string {
  return cell === null ? "swapped" : `${cell.version}:${cell.value}`;
}

interface Noted {
  readonly input: Input;
  readonly calledAt: number;
  output: Output | null;
  returnedAt: number | null;
  /** Whether it certainly had no effect. */
  isVoid: boolean;
}

/** The history of all such clients of a run. */
export class KeyHistory {
  readonly #noted: Noted[] = [];
  #moment = 0;

  /** A client asks; returns what to call with the answer, and with whether it may have had an effect. */
  begin(input: Input): (answer: Answer, mayBeDone: boolean) => void {
    this.#moment++;
    const noted: Noted = { input, calledAt: this.#moment, output: null, returnedAt: null, isVoid: false };
    this.#noted.push(noted);
    return (answer, mayBeDone) => {
      this.#moment++;
      if (answer.kind === "done") {
        noted.output = { cell: cellOf(input, answer.message) };
        noted.returnedAt = this.#moment;
      } else if (!mayBeDone) {
        noted.isVoid = true;
      }
    };
  }

  /** Searches for an order. A write of unknown outcome whose value was never written is left out, for it explains nothing. */
  check(stepsMax: number, wasWritten: (value: string) => boolean): void {
    const seen = this.#noted.filter(
      ({ input, isVoid, output }) =>
        output !== null ||
        (!isVoid && (input.kind === "delete" || (input.kind !== "get" && wasWritten(input.value)))),
    );
    const operations = seen.map(
      ({ calledAt, input, output, returnedAt }): Operation<Input, Output> => ({
        calledAt,
        input,
        output,
        returnedAt,
      }),
    );
    const verdict = checkLinearizableByKey(keyModel, operations, ({ key }) => key, { stepsMax });
    promise(
      verdict.kind === "linearizable",
      "linearizability",
      () => `the history of ${operations.length} operations of the API's clients: ${verdict.kind}`,
    );
  }
}

function cellOf(input: Input, message: Message): Cell | null {
  switch (input.kind) {
    case "put":
      return cell(message.message(2));
    case "get":
      return cell(message.messages(2)[0] ?? null);
    case "delete":
      return cell(message.messages(3)[0] ?? null);
    case "swap": {
      if (message.flag(2)) {
        return null;
      }
      const [response] = message.messages(3);
      return cell(must(response?.message(1), "single keys: no range in the answer").messages(2)[0] ?? null);
    }
  }
}

function cell(message: Message | null): Cell {
  if (message === null) {
    return absent;
  }
  const { value, version } = pairOfMessage(message);
  return { value, version };
}

/** See the head of this file. */
export class SingleKeys extends Client {
  readonly #history: KeyHistory;
  readonly #keyCount: number;
  #writeCount = 0;
  #lastSeen = "";

  constructor(kit: ClientKit, name: string, history: KeyHistory, keyCount: number) {
    super(kit, name);
    this.#history = history;
    this.#keyCount = keyCount;
  }

  start(): void {
    this.loop((again) => this.#act(again));
  }

  #act(again: () => void): void {
    const key = `${prefixes.single}${this.random.integer(0, this.#keyCount)}`;
    switch (this.random.integer(0, 8)) {
      case 0:
        this.#write({ kind: "delete", key }, again);
        break;
      case 1:
      case 2:
        this.#write({ kind: "put", key, value: this.#value() }, again);
        break;
      case 3:
      case 4:
        this.#write({ kind: "swap", key, expected: this.#lastSeen, value: this.#value() }, again);
        break;
      default:
        this.#read(key, again);
    }
  }

  #value(): string {
    this.#writeCount++;
    return `${this.name}-${this.#writeCount}`;
  }

  #read(key: string, again: () => void): void {
    const done = this.#history.begin({ kind: "get", key });
    this.read(rangeOf(key), (answer) => {
      done(answer, false);
      this.#lastSeen = answer.kind === "done" ? cell(answer.message.messages(2)[0] ?? null).value : "";
      again();
    });
  }

  #write(input: Exclude<Input, { readonly kind: "get" }>, again: () => void): void {
    const done = this.#history.begin(input);
    const told = (answer: Answer): void => {
      done(answer, mayBeDone(answer));
      if (answer.kind === "done" && input.kind === "swap") {
        this.kit.counts.add("single-key-swap");
      }
      again();
    };
    switch (input.kind) {
      case "put":
        this.write(putOf(input.key, input.value, { prevKv: true }), told);
        break;
      case "delete":
        this.write(deleteOf(input.key, "", true), told);
        break;
      case "swap":
        this.write(
          txnOf([valueIs(input.key, input.expected)], [putOf(input.key, input.value)], [rangeOf(input.key)]),
          told,
        );
    }
  }
}

/** Whether nobody can say that a write had no effect. */
function mayBeDone(answer: Answer): boolean {
  const isRefused = answer.kind === "refused" && answer.code !== null;
  return !isRefused || answer.code.startsWith("KV_TIMEOUT") || answer.code === "KV_STOPPED";
}
