/** The replicated state of a story: how many writes there were. */
import { ByteReader, ByteWriter, DecodeError } from "@quorate/base";
import type { StateMachine, StateMachineImage, StateMachineRestore } from "@quorate/raft";

/** The command; its bytes say nothing, that it is applied counts. */
export const writeCommand: Uint8Array = Uint8Array.of(1);

const imageVersion = 1;

/** Counts commands; `apply` returns the log index. */
export class Counter implements StateMachine<number> {
  #total = 0;

  get total(): number {
    return this.#total;
  }

  apply(_command: Uint8Array, { index }: { readonly index: number }): number {
    this.#total++;
    return index;
  }

  snapshot(): StateMachineImage {
    const writer = new ByteWriter();
    writer.u8(imageVersion);
    writer.varint(this.#total);
    let image: Uint8Array | null = writer.finish();
    return {
      read() {
        const chunk = image;
        image = null;
        return chunk;
      },
      close() {},
    };
  }

  restore(): StateMachineRestore {
    const chunks: Uint8Array[] = [];
    return {
      write: (chunk) => void chunks.push(chunk.slice()),
      finish: () => {
        const reader = new ByteReader(Buffer.concat(chunks));
        if (reader.u8() !== imageVersion) {
          throw new DecodeError("story: unknown version of the image", 0);
        }
        this.#total = reader.varint();
        reader.end();
      },
    };
  }
}
