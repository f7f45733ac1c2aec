/**
 * A member's life of somebody's own state machine, with the oracle looking over its shoulder. Commands carry the number of the operation
 * that asked for them, images the last one in them.
 */
import { ByteReader, ByteWriter, concatBytes, DecodeError, utf8Encode } from "@quorate/base";
import { type KvResult, toRevision } from "@quorate/kv";
import type { ApplyContext, NodeId, StateMachineImage, StateMachineRestore } from "@quorate/raft";
import type { Oracle } from "../checkers/oracle.ts";
import { ObservedMachine } from "../observed-machine.ts";
import type { Watch } from "../watch.ts";
import { type OwnRun, parseJson, type SimulatedMachine, textOf } from "./own-run.ts";

/** The one key of the history under which all commands stand. */
export const ownKey = "own";

/** And under this one all questions, of whose answers the history knows nothing. */
export const questionsKey = "own-questions";

/** What the history knows a command by. */
export function ownValue(operation: number): string {
  return `own-${operation}`;
}

/** A command as it stands in the log. */
export function encodeOwnCommand(operation: number, command: unknown): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(operation);
  writer.bytes(utf8Encode(textOf(command)));
  return writer.finish();
}

/** See the head of this file. */
export class OwnMachine<
  Command,
  Result,
  Machine extends SimulatedMachine<Command, Result>,
> extends ObservedMachine {
  readonly #node: NodeId;
  readonly #run: OwnRun<Command, Result, Machine>;
  readonly #oracle: Oracle;
  readonly #watch: Watch;
  readonly #machine: Machine;
  #appliedIndex = 0;
  #operation = 0;
  #imageCount = 0;

  constructor(node: NodeId, oracle: Oracle, watch: Watch, run: OwnRun<Command, Result, Machine>) {
    super(node, oracle, watch);
    this.#node = node;
    this.#run = run;
    this.#oracle = oracle;
    this.#watch = watch;
    this.#machine = run.create();
  }

  override get snapshotCount(): number {
    return this.#imageCount;
  }

  /** Nothing of it is ever compacted. */
  override get revision(): number {
    return 0;
  }

  /** The host is told the index; the result itself is asked for by it. */
  override apply(bytes: Uint8Array, context: ApplyContext): KvResult {
    const reader = new ByteReader(bytes);
    const operation = reader.varint();
    const command = parseJson(reader.bytes(reader.remaining)) as Command;
    const result = this.#watch.check(() => this.#machine.apply(command, context));
    const { index, term } = context;
    this.#appliedIndex = index;
    this.#operation = operation;
    this.#watch.check(() => {
      const digest = this.#run.applied(this.#node, index, result);
      this.#oracle.applied(this.#node, index, term, bytes, digest);
      this.#oracle.history.applied(index, ownKey, ownValue(operation));
    });
    return { type: "put", revision: toRevision(index), prevKv: null };
  }

  override snapshot(): StateMachineImage {
    this.#imageCount++;
    const image = this.#image();
    let offset = 0;
    return {
      read(bytesMax) {
        if (offset === image.length) {
          return null;
        }
        const chunk = image.slice(offset, offset + bytesMax);
        offset += chunk.length;
        return chunk;
      },
      close() {},
    };
  }

  override lastSnapshot(): StateMachineImage {
    return this.snapshot();
  }

  #image(): Uint8Array {
    const text = this.#text();
    const writer = new ByteWriter();
    writer.varint(this.#appliedIndex);
    writer.varint(this.#operation);
    writer.bytes(utf8Encode(text));
    return writer.finish();
  }

  #text(): string {
    const text = this.#watch.check(() => textOf(this.#machine.snapshot()));
    this.#watch.check(() => this.#run.imaged(this.#node, this.#appliedIndex, text));
    return text;
  }

  override restore(): StateMachineRestore {
    const chunks: Uint8Array[] = [];
    return {
      write: (chunk) => {
        chunks.push(chunk.slice());
      },
      finish: () => this.#restored(concatBytes(chunks)),
    };
  }

  #restored(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    const appliedIndex = reader.varint();
    const operation = reader.varint();
    if (reader.remaining === 0) {
      throw new DecodeError("own machine: the image is not whole", reader.offset);
    }
    const image = parseJson(reader.bytes(reader.remaining));
    this.#watch.check(() => this.#machine.restore(image as never));
    this.#appliedIndex = appliedIndex;
    this.#operation = operation;
    // What came back must be what was written: an image that leaves something out shows here.
    this.#text();
    this.#watch.check(() => this.#oracle.restored(this.#node, appliedIndex));
  }

  /** The last command for the history's key, the answer to a question for any other name. */
  override valueAt(key: string): string | null {
    if (key === ownKey) {
      return this.#operation === 0 ? null : ownValue(this.#operation);
    }
    return key === questionsKey ? null : this.#run.answer(key, this.#machine);
  }

  override digest(): number {
    this.#text();
    return this.#appliedIndex;
  }

  override historyHash(): number {
    return this.digest();
  }
}
