/**
 * Access control once more, as simply as possible: users with roles, roles with permissions, decided at the place of the log where a
 * command is applied. Every state that ever was in force is kept, so that an answer from local state can be held against those that a
 * member may have had. Knows what its workload does; permissions in there never add up to a range that no single one covers.
 */
import { InvariantViolation, must } from "@quorate/base";
import type { AuthAccess, AuthAction, Command, Principal, RequestOp } from "@quorate/kv";
import { isWithin } from "./kv-history.ts";
import { textOf } from "./texts.ts";

interface ModelPermission {
  readonly access: AuthAccess;
  readonly key: string;
  readonly rangeEnd: string;
}

type Roles = ReadonlyMap<string, readonly ModelPermission[]>;

/** What is in force from one entry of the log on. */
interface AuthVersion {
  readonly index: number;
  readonly isEnabled: boolean;
  readonly revision: number;
  readonly users: ReadonlyMap<string, ReadonlySet<string>>;
  readonly roles: Roles;
}

/** A range that somebody wants to read or write. */
export interface Wanted {
  readonly access: "read" | "write";
  readonly key: string;
  readonly rangeEnd: string;
}

const root = "root";

/** See the head of this file. */
export class AuthModel {
  readonly #versions: AuthVersion[] = [
    { index: 0, isEnabled: false, revision: 1, users: new Map(), roles: new Map() },
  ];

  get isEnabled(): boolean {
    return this.#now.isEnabled;
  }

  /** Whether every state from the one at entry `from` on, up to now, had it on. */
  wasEnabledSince(from: number): boolean {
    return this.#since(from).every(({ isEnabled }) => isEnabled);
  }

  /** Whether some state from the one at entry `from` on, up to now, lets `user` do all of it. */
  mayHaveAllowed(user: string, wanted: readonly Wanted[], from: number): boolean {
    return this.#since(from).some(
      (version) => !version.isEnabled || wanted.every((each) => allows(version, user, each)),
    );
  }

  /** Whether some state from the one at entry `from` on, up to now, refuses `user` some of it. */
  mayHaveRefused(user: string, wanted: readonly Wanted[], from: number): boolean {
    return this.#since(from).some(
      (version) => version.isEnabled && !wanted.every((each) => allows(version, user, each)),
    );
  }

  /** Whether rights have changed since entry `from`. */
  hasChangedSince(from: number): boolean {
    return this.#since(from).length > 1;
  }

  /** Applies a change at an entry: null, or the error. */
  apply(action: AuthAction, index: number): string | null {
    const next = change(this.#now, action);
    if (typeof next === "string") {
      return next;
    }
    this.#versions.push({ ...this.#now, ...next, index });
    return null;
  }

  /** Why a command that stands for `principal` is refused; null when it is not. */
  refuse(
    principal: Principal | null,
    command: Command,
    leaseKeys: (id: bigint) => readonly string[],
  ): string | null {
    if (!this.isEnabled || principal?.kind === "server") {
      return null;
    }
    switch (command.type) {
      case "put":
      case "delete-range":
      case "txn":
        return this.#refuseRanges(
          principal,
          rangesOf(command, leaseKeys, (id) => this.#isAdmin(principal) || id === 0n),
        );
      case "lease-revoke": {
        const keys = this.#isAdmin(principal) || command.fenceTerm !== 0 ? [] : leaseKeys(command.id);
        const wanted = keys.map((key): Wanted => ({ access: "write", key, rangeEnd: "" }));
        return command.fenceTerm !== 0
          ? null
          : (refuseStranger(principal) ?? this.#refuseRanges(principal, wanted));
      }
      case "lease-grant":
        return refuseStranger(principal);
      case "compaction":
      case "alarm":
      case "auth":
        return refuseStranger(principal) ?? this.#refuseAdmin(principal);
      default:
        return null;
    }
  }

  get #now(): AuthVersion {
    return must(this.#versions.at(-1), "auth model: no state");
  }

  #since(from: number): readonly AuthVersion[] {
    const first = this.#versions.findLastIndex(({ index }) => index <= from);
    return this.#versions.slice(Math.max(0, first));
  }

  #isAdmin(principal: Principal | null): boolean {
    return principal?.kind === "user" && this.#now.users.get(principal.name)?.has(root) === true;
  }

  #refuseAdmin(principal: Principal | null): string | null {
    const isKnown = principal?.kind === "user" && this.#now.users.has(principal.name);
    return this.#isAdmin(principal) ? null : isKnown ? "KV_PERMISSION_DENIED" : "KV_USER_NOT_FOUND";
  }

  /** ETCD: whoever was told its rights before they changed asks again. */
  #refuseRanges(principal: Principal | null, wanted: readonly Wanted[]): string | null {
    const stranger = refuseStranger(principal);
    if (stranger !== null || wanted.length === 0 || principal?.kind !== "user") {
      return stranger;
    }
    if (principal.authRevision < this.#now.revision) {
      return "KV_AUTH_OLD_REVISION";
    }
    const isAllowed = wanted.every((each) => allows(this.#now, principal.name, each));
    return isAllowed ? null : "KV_PERMISSION_DENIED";
  }
}

