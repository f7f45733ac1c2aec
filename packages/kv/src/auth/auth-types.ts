/**
 * The words of etcd's access control: users, roles, permissions on key ranges, and on whose behalf a command stands in the
 * log. Nothing here is secret but password hashes, and those are made outside: the log holds no password.
 */
import type { Revision } from "../revision.ts";

/** What a permission allows. */
export type AuthAccess = "read" | "write" | "read-write";

/** A right on a key, or on a range read as in a request. */
export interface AuthPermission {
  readonly access: AuthAccess;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** A user. Never changed: a change replaces it. */
export interface AuthUser {
  readonly name: string;
  /** A bcrypt hash; null for a user who proves itself by a certificate only. */
  readonly passwordHash: string | null;
  /** Ascending. A role that does not exist any more gives nothing. */
  readonly roles: readonly string[];
}

/** A role. Never changed: a change replaces it. */
export interface AuthRole {
  readonly name: string;
  /** By key, then by range end; no two of the same range. */
  readonly permissions: readonly AuthPermission[];
}

/** The name of the user who administers, and of the role that may do everything. */
export const rootName = "root";

/**
 * On whose behalf a command stands in the log, decided when it was proposed; what it may do is decided when it is applied.
 * `server`: the member itself, for what no client asked for.
 */
export type Principal =
  | { readonly kind: "server" }
  | {
      readonly kind: "user";
      readonly name: string;
      /** Revision of the rights that the client knew: keys are refused to an older one. */
      readonly authRevision: number;
    };

/** One change of users, roles and rights, or one proof of identity. */
export type AuthAction =
  | { readonly op: "enable" | "disable" }
  | { readonly op: "user-add"; readonly user: string; readonly passwordHash: string | null }
  | { readonly op: "user-change-password"; readonly user: string; readonly passwordHash: string }
  | { readonly op: "user-delete"; readonly user: string }
  | { readonly op: "user-grant-role" | "user-revoke-role"; readonly user: string; readonly role: string }
  | { readonly op: "role-add" | "role-delete"; readonly role: string }
  | { readonly op: "role-grant-permission"; readonly role: string; readonly permission: AuthPermission }
  | {
      readonly op: "role-revoke-permission";
      readonly role: string;
      readonly key: Uint8Array;
      readonly rangeEnd: Uint8Array;
    }
  | {
      /** A user has proven itself to a member, at `checkedRevision` of the rights, and gets a token. */
      readonly op: "authenticate";
      readonly user: string;
      /** The unpredictable part of the token. */
      readonly nonce: string;
      readonly checkedRevision: number;
    };

/** {@link AuthAction} as it stands in the log. */
export type AuthRequest = { readonly type: "auth" } & AuthAction;

/** What a change of users, roles and rights answers. */
export interface AuthResult {
  readonly type: "auth";
  readonly revision: Revision;
  /** The token of an `authenticate`; null otherwise. */
  readonly token: string | null;
}
