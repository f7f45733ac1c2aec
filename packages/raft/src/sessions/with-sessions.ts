/**
 * Exactly-once for any state machine. RAFT §6.3: a command that carries a session and a sequence number is applied the first
 * time it stands in the log; each later time the saved answer is given. The table is part of the replicated state and of its snapshots.
 */
import { assert, utf8Decode, utf8Encode } from "@quorate/base";
import type { ApplyContext, StateMachine, StateMachineImage, StateMachineRestore } from "../host/ports.ts";
import { decodeSessionCommand, type SessionCommand, type SessionId } from "./session-command.ts";
import { SessionImageReader, SessionImageWriter } from "./session-image.ts";
import { type SessionRefusal, SessionTable } from "./session-table.ts";

/** How answers are kept. What `decode` gives must mean the same as what was encoded. */
export interface ResultCodec<Result> {
  /** Bytes that nobody changes later; null where the answer cannot be kept. Decided by the result alone. */
  encode(result: Result): Uint8Array | null;
  decode(bytes: Uint8Array): Result;
}

/** What the proposer of a session command is told. */
export type SessionOutcome<Result> =
  /** Applied now, or `repeated` from the answer that was saved when it was. */
  | { readonly kind: "applied"; readonly result: Result; readonly repeated: boolean }
  /** Applied earlier; the answer was too large to be saved, or could not be. */
  | { readonly kind: "answer-lost" }
  | { readonly kind: "registered"; readonly session: SessionId }
  | { readonly kind: "kept-alive" }
  | { readonly kind: "closed" }
  /** Not applied this time. Only an earlier attempt of the same command can have been. */
  | { readonly kind: "refused"; readonly reason: SessionRefusal };

/** Options of {@link withSessions}. */
export interface SessionOptions<Result> {
  readonly results: ResultCodec<Result>;
  /** Told when sessions end because the table is full. Looks only: it is called within `apply`, on every member. */
  readonly onExpired?: (sessions: readonly SessionId[]) => void;
}

/** A state machine that keeps sessions. */
export interface SessionMachine<Result> extends StateMachine<SessionOutcome<Result>> {
  /** Sessions that are open, and the bytes of their saved answers. */
  readonly sessionCount: number;
  readonly sessionBytes: number;
}

/**
 * Wraps a state machine; its commands are then those of `encodeSessionCommand`, on all members from the first entry on.
 *
 * @example
 * ```ts
 * import { encodeSessionCommand, toLogIndex, toTerm, withSessions } from "@quorate/raft";
 * import { RecordingMachine } from "@quorate/raft/testing";
 * const results = { encode: (n: number) => new Uint8Array([n]), decode: (bytes: Uint8Array) => bytes[0] ?? 0 };
 * const machine = withSessions(new RecordingMachine(), { results });
 * const at = (index: number) => ({ index: toLogIndex(index), term: toTerm(1) });
 * machine.apply(encodeSessionCommand({ kind: "plain", command: new Uint8Array([1]) }), at(1)); // applied, result 1
 * ```
 */
export function withSessions<Result>(
  machine: StateMachine<Result>,
  options: SessionOptions<Result>,
): SessionMachine<Result> {
  return new MachineWithSessions(machine, options);
}

class MachineWithSessions<Result> implements SessionMachine<Result> {
  readonly #machine: StateMachine<Result>;
  readonly #options: SessionOptions<Result>;
  readonly #table: SessionTable = new SessionTable();

  constructor(machine: StateMachine<Result>, options: SessionOptions<Result>) {
    this.#machine = machine;
    this.#options = options;
  }

  get sessionCount(): number {
    return this.#table.size;
  }

  get sessionBytes(): number {
    return this.#table.bytes;
  }

  apply(bytes: Uint8Array, context: ApplyContext): SessionOutcome<Result> {
    const command = decodeSessionCommand(bytes);
    switch (command.kind) {
      case "plain":
        return { kind: "applied", result: this.#machine.apply(command.command, context), repeated: false };
      case "register":
        // RAFT §6.3 [session-register]: the log gives the client its id.
        this.#expired(this.#table.register(context.index, command.limits));
        return { kind: "registered", session: context.index };
      case "command":
        return this.#applyOnce(command, context);
      case "keep-alive":
        return this.#table.touch(command.session, command.lowestPending) === null
          ? { kind: "refused", reason: "expired" }
          : { kind: "kept-alive" };
      case "close":
        // Closing twice is closing: a repeated close has nothing to protect.
        this.#table.close(command.session);
        return { kind: "closed" };
    }
  }

  #applyOnce(
    command: SessionCommand & { readonly kind: "command" },
    context: ApplyContext,
  ): SessionOutcome<Result> {
    const { lowestPending, sequence, session } = command;
    const found = this.#table.use(session, sequence, lowestPending);
    if (found.kind === "refused") {
      return found;
    }
    const { results } = this.#options;
    if (found.kind === "answered") {
      // RAFT §6.3 [session-filter]: answered from the session, without executing the request again.
      return found.answer === null
        ? { kind: "answer-lost" }
        : { kind: "applied", result: results.decode(found.answer), repeated: true };
    }
    const result = this.#machine.apply(command.command, context);
    this.#expired(this.#table.save(session, sequence, results.encode(result)));
    return { kind: "applied", result, repeated: false };
  }

  #expired(sessions: readonly SessionId[]): void {
    if (sessions.length > 0) {
      this.#options.onExpired?.(sessions);
    }
  }

  /** Both are pinned in the same step, so the table fits the state. */
  snapshot(): StateMachineImage {
    return this.#imageOf(this.#machine.snapshot());
  }

  lastSnapshot(): StateMachineImage {
    return this.#imageOf(this.#machine.lastSnapshot?.() ?? this.#machine.snapshot());
  }

  #imageOf(image: StateMachineImage): StateMachineImage {
    const table = new SessionImageWriter(this.#table.pin());
    return {
      read: (bytesMax, room) => table.read(bytesMax) ?? image.read(bytesMax, room),
      close: () => image.close(),
    };
  }

  restore(): StateMachineRestore {
    const reader = new SessionImageReader();
    const restore = this.#machine.restore();
    return {
      copies: restore.copies ?? false,
      write: (chunk) => {
        const rest = reader.done ? chunk : reader.write(chunk);
        if (rest.length > 0) {
          restore.write(rest);
        }
      },
      finish: () => {
        const table = reader.finish();
        restore.finish();
        this.#table.replace(table);
      },
    };
  }
}

/** Answers as JSON text; no answer is no bytes. What JSON cannot carry, a repeated answer has lost. */
export function jsonResults<Result>(): ResultCodec<Result> {
  return {
    encode: (result) => {
      const text = jsonTextOf(result);
      return text === null ? null : utf8Encode(text);
    },
    decode: (bytes) => {
      const text = utf8Decode(bytes);
      assert(text !== null, "sessions: a saved answer is not text");
      return (text === "" ? undefined : JSON.parse(text)) as Result;
    },
  };
}

/** Null for what is no JSON value: a cycle, a bigint. The command is applied all the same, on every member. */
function jsonTextOf(result: unknown): string | null {
  try {
    return (JSON.stringify(result) as string | undefined) ?? "";
  } catch (error) {
    if (error instanceof TypeError) {
      return null;
    }
    throw error;
  }
}
