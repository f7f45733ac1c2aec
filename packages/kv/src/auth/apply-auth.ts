/**
 * Changes of users, roles and rights: a function of the state and the request. ETCD: what is refused, in which order and
 * with which error, what counts the revision up, and whose tokens end.
 */
import { assert, compareBytes, equalBytes, unreachable } from "@quorate/base";
import type { KvErrorCode } from "../errors.ts";
import { type AuthState, compareNames, withItem, withoutItem } from "./auth-state.ts";
import {
  type AuthAction,
  type AuthPermission,
  type AuthRole,
  type AuthUser,
  rootName,
} from "./auth-types.ts";

/** What an action did. */
interface AuthOutcome {
  readonly state: AuthState;
  /** The token that was given out. */
  readonly token: string | null;
  /** Whose tokens end with it; `all`: everybody's. */
  readonly revoked: readonly string[] | "all";
}

const nobody: readonly string[] = [];

/** The state after `action`, applied at log index `index`; or why it is refused, and then nothing has changed. */
export function applyAuthAction(
  state: AuthState,
  action: AuthAction,
  index: number,
): AuthOutcome | KvErrorCode {
  switch (action.op) {
    case "enable":
      return enable(state);
    case "disable":
      return disable(state);
    case "authenticate":
      return authenticate(state, action, index);
    case "user-add":
      return addUser(state, action.user, action.passwordHash);
    case "user-delete":
      return deleteUser(state, action.user);
    case "user-change-password":
      return changePassword(state, action.user, action.passwordHash);
    case "user-grant-role":
      return grantRole(state, action.user, action.role);
    case "user-revoke-role":
      return revokeRole(state, action.user, action.role);
    case "role-add":
      return addRole(state, action.role);
    case "role-delete":
      return deleteRole(state, action.role);
    case "role-grant-permission":
      return grantPermission(state, action.role, action.permission);
    case "role-revoke-permission":
      return revokePermission(state, action.role, action);
    default:
      return unreachable(action);
  }
}

/** The outcome of a change of rights. */
function changed(
  state: AuthState,
  change: Partial<Pick<AuthState, "enabled" | "users" | "roles">>,
  revoked: AuthOutcome["revoked"] = nobody,
): AuthOutcome {
  assert(state.revision < Number.MAX_SAFE_INTEGER, "auth: out of revisions");
  return { state: { ...state, ...change, revision: state.revision + 1 }, token: null, revoked };
}

/** The outcome of what needed no change. */
function unchanged(state: AuthState): AuthOutcome {
  return { state, token: null, revoked: nobody };
}

function enable(state: AuthState): AuthOutcome | KvErrorCode {
  if (state.enabled) {
    return unchanged(state);
  }
  const root = state.users.get(rootName);
  if (root === undefined) {
    return "KV_ROOT_USER_NOT_EXIST";
  }
  if (!root.roles.includes(rootName)) {
    return "KV_ROOT_ROLE_NOT_EXIST";
  }
  // ETCD: the rights stay what they were, and so does their revision.
  return { state: { ...state, enabled: true }, token: null, revoked: nobody };
}

function disable(state: AuthState): AuthOutcome {
  return state.enabled ? changed(state, { enabled: false }, "all") : unchanged(state);
}

/** The password was compared outside, with what was stored at `checkedRevision`: it counts only while nothing has changed. */
function authenticate(
  state: AuthState,
  action: Extract<AuthAction, { readonly op: "authenticate" }>,
  index: number,
): AuthOutcome | KvErrorCode {
  assert(index > 0, "auth: a token without an index");
  if (!state.enabled) {
    return "KV_AUTH_NOT_ENABLED";
  }
  if (action.checkedRevision !== state.revision) {
    return "KV_AUTH_OLD_REVISION";
  }
  if ((state.users.get(action.user)?.passwordHash ?? null) === null) {
    return "KV_AUTH_FAILED";
  }
  // ETCD: the index lets another member wait until it knows the token.
  return { state, token: `${action.nonce}.${index}`, revoked: nobody };
}

function addUser(state: AuthState, name: string, passwordHash: string | null): AuthOutcome | KvErrorCode {
  if (name === "") {
    return "KV_USER_EMPTY";
  }
  if (state.users.has(name)) {
    return "KV_USER_ALREADY_EXIST";
  }
  return changed(state, { users: withItem(state.users, { name, passwordHash, roles: [] }) });
}

function deleteUser(state: AuthState, name: string): AuthOutcome | KvErrorCode {
  if (state.enabled && name === rootName) {
    return "KV_INVALID_AUTH_MGMT";
  }
  if (!state.users.has(name)) {
    return "KV_USER_NOT_FOUND";
  }
  return changed(state, { users: withoutItem(state.users, name) }, [name]);
}

