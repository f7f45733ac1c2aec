/**
 * The end of every image: how long it is and the checksum of all of it, made once by the member that made the image and checked by
 * each that receives or restores it, before any state is replaced. RAFT §5.3. A stored format with golden bytes.
 */
import { assert, ByteReader, ByteWriter, concatBytes, crc32c, DecodeError } from "@quorate/base";

const magic = 0x4542_5251; // "QRBE"
const version = 1;

/** Bytes of the seal. */
export const imageSealBytes = 20;

/** Memory that chunks of an image are read into, one after the other: with room for what storage has around and between their bytes. */
export function roomOf(chunkBytes: number): Uint8Array {
  assert(chunkBytes > 0, "image: no room for a chunk");
  return new Uint8Array(2 * chunkBytes + 4096);
}

/** Follows an image from its first byte to its seal. */
export class ImageCheck {
  #bytes = 0;
  #crc = 0;
  /** The last bytes so far, which may be the seal. */
  #tail: Uint8Array = new Uint8Array(0);

  /** Bytes taken, a seal among them included. */
  get bytes(): number {
    return this.#bytes + this.#tail.length;
  }

  /** Takes the next bytes of the image. They are not kept. */
  take(chunk: Uint8Array): void {
    if (chunk.length >= imageSealBytes) {
      const body = chunk.length - imageSealBytes;
      this.#cover(this.#tail);
      this.#cover(chunk.subarray(0, body));
      this.#tail = chunk.slice(body);
      return;
    }
    const joined = concatBytes([this.#tail, chunk]);
    const body = Math.max(0, joined.length - imageSealBytes);
    this.#cover(joined.subarray(0, body));
    this.#tail = joined.slice(body);
  }

  #cover(bytes: Uint8Array): void {
    this.#crc = crc32c(bytes, this.#crc);
    this.#bytes += bytes.length;
  }

  /** The seal for what was taken, which ends without one. */
  seal(): Uint8Array {
    this.#cover(this.#tail);
    this.#tail = new Uint8Array(0);
    return encodeImageSeal(this.#bytes, this.#crc);
  }

  /** What is wrong with an image that was taken whole, its seal included; null when nothing is. */
  fault(): string | null {
    if (this.#tail.length < imageSealBytes) {
      return "the image is shorter than its seal";
    }
    try {
      return this.#compare(new ByteReader(this.#tail));
    } catch (error) {
      if (error instanceof DecodeError) {
        return error.message;
      }
      throw error;
    }
  }

  #compare(seal: ByteReader): string | null {
    if (seal.u32() !== magic) {
      return "the image does not end with a seal";
    }
    if (seal.u32() !== version) {
      return "the seal of the image has an unknown version";
    }
    if (seal.u64() !== this.#bytes) {
      return "the image is not as long as its seal says";
    }
    return seal.u32() === this.#crc ? null : "the checksum of the image is not that of its seal";
  }
}

function encodeImageSeal(bytes: number, crc: number): Uint8Array {
  const writer = new ByteWriter(imageSealBytes);
  writer.u32(magic);
  writer.u32(version);
  writer.u64(bytes);
  writer.u32(crc);
  assert(writer.length === imageSealBytes, "seal: length");
  return writer.finish();
}
