/**
 * What stands in the log where the state machine keeps sessions: the application's command, and whose it is. RAFT §6.3. A
 * stored format, so: a version in the first byte, and golden bytes in the tests.
 */
import { assert, ByteReader, ByteWriter, DecodeError } from "@quorate/base";
import { type LogIndex, toLogIndex } from "../types/ids.ts";
import { readSessionLimits, type SessionLimits, writeSessionLimits } from "./limits.ts";

/** Names a session: the log index at which it was registered, so that no two ever have the same. */
export type SessionId = LogIndex;

/** A command as the session layer sees it. */
export type SessionCommand =
  // RAFT §6.3 [session-serials]: a command carries its session and a serial number.
  /** Of no session: applied each time it stands in the log. */
  | { readonly kind: "plain"; readonly command: Uint8Array }
  | { readonly kind: "register"; readonly limits: SessionLimits }
  | {
      readonly kind: "command";
      readonly session: SessionId;
      /** From 1, never used for another command of the session. */
      readonly sequence: number;
      /** The lowest sequence whose answer the client still waits for: what was saved below it is of no more use. */
      readonly lowestPending: number;
      readonly command: Uint8Array;
    }
  /** Uses the session without a command, so that it is not the least recently used. */
  | { readonly kind: "keep-alive"; readonly session: SessionId; readonly lowestPending: number }
  | { readonly kind: "close"; readonly session: SessionId };

/** Version in the upper four bits, kind in the lower. */
const version = 1;
const kinds = ["plain", "register", "command", "keep-alive", "close"] as const;

/** The most that {@link encodeSessionCommand} adds to a command. */
export const sessionCommandOverheadBytes: number = 1 + 3 * 8;

/** The bytes of a command for the log. */
export function encodeSessionCommand(command: SessionCommand): Uint8Array {
  const body = "command" in command ? command.command.length : 64;
  const writer = new ByteWriter(sessionCommandOverheadBytes + body);
  writer.u8((version << 4) | kinds.indexOf(command.kind));
  switch (command.kind) {
    case "plain":
      writer.bytes(command.command);
      break;
    case "register":
      writeSessionLimits(writer, command.limits);
      break;
    case "command":
      assert(command.sequence >= 1, "session: sequences begin at 1");
      assert(command.lowestPending <= command.sequence, "session: acknowledges what is just asked");
      writer.varint(command.session);
      writer.varint(command.sequence);
      writer.varint(command.lowestPending);
      writer.bytes(command.command);
      break;
    case "keep-alive":
      writer.varint(command.session);
      writer.varint(command.lowestPending);
      break;
    case "close":
      writer.varint(command.session);
      break;
  }
  return writer.finish();
}

/** Reads what {@link encodeSessionCommand} wrote; the command is a view. @throws DecodeError when it did not. */
export function decodeSessionCommand(bytes: Uint8Array): SessionCommand {
  const reader = new ByteReader(bytes);
  const first = reader.u8();
  const kind = kinds[first & 0x0f];
  if (first >>> 4 !== version || kind === undefined) {
    throw new DecodeError("not a session command of a version known here", 0);
  }
  const decoded = readBody(reader, kind);
  reader.end();
  return decoded;
}

function readBody(reader: ByteReader, kind: SessionCommand["kind"]): SessionCommand {
  switch (kind) {
    case "plain":
      return { kind, command: reader.bytes(reader.remaining) };
    case "register":
      return { kind, limits: readSessionLimits(reader) };
    case "command": {
      const session = readSessionId(reader);
      const sequence = reader.varint();
      const lowestPending = reader.varint();
      if (sequence < 1 || lowestPending > sequence) {
        throw new DecodeError("sequence of a session out of range", reader.offset);
      }
      return { kind, session, sequence, lowestPending, command: reader.bytes(reader.remaining) };
    }
    case "keep-alive":
      return { kind, session: readSessionId(reader), lowestPending: reader.varint() };
    case "close":
      return { kind, session: readSessionId(reader) };
  }
}

function readSessionId(reader: ByteReader): SessionId {
  const id = reader.varint();
  if (id < 1) {
    throw new DecodeError("session 0", reader.offset);
  }
  return toLogIndex(id);
}
