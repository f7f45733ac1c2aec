/** State machines for tests of what lies around them: one that keeps nothing, and one that passes on what it is given. */
import { concatBytes } from "@quorate/base";
import type { ApplyContext, StateMachine, StateMachineImage, StateMachineRestore } from "../host/ports.ts";

/**
 * A state machine without state: commands are applied and forgotten, the answer is their index in the log.
 *
 * @example
 * ```ts
 * import { toLogIndex, toTerm } from "@quorate/raft";
 * import { nullMachine } from "@quorate/raft/testing";
 * nullMachine().apply(Uint8Array.of(1), { index: toLogIndex(7), term: toTerm(1) }); // 7
 * ```
 */
export function nullMachine(): StateMachine<number> {
  return {
    apply: (_command, { index }) => index,
    snapshot: () => imageOf(new Uint8Array(0)),
    restore: () => ({ write: () => {}, finish: () => {} }),
  };
}

/** What a {@link channelMachine} hands out. */
export type ChannelEvent =
  | { readonly type: "apply"; readonly command: Uint8Array; readonly context: ApplyContext }
  | { readonly type: "snapshot" }
  | { readonly type: "restore"; readonly image: Uint8Array };

/**
 * A state machine whose calls are handed to `channel`, so that a test sees what a member applies, and when. `channel` gives the
 * answer to an `apply`; its other answers are ignored. `image` is what each snapshot holds.
 *
 * @example
 * ```ts
 * import { toLogIndex, toTerm } from "@quorate/raft";
 * import { type ChannelEvent, channelMachine } from "@quorate/raft/testing";
 * const seen: ChannelEvent["type"][] = [];
 * const machine = channelMachine((event) => seen.push(event.type));
 * machine.apply(Uint8Array.of(1), { index: toLogIndex(1), term: toTerm(1) }); // 1
 * machine.snapshot().close(); // seen: apply, snapshot
 * ```
 */
export function channelMachine<Result>(
  channel: (event: ChannelEvent) => Result,
  image: () => Uint8Array = () => new Uint8Array(0),
): StateMachine<Result> {
  return {
    apply: (command, context) => channel({ type: "apply", command: command.slice(), context }),
    snapshot: () => {
      channel({ type: "snapshot" });
      return imageOf(image());
    },
    restore: () => restoreInto((bytes) => void channel({ type: "restore", image: bytes })),
  };
}

function imageOf(bytes: Uint8Array): StateMachineImage {
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

function restoreInto(finished: (image: Uint8Array) => void): StateMachineRestore {
  const chunks: Uint8Array[] = [];
  return {
    write: (chunk) => void chunks.push(chunk.slice()),
    finish: () => finished(concatBytes(chunks)),
  };
}
