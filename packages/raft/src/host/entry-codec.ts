/**
 * Commands stored in another form than they are applied in, such as compressed. The first byte of an entry says in which, so
 * members with different settings read each other's entries. It stands around the state machine: the log and the wire carry what is stored.
 */
import { assert, DecodeError } from "@quorate/base";
import type { StateMachine } from "./ports.ts";

/** Forms of commands. `encode` decides; `decode` of every member must know all of them, and give the same bytes. */
export interface EntryCodec {
  /** The stored form; never empty. The caller's bytes stay as they are. */
  encode(command: Uint8Array): Uint8Array;
  /** @throws DecodeError where the form is unknown or the bytes are not of it: the member cannot go on. */
  decode(stored: Uint8Array): Uint8Array;
}

/** First bytes of stored entries. A new form is a new number; 0 is left to what is no form at all. */
export const entryForm = { plain: 1, deflate: 2 } as const;

/** What a stored entry may be longer than its command. */
export const entryFormOverheadBytes = 1;

/** Commands as they are, behind the byte that says so. */
export const plainEntryCodec: EntryCodec = {
  encode: encodePlainEntry,
  decode: (stored) => {
    if (stored[0] !== entryForm.plain) {
      throw new DecodeError("an entry in a form that is not known here", 0);
    }
    return stored.subarray(1);
  },
};

/** The plain form. */
export function encodePlainEntry(command: Uint8Array): Uint8Array {
  const stored = new Uint8Array(1 + command.length);
  stored[0] = entryForm.plain;
  stored.set(command, 1);
  return stored;
}

/** Gives a state machine the commands that were stored by a codec; its images stay as they are. */
export function withEntryCodec<Result>(
  machine: StateMachine<Result>,
  codec: EntryCodec,
): StateMachine<Result> {
  return {
    apply: (stored, context) => {
      assert(stored.length > 0, "entry codec: the no-op is nobody's command");
      return machine.apply(codec.decode(stored), context);
    },
    snapshot: () => machine.snapshot(),
    lastSnapshot: () => machine.lastSnapshot?.() ?? machine.snapshot(),
    restore: () => machine.restore(),
  };
}
