/**
 * The binary form of access control: actions, permissions and principals in commands, and permissions in images. Numbers are
 * never given to another name.
 */
import { assert, type ByteReader, type ByteWriter, DecodeError, unreachable } from "@quorate/base";
import { UnsupportedFormat } from "../errors.ts";
import { readFlags, readText, writeText } from "../request/codec-parts.ts";
import type { AuthAccess, AuthAction, AuthPermission, AuthRequest, Principal } from "./auth-types.ts";

const opNumber = {
  enable: 1,
  disable: 2,
  authenticate: 3,
  "user-add": 4,
  "user-delete": 5,
  "user-change-password": 6,
  "user-grant-role": 7,
  "user-revoke-role": 8,
  "role-add": 9,
  "role-delete": 10,
  "role-grant-permission": 11,
  "role-revoke-permission": 12,
} as const;

const accesses: readonly AuthAccess[] = ["read", "write", "read-write"];

const principalNumber = { server: 1, user: 2 } as const;

/** Appends an action without version and type. */
export function writeAuth(writer: ByteWriter, action: AuthAction): void {
  writer.u8(opNumber[action.op]);
  switch (action.op) {
    case "enable":
    case "disable":
      break;
    case "authenticate":
      writeText(writer, action.user);
      writeText(writer, action.nonce);
      writer.varint(action.checkedRevision);
      break;
    case "user-add":
      writeText(writer, action.user);
      writePasswordHash(writer, action.passwordHash);
      break;
    case "user-change-password":
      writeText(writer, action.user);
      writeText(writer, action.passwordHash);
      break;
    case "user-delete":
      writeText(writer, action.user);
      break;
    case "user-grant-role":
    case "user-revoke-role":
      writeText(writer, action.user);
      writeText(writer, action.role);
      break;
    case "role-add":
    case "role-delete":
      writeText(writer, action.role);
      break;
    case "role-grant-permission":
      writeText(writer, action.role);
      writePermission(writer, action.permission);
      break;
    case "role-revoke-permission":
      writeText(writer, action.role);
      writer.lengthPrefixed(action.key);
      writer.lengthPrefixed(action.rangeEnd);
      break;
    default:
      unreachable(action);
  }
}

/** Reads what {@link writeAuth} wrote. */
export function readAuth(reader: ByteReader): AuthRequest {
  return { type: "auth", ...readAction(reader) };
}

function readAction(reader: ByteReader): AuthAction {
  const op = reader.u8();
  switch (op) {
    case opNumber.enable:
      return { op: "enable" };
    case opNumber.disable:
      return { op: "disable" };
    case opNumber.authenticate:
      return {
        op: "authenticate",
        user: readText(reader),
        nonce: readText(reader),
        checkedRevision: reader.varint(),
      };
    case opNumber["user-add"]:
      return { op: "user-add", user: readText(reader), passwordHash: readPasswordHash(reader) };
    case opNumber["user-change-password"]:
      return { op: "user-change-password", user: readText(reader), passwordHash: readText(reader) };
    case opNumber["user-delete"]:
      return { op: "user-delete", user: readText(reader) };
    case opNumber["user-grant-role"]:
      return { op: "user-grant-role", user: readText(reader), role: readText(reader) };
    case opNumber["user-revoke-role"]:
      return { op: "user-revoke-role", user: readText(reader), role: readText(reader) };
    default:
      return readRoleAction(reader, op);
  }
}

function readRoleAction(reader: ByteReader, op: number): AuthAction {
  switch (op) {
    case opNumber["role-add"]:
      return { op: "role-add", role: readText(reader) };
    case opNumber["role-delete"]:
      return { op: "role-delete", role: readText(reader) };
    case opNumber["role-grant-permission"]:
      return { op: "role-grant-permission", role: readText(reader), permission: readPermission(reader) };
    case opNumber["role-revoke-permission"]:
      return {
        op: "role-revoke-permission",
        role: readText(reader),
        key: reader.lengthPrefixed(),
        rangeEnd: reader.lengthPrefixed(),
      };
    default:
      throw new UnsupportedFormat(`access control action ${op}: this version cannot apply it`);
  }
}

/** Appends a hash, or that there is none. */
export function writePasswordHash(writer: ByteWriter, hash: string | null): void {
  writer.u8(hash === null ? 0 : 1);
  if (hash !== null) {
    writeText(writer, hash);
  }
}

/** Reads what {@link writePasswordHash} wrote. */
export function readPasswordHash(reader: ByteReader): string | null {
  return readFlags(reader, 1) === 1 ? readText(reader) : null;
}

/** Appends a permission. */
export function writePermission(writer: ByteWriter, permission: AuthPermission): void {
  writer.u8(accesses.indexOf(permission.access));
  writer.lengthPrefixed(permission.key);
  writer.lengthPrefixed(permission.rangeEnd);
}

/** Reads what {@link writePermission} wrote. */
export function readPermission(reader: ByteReader): AuthPermission {
  const place = reader.u8();
  const access = accesses[place];
  if (access === undefined) {
    throw new UnsupportedFormat(`permission of kind ${place}: this version cannot apply it`);
  }
  return { access, key: reader.lengthPrefixed(), rangeEnd: reader.lengthPrefixed() };
}

/** Appends on whose behalf a command stands. */
export function writePrincipal(writer: ByteWriter, principal: Principal): void {
  writer.u8(principalNumber[principal.kind]);
  if (principal.kind === "user") {
    assert(principal.name !== "", "auth codec: a user without a name");
    writeText(writer, principal.name);
    writer.varint(principal.authRevision);
  }
}

/** Where what follows a principal begins that stands at `start`, 0 where that is too long to tell soon. It is a guess, too. */
export function placeBehindPrincipal(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== principalNumber.user) {
    return start + 1;
  }
  const nameLength = bytes[start + 1] ?? 0;
  if (nameLength >= 128) {
    return 0;
  }
  let place = start + 2 + nameLength;
  while ((bytes[place] ?? 0) >= 128) {
    place++;
  }
  return place + 1;
}

const server: Principal = { kind: "server" };

/** Reads what {@link writePrincipal} wrote. */
export function readPrincipal(reader: ByteReader): Principal {
  const kind = reader.u8();
  if (kind === principalNumber.server) {
    return server;
  }
  if (kind !== principalNumber.user) {
    throw new UnsupportedFormat(`principal of kind ${kind}: this version cannot apply its commands`);
  }
  const name = readText(reader);
  if (name === "") {
    throw new DecodeError("a user without a name", reader.offset);
  }
  return { kind: "user", name, authRevision: reader.varint() };
}
