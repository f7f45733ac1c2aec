/**
 * Access control in images: a sequence of records, each of which a reader can take by itself, so that blocks may be cut
 * between any two. First the head, then each role with its permissions behind it, then the users, each by name.
 */
import { assert, type ByteReader, ByteWriter, DecodeError } from "@quorate/base";
import { UnsupportedFormat } from "../errors.ts";
import { readFlags, readText, writeText } from "../request/codec-parts.ts";
import { comparePermissions, isPermissionRange } from "./apply-auth.ts";
import { readPasswordHash, readPermission, writePasswordHash, writePermission } from "./auth-codec.ts";
import { type AuthState, authStateInitial, compareNames } from "./auth-state.ts";
import type { AuthPermission, AuthRole, AuthUser } from "./auth-types.ts";

const record = { head: 1, role: 2, permission: 3, user: 4 } as const;

/** Writes a state in slices. */
export class AuthImage {
  readonly #records: Iterator<(writer: ByteWriter) => void>;
  #done = false;

  constructor(state: AuthState) {
    this.#records = recordsOf(state);
  }

  /** Whether all is written. */
  get done(): boolean {
    return this.#done;
  }

  /** Appends about `bytesMax` bytes, whole records, one at least. */
  write(writer: ByteWriter, bytesMax: number): void {
    assert(!this.#done && bytesMax > 0, "auth image: written after its end");
    const until = writer.length + bytesMax;
    do {
      const next = this.#records.next();
      if (next.done === true) {
        this.#done = true;
        return;
      }
      next.value(writer);
    } while (writer.length < until);
  }

  /** The next bytes by themselves, or null at the end. */
  read(bytesMax: number): Uint8Array | null {
    if (this.#done) {
      return null;
    }
    const writer = new ByteWriter(1024);
    this.write(writer, bytesMax);
    return writer.finish();
  }
}

function* recordsOf(state: AuthState): Generator<(writer: ByteWriter) => void, void> {
  yield (writer) => {
    writer.u8(record.head);
    writer.u8(state.enabled ? 1 : 0);
    writer.varint(state.revision);
    writer.varint(state.roles.size);
    writer.varint(state.users.size);
  };
  for (const role of state.roles.values()) {
    yield (writer) => {
      writer.u8(record.role);
      writeText(writer, role.name);
      writer.varint(role.permissions.length);
    };
    for (const permission of role.permissions) {
      yield (writer) => {
        writer.u8(record.permission);
        writePermission(writer, permission);
      };
    }
  }
  for (const user of state.users.values()) {
    yield (writer) => writeUser(writer, user);
  }
}

function writeUser(writer: ByteWriter, user: AuthUser): void {
  writer.u8(record.user);
  writeText(writer, user.name);
  writePasswordHash(writer, user.passwordHash);
  writer.varint(user.roles.length);
  for (const role of user.roles) {
    writeText(writer, role);
  }
}

interface Head {
  readonly enabled: boolean;
  readonly revision: number;
  readonly roleCount: number;
  readonly userCount: number;
}

/** Reads what {@link AuthImage} wrote, block by block. */
export class AuthRestore {
  #head: Head | null = null;
  readonly #roles: Map<string, AuthRole> = new Map();
  readonly #users: Map<string, AuthUser> = new Map();
  /** The role whose permissions are being read, and how many it has. */
  #role: { readonly name: string; readonly count: number; readonly permissions: AuthPermission[] } | null =
    null;
  #lastRole = "";
  #lastUser = "";

  /** Takes whole records. @throws DecodeError for damage, UnsupportedFormat for what a newer version wrote. */
  take(payload: ByteReader): void {
    while (payload.remaining > 0) {
      const kind = payload.u8();
      this.#check(kind === record.head ? this.#head === null : this.#head !== null, payload);
      switch (kind) {
        case record.head:
          this.#takeHead(payload);
          break;
        case record.role:
          this.#takeRole(payload);
          break;
        case record.permission:
          this.#takePermission(payload);
          break;
        case record.user:
          this.#takeUser(payload);
          break;
        default:
          throw new UnsupportedFormat(`image record ${kind} of access control: this version cannot read it`);
      }
    }
  }

  /** The state; the initial one where the image had none. @throws DecodeError when something is missing. */
  finish(): AuthState {
    this.#endRole();
    if (this.#head === null) {
      return authStateInitial;
    }
    const { enabled, revision, roleCount, userCount } = this.#head;
    if (roleCount !== this.#roles.size || userCount !== this.#users.size) {
      throw new DecodeError("image: roles or users missing", 0);
    }
    return { enabled, revision, users: this.#users, roles: this.#roles };
  }

  #takeHead(payload: ByteReader): void {
    const enabled = readFlags(payload, 1) === 1;
    const revision = payload.varint();
    this.#check(revision > 0, payload);
    this.#head = { enabled, revision, roleCount: payload.varint(), userCount: payload.varint() };
  }

  #takeRole(payload: ByteReader): void {
    this.#endRole();
    const name = readText(payload);
    const ascends = compareNames(this.#lastRole, name) < 0;
    this.#check(ascends && this.#users.size === 0, payload);
    this.#lastRole = name;
    this.#role = { name, count: payload.varint(), permissions: [] };
  }

  #takePermission(payload: ByteReader): void {
    const role = this.#role;
    const { access, key, rangeEnd } = readPermission(payload);
    const permission = { access, key: key.slice(), rangeEnd: rangeEnd.slice() };
    const before = role?.permissions.at(-1);
    const ascends = before === undefined || comparePermissions(before, permission) < 0;
    this.#check(role !== null && ascends && isPermissionRange(key, rangeEnd), payload);
    role?.permissions.push(permission);
  }

  #takeUser(payload: ByteReader): void {
    this.#endRole();
    const name = readText(payload);
    this.#check(compareNames(this.#lastUser, name) < 0, payload);
    this.#lastUser = name;
    const passwordHash = readPasswordHash(payload);
    const roles: string[] = [];
    for (let left = payload.varint(); left > 0; left--) {
      const role = readText(payload);
      const before = roles.at(-1);
      this.#check(before === undefined || compareNames(before, role) < 0, payload);
      roles.push(role);
    }
    this.#users.set(name, { name, passwordHash, roles });
  }

  #endRole(): void {
    const role = this.#role;
    if (role !== null) {
      if (role.permissions.length !== role.count) {
        throw new DecodeError("image: permissions missing", 0);
      }
      this.#roles.set(role.name, { name: role.name, permissions: role.permissions });
      this.#role = null;
    }
  }

  #check(holds: boolean, payload: ByteReader): void {
    if (!holds) {
      throw new DecodeError("image: access control out of order", payload.offset);
    }
  }
}