function changePassword(state: AuthState, name: string, passwordHash: string): AuthOutcome | KvErrorCode {
  const user = state.users.get(name);
  if (user === undefined) {
    return "KV_USER_NOT_FOUND";
  }
  // ETCD: whoever was made without a password stays without one.
  const next = user.passwordHash === null ? user : { ...user, passwordHash };
  return changed(state, { users: withItem(state.users, next) }, [name]);
}

function grantRole(state: AuthState, name: string, role: string): AuthOutcome | KvErrorCode {
  const user = state.users.get(name);
  if (user === undefined) {
    return "KV_USER_NOT_FOUND";
  }
  // ETCD: the role of root needs no entry.
  if (role !== rootName && !state.roles.has(role)) {
    return "KV_ROLE_NOT_FOUND";
  }
  if (user.roles.includes(role)) {
    return unchanged(state);
  }
  return changed(state, { users: withRoles(state, user, [...user.roles, role].sort(compareNames)) });
}

function revokeRole(state: AuthState, name: string, role: string): AuthOutcome | KvErrorCode {
  if (state.enabled && name === rootName && role === rootName) {
    return "KV_INVALID_AUTH_MGMT";
  }
  const user = state.users.get(name);
  if (user === undefined) {
    return "KV_USER_NOT_FOUND";
  }
  if (!user.roles.includes(role)) {
    return "KV_ROLE_NOT_GRANTED";
  }
  const roles = user.roles.filter((other) => other !== role);
  return changed(state, { users: withRoles(state, user, roles) });
}

function withRoles(state: AuthState, user: AuthUser, roles: readonly string[]): AuthState["users"] {
  return withItem(state.users, { ...user, roles });
}

function addRole(state: AuthState, name: string): AuthOutcome | KvErrorCode {
  if (name === "") {
    return "KV_ROLE_EMPTY";
  }
  if (state.roles.has(name)) {
    return "KV_ROLE_ALREADY_EXIST";
  }
  return changed(state, { roles: withItem(state.roles, { name, permissions: [] }) });
}

/** ETCD: a role that goes is taken from everybody who has it, and their tokens end. */
function deleteRole(state: AuthState, name: string): AuthOutcome | KvErrorCode {
  if (state.enabled && name === rootName) {
    return "KV_INVALID_AUTH_MGMT";
  }
  if (!state.roles.has(name)) {
    return "KV_ROLE_NOT_FOUND";
  }
  const users = new Map(state.users);
  const revoked: string[] = [];
  for (const user of state.users.values()) {
    if (user.roles.includes(name)) {
      users.set(user.name, { ...user, roles: user.roles.filter((role) => role !== name) });
      revoked.push(user.name);
    }
  }
  return changed(state, { users, roles: withoutItem(state.roles, name) }, revoked);
}

function grantPermission(
  state: AuthState,
  name: string,
  permission: AuthPermission,
): AuthOutcome | KvErrorCode {
  if (!isPermissionRange(permission.key, permission.rangeEnd)) {
    return "KV_INVALID_AUTH_MGMT";
  }
  const role = state.roles.get(name);
  if (role === undefined) {
    return "KV_ROLE_NOT_FOUND";
  }
  const others = role.permissions.filter((other) => comparePermissions(other, permission) !== 0);
  // Views into the command go with it.
  const kept = {
    access: permission.access,
    key: permission.key.slice(),
    rangeEnd: permission.rangeEnd.slice(),
  };
  const permissions = [...others, kept].sort(comparePermissions);
  return changed(state, { roles: withItem<AuthRole>(state.roles, { name, permissions }) });
}

function revokePermission(
  state: AuthState,
  name: string,
  range: Pick<AuthPermission, "key" | "rangeEnd">,
): AuthOutcome | KvErrorCode {
  const role = state.roles.get(name);
  if (role === undefined) {
    return "KV_ROLE_NOT_FOUND";
  }
  const permissions = role.permissions.filter(
    ({ key, rangeEnd }) => !equalBytes(key, range.key) || !equalBytes(rangeEnd, range.rangeEnd),
  );
  if (permissions.length === role.permissions.length) {
    return "KV_PERMISSION_NOT_GRANTED";
  }
  return changed(state, { roles: withItem<AuthRole>(state.roles, { name, permissions }) });
}

/** ETCD: a key, or a range that some key can lie in. */
export function isPermissionRange(key: Uint8Array, rangeEnd: Uint8Array): boolean {
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return key.length > 0 && (rangeEnd.length === 0 || open || compareBytes(key, rangeEnd) < 0);
}

/** By key, then by range end. */
export function comparePermissions(left: AuthPermission, right: AuthPermission): number {
  return compareBytes(left.key, right.key) || compareBytes(left.rangeEnd, right.rangeEnd);
}
