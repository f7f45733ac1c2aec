/**
 * The binary form of commands, as it stands in the replicated log. One command has exactly one form, so that members agree
 * on bytes too. It starts with the format's version and the command's type; a number that this version does not know was
 * written by a newer one and is refused by name, never skipped: skipping would let members' states drift apart.
 */
import { assert, ByteReader, ByteWriter, DecodeError, unreachable } from "@quorate/base";
import {
  placeBehindPrincipal,
  readAuth,
  readPrincipal,
  writeAuth,
  writePrincipal,
} from "../auth/auth-codec.ts";
import type { Principal } from "../auth/auth-types.ts";
import { UnsupportedFormat } from "../errors.ts";
import type { Command } from "../types.ts";
import { readAlarmRequest, writeAlarmRequest } from "./alarm-codec.ts";
import { readFlags, readSigned, readText, writeSigned, writeText } from "./codec-parts.ts";
import {
  readLeaseCheckpoint,
  readLeaseGrant,
  readLeaseRevoke,
  writeLeaseCheckpoint,
  writeLeaseGrant,
  writeLeaseRevoke,
} from "./lease-codec.ts";
import { readMemberAttributes, writeMemberAttributes } from "./member-codec.ts";
import { readTxn, writeTxn } from "./txn-codec.ts";
import { readDeleteRange, readPut, writeDeleteRange, writePut } from "./write-codec.ts";

/** Version of the command format: the first byte of each command. */
export const commandFormatVersion = 1;

/** Type numbers, the second byte. A number is never given to another type. */
const typeNumber = {
  put: 1,
  "delete-range": 2,
  txn: 3,
  compaction: 4,
  "member-publish": 5,
  "lease-grant": 6,
  "lease-revoke": 7,
  "lease-checkpoint": 8,
  alarm: 9,
  auth: 10,
  downgrade: 12,
} as const;

/** A command of any other type behind the name of whom it stands for. */
const typeOnBehalf = 14;

/** Numbers set aside for what is not written yet, so that an older member can name what it meets. */
const reservedTypes: ReadonlyMap<number, string> = new Map([
  [11, "session"],
  [13, "cluster-version"],
]);

// PERF: one buffer for all encoding; `finish` copies out exactly what was written.
const scratch = new ByteWriter(4096);

/**
 * The command's bytes.
 *
 * @example
 * ```ts
 * import { decodeCommand, encodeCommand } from "@quorate/kv";
 * const bytes = encodeCommand({ type: "compaction", revision: 7, physical: false });
 * decodeCommand(bytes).type; // "compaction"
 * ```
 */
export function encodeCommand(command: Command): Uint8Array {
  scratch.reset();
  writeCommand(scratch, command);
  return scratch.finish();
}

/** Appends the command's bytes, for a caller that gathers many into one buffer. */
export function writeCommand(writer: ByteWriter, command: Command): void {
  writer.u8(commandFormatVersion);
  writer.u8(typeNumber[command.type]);
  switch (command.type) {
    case "put":
      writePut(writer, command);
      break;
    case "delete-range":
      writeDeleteRange(writer, command);
      break;
    case "txn":
      writeTxn(writer, command);
      break;
    case "compaction":
      writeSigned(writer, command.revision);
      writer.u8(command.physical ? 1 : 0);
      break;
    case "member-publish":
      writeMemberAttributes(writer, command);
      break;
    case "lease-grant":
      writeLeaseGrant(writer, command);
      break;
    case "lease-revoke":
      writeLeaseRevoke(writer, command);
      break;
    case "lease-checkpoint":
      writeLeaseCheckpoint(writer, command);
      break;
    case "alarm":
      writeAlarmRequest(writer, command);
      break;
    case "auth":
      writeAuth(writer, command);
      break;
    case "downgrade":
      // No version is empty: that stands for none.
      writeText(writer, command.targetVersion ?? "");
      break;
    default:
      unreachable(command);
  }
}

/**
 * Appends the bytes of a command with the name of whom it stands for; `command` is one that bears none. Without a name a
 * command stands for nobody, who may do nothing while access control is on.
 */
export function writeOnBehalf(writer: ByteWriter, principal: Principal, command: Uint8Array): void {
  assert(command[0] === commandFormatVersion, "command codec: not a command");
  assert(command[1] !== typeOnBehalf, "command codec: on behalf of two");
  writer.u8(commandFormatVersion);
  writer.u8(typeOnBehalf);
  writePrincipal(writer, principal);
  writer.bytes(command);
}

/** A command, and for whom it stands: null for nobody. */
export interface SignedCommand {
  readonly principal: Principal | null;
  readonly command: Command;
}

/**
 * The command that `bytes` stand for, whoever it stands for; its byte strings are views into them.
 *
 * @throws {@link UnsupportedFormat} for a version or type that a newer version wrote, DecodeError for damaged bytes.
 */
export function decodeCommand(bytes: Uint8Array): Command {
  return decodeSigned(bytes).command;
}

/** {@link decodeCommand}, with whom it stands for. */
export function decodeSigned(bytes: Uint8Array): SignedCommand {
  const reader = new ByteReader(bytes);
  let type = readType(reader);
  let principal: Principal | null = null;
  if (type === typeOnBehalf) {
    principal = readPrincipal(reader);
    type = readType(reader);
    if (type === typeOnBehalf) {
      throw new DecodeError("command on behalf of two", reader.offset);
    }
  }
  const command = readBody(reader, type);
  reader.end();
  return { principal, command };
}

/**
 * Where the key of a put begins in its command, behind one byte that says how long it is; 0 for other commands, and for keys of 128
 * bytes and more. It is a guess of what will be decoded: damaged bytes have places, too.
 */
export function placeOfPutKey(command: Uint8Array): number {
  let start = 0;
  if (command[1] === typeOnBehalf) {
    start = placeBehindPrincipal(command, 2);
    if (start === 0) {
      return 0;
    }
  }
  if (command[start] !== commandFormatVersion || command[start + 1] !== typeNumber.put) {
    return 0;
  }
  const place = start + 4;
  const length = command[place - 1] ?? 0;
  return length < 128 && place + length <= command.length ? place : 0;
}

function readType(reader: ByteReader): number {
  const version = reader.u8();
  if (version !== commandFormatVersion) {
    throw new UnsupportedFormat(`command format ${version}: this version knows ${commandFormatVersion}`);
  }
  return reader.u8();
}

function readBody(reader: ByteReader, type: number): Command {
  switch (type) {
    case typeNumber.put:
      return readPut(reader);
    case typeNumber["delete-range"]:
      return readDeleteRange(reader);
    case typeNumber.txn:
      return readTxn(reader);
    case typeNumber.compaction:
      return { type: "compaction", revision: readSigned(reader), physical: readFlags(reader, 1) === 1 };
    case typeNumber["member-publish"]:
      return { type: "member-publish", ...readMemberAttributes(reader) };
    case typeNumber["lease-grant"]:
      return readLeaseGrant(reader);
    case typeNumber["lease-revoke"]:
      return readLeaseRevoke(reader);
    case typeNumber["lease-checkpoint"]:
      return readLeaseCheckpoint(reader);
    case typeNumber.alarm:
      return readAlarmRequest(reader);
    case typeNumber.auth:
      return readAuth(reader);
    case typeNumber.downgrade: {
      const targetVersion = readText(reader);
      return { type: "downgrade", targetVersion: targetVersion === "" ? null : targetVersion };
    }
    default: {
      const name = reservedTypes.get(type) ?? "unnamed";
      throw new UnsupportedFormat(`command type ${type} (${name}): this version cannot apply it`);
    }
  }
}
