/** A state machine that would show a command applied twice: it counts each, and answers with the place in the order. */
import { ByteReader, ByteWriter, concatBytes, utf8Decode, utf8Encode } from "@quorate/base";
import type { ResultCodec, StateMachine, StateMachineImage, StateMachineRestore } from "@quorate/raft";

export class NumberedMachine implements StateMachine<string> {
  order: string[] = [];

  apply(command: Uint8Array): string {
    const name = utf8Decode(command);
    if (name === null) {
      throw new Error("not text");
    }
    this.order.push(name);
    return `${name}@${this.order.length}`;
  }

  snapshot(): StateMachineImage {
    const writer = new ByteWriter();
    for (const name of this.order) {
      writer.lengthPrefixed(utf8Encode(name));
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
      write: (chunk) => void chunks.push(chunk.slice()),
      finish: () => {
        const reader = new ByteReader(concatBytes(chunks));
        const order: string[] = [];
        while (reader.remaining > 0) {
          order.push(utf8Decode(reader.lengthPrefixed()) ?? "");
        }
        this.order = order;
      },
    };
  }
}

export const textResults: ResultCodec<string> = {
  encode: utf8Encode,
  decode: (bytes) => utf8Decode(bytes) ?? "",
};

/** The whole image, read in slices of about `bytesMax`. */
export function imageOf(machine: StateMachine<unknown>, bytesMax = 1000): Uint8Array {
  return readImage(machine.snapshot(), bytesMax);
}

export function readImage(image: StateMachineImage, bytesMax = 1000): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = image.read(bytesMax); chunk !== null; chunk = image.read(bytesMax)) {
    chunks.push(chunk.slice());
  }
  image.close();
  return concatBytes(chunks);
}

/** Restores in chunks of `chunkBytes`, from a buffer that is overwritten after each. */
export function restoreFrom(machine: StateMachine<unknown>, image: Uint8Array, chunkBytes: number): void {
  const restore = machine.restore();
  const buffer = new Uint8Array(chunkBytes);
  for (let offset = 0; offset < image.length; offset += chunkBytes) {
    const chunk = image.subarray(offset, offset + chunkBytes);
    buffer.set(chunk);
    restore.write(buffer.subarray(0, chunk.length));
    buffer.fill(0xee);
  }
  restore.finish();
}