function refuseStranger(principal: Principal | null): string | null {
  return principal === null || (principal.kind === "user" && principal.name === "") ? "KV_USER_EMPTY" : null;
}

function allows({ roles, users }: AuthVersion, user: string, { access, key, rangeEnd }: Wanted): boolean {
  const granted = users.get(user) ?? new Set();
  if (granted.has(root)) {
    return true;
  }
  return [...granted]
    .flatMap((role) => roles.get(role) ?? [])
    .filter((permission) => permission.access === "read-write" || permission.access === access)
    .some((permission) => covers(permission, key, rangeEnd));
}

/** Whether one permission covers the whole range. */
function covers(permission: ModelPermission, key: string, rangeEnd: string): boolean {
  if (!isWithin(permission.key, permission.rangeEnd, key)) {
    return false;
  }
  if (rangeEnd === "" || permission.rangeEnd === "\0") {
    return true;
  }
  return rangeEnd !== "\0" && permission.rangeEnd !== "" && rangeEnd <= permission.rangeEnd;
}

/** Everything that a request reads or writes, whichever way its compares go, on all levels. */
export function rangesOf(
  op: RequestOp,
  leaseKeys: (id: bigint) => readonly string[],
  isFree: (lease: bigint) => boolean,
): readonly Wanted[] {
  switch (op.type) {
    case "range":
      return [wantedOf("read", op.key, op.rangeEnd)];
    case "put": {
      const attached = isFree(op.lease) ? [] : leaseKeys(op.lease);
      const read = op.prevKv ? [wantedOf("read", op.key)] : [];
      const write = attached.map((key): Wanted => ({ access: "write", key, rangeEnd: "" }));
      return [wantedOf("write", op.key), ...write, ...read];
    }
    case "delete-range":
      return [
        wantedOf("write", op.key, op.rangeEnd),
        ...(op.prevKv ? [wantedOf("read", op.key, op.rangeEnd)] : []),
      ];
    case "txn":
      return [
        ...op.compares.map(({ key, rangeEnd }) => wantedOf("read", key, rangeEnd)),
        ...[...op.success, ...op.failure].flatMap((inner) => rangesOf(inner, leaseKeys, isFree)),
      ];
    case "none":
      return [];
  }
}

function wantedOf(
  access: "read" | "write",
  key: Uint8Array,
  rangeEnd: Uint8Array = new Uint8Array(0),
): Wanted {
  return { access, key: textOf(key), rangeEnd: textOf(rangeEnd) };
}

type Change = Partial<Omit<AuthVersion, "index">>;

/** What changes; an error; nothing where all is as asked. What enables counts no revision up, all others do. */
function change(now: AuthVersion, action: AuthAction): Change | string {
  const revision = now.revision + 1;
  switch (action.op) {
    case "enable":
      return now.users.get(root)?.has(root) === true ? { isEnabled: true } : "KV_ROOT_USER_NOT_EXIST";
    case "disable":
      return now.isEnabled ? { isEnabled: false, revision } : {};
    case "user-add":
      return now.users.has(action.user)
        ? "KV_USER_ALREADY_EXIST"
        : { revision, users: new Map(now.users).set(action.user, new Set()) };
    case "role-add":
      return now.roles.has(action.role)
        ? "KV_ROLE_ALREADY_EXIST"
        : { revision, roles: new Map(now.roles).set(action.role, []) };
    case "user-grant-role":
    case "user-revoke-role":
      return changeUser(now, action.op, action.user, action.role);
    case "role-grant-permission":
      return changeRole(now, action.role, {
        access: action.permission.access,
        key: textOf(action.permission.key),
        rangeEnd: textOf(action.permission.rangeEnd),
      });
    default:
      throw new InvariantViolation("auth model: an action that no workload asks for");
  }
}

function changeUser(
  now: AuthVersion,
  op: "user-grant-role" | "user-revoke-role",
  user: string,
  role: string,
): Change | string {
  const roles = now.users.get(user);
  if (roles === undefined) {
    return "KV_USER_NOT_FOUND";
  }
  if (op === "user-grant-role" && role !== root && !now.roles.has(role)) {
    return "KV_ROLE_NOT_FOUND";
  }
  if (op === "user-revoke-role" && !roles.has(role)) {
    return "KV_ROLE_NOT_GRANTED";
  }
  if (op === "user-grant-role" && roles.has(role)) {
    return {};
  }
  const next = new Set(roles);
  if (op === "user-grant-role") {
    next.add(role);
  } else {
    next.delete(role);
  }
  return { revision: now.revision + 1, users: new Map(now.users).set(user, next) };
}

function changeRole(now: AuthVersion, role: string, permission: ModelPermission): Change | string {
  const permissions = now.roles.get(role);
  if (permissions === undefined) {
    return "KV_ROLE_NOT_FOUND";
  }
  const others = permissions.filter(
    ({ key, rangeEnd }) => key !== permission.key || rangeEnd !== permission.rangeEnd,
  );
  return { revision: now.revision + 1, roles: new Map(now.roles).set(role, [...others, permission]) };
}
