/** A state machine of JSON commands and JSON images behind the port of bytes. */
import { DecodeError, utf8Decode, utf8Encode } from "@quorate/base";
import type { ApplyContext, StateMachine, StateMachineImage, StateMachineRestore } from "@quorate/raft";
import type { Codec, JsonStateMachine } from "./options.ts";

/** Commands as JSON text. */
export function jsonCodec<Command>(): Codec<Command> {
  return {
    encode: (command) => utf8Encode(JSON.stringify(command)),
    decode: (bytes) => JSON.parse(textOf(bytes)) as Command,
  };
}

/** Fits `machine` behind the host's port. */
export class JsonMachineAdapter<Command, Result> implements StateMachine<Result> {
  readonly #machine: JsonStateMachine<Command, Result>;
  readonly #codec: Codec<Command>;

  constructor(machine: JsonStateMachine<Command, Result>, codec: Codec<Command>) {
    this.#machine = machine;
    this.#codec = codec;
  }

  apply(command: Uint8Array, context: ApplyContext): Result {
    return this.#machine.apply(this.#codec.decode(command), context);
  }

  snapshot(): StateMachineImage {
    const image = utf8Encode(JSON.stringify(this.#machine.snapshot()));
    let offset = 0;
    return {
      read(bytesMax) {
        if (offset >= image.length) {
          return null;
        }
        const chunk = image.subarray(offset, offset + bytesMax);
        offset += chunk.length;
        return chunk;
      },
      close() {},
    };
  }

  restore(): StateMachineRestore {
    const machine = this.#machine;
    let image = new Uint8Array(0);
    let length = 0;
    return {
      write(chunk) {
        if (length + chunk.length > image.length) {
          const grown = new Uint8Array(Math.max(length + chunk.length, image.length * 2));
          grown.set(image.subarray(0, length));
          image = grown;
        }
        image.set(chunk, length);
        length += chunk.length;
      },
      finish() {
        machine.restore(JSON.parse(textOf(image.subarray(0, length))) as never);
      },
    };
  }
}

function textOf(bytes: Uint8Array): string {
  const text = utf8Decode(bytes);
  if (text === null) {
    throw new DecodeError("not UTF-8", 0);
  }
  return text;
}
