/**
 * An image for the first snapshot of a group that begins with a state instead of an empty log: what the host of a running member
 * writes, made without one. Every first member gets the same bytes.
 */
import { encodeMemberSection } from "./member-codec.ts";
import { noNotes } from "./member-record.ts";
import { ImageCheck } from "./snapshot-seal.ts";

/**
 * The bytes of the image around `state`, the chunks of a state machine's own image.
 *
 * @example
 * ```ts
 * import { firstImage } from "@quorate/raft";
 * const chunks = [...firstImage([new Uint8Array([1, 2, 3])])];
 * chunks.length; // 3: the members, the state, the seal
 * ```
 */
export function* firstImage(state: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  const check = new ImageCheck();
  const section = encodeMemberSection(noNotes);
  check.take(section);
  yield section;
  for (const chunk of state) {
    check.take(chunk);
    yield chunk;
  }
  yield check.seal();
}
