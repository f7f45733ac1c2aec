/** A state machine that remembers its commands and answers with their number: what tests compare between members. */
import { assert, ByteReader, ByteWriter, concatBytes } from "@quorate/base";
import type { ApplyContext, StateMachine, StateMachineImage, StateMachineRestore } from "../host/ports.ts";

/** Keeps every command it applied. */
export class RecordingMachine implements StateMachine<number> {
  #commands: Uint8Array[] = [];
  #lastIndex = 0;

  /** Commands applied so far, oldest first. */
  get commands(): readonly Uint8Array[] {
    return this.#commands;
  }

  apply(command: Uint8Array, context: ApplyContext): number {
    assert(command.length > 0, "machine: the no-op is nobody's command");
    assert(context.index > this.#lastIndex, "machine: a command applied twice");
    this.#lastIndex = context.index;
    this.#commands.push(command.slice());
    return this.#commands.length;
  }

  snapshot(): StateMachineImage {
    const writer = new ByteWriter();
    writer.varint(this.#lastIndex);
    writer.varint(this.#commands.length);
    for (const command of this.#commands) {
      writer.lengthPrefixed(command);
    }
    const bytes = writer.finish();
    let offset = 0;
    return {
      read: (bytesMax) => {
        const chunk = bytes.subarray(offset, offset + bytesMax);
        offset += chunk.length;
        return chunk.length === 0 ? null : chunk;
      },
      close: () => {},
    };
  }

  restore(): StateMachineRestore {
    const chunks: Uint8Array[] = [];
    return {
      copies: true,
      write: (chunk) => void chunks.push(chunk.slice()),
      finish: () => {
        const reader = new ByteReader(concatBytes(chunks));
        const lastIndex = reader.varint();
        const commands = Array.from({ length: reader.varint() }, () => reader.lengthPrefixed());
        reader.end();
        this.#lastIndex = lastIndex;
        this.#commands = commands;
      },
    };
  }
}
