/**
 * Who may do what, now. Everything is denied that is not granted: each question names on whose behalf it is asked, and
 * while access control is on, nobody is somebody who may do nothing.
 */
import { assert, crc32c, emptyBytes } from "@quorate/base";
import type { KvErrorCode } from "../errors.ts";
import type { Revision } from "../revision.ts";
import type { KvRefusal, RequestOp, TxnRequest } from "../types.ts";
import { applyAuthAction } from "./apply-auth.ts";
import { AuthImage } from "./auth-image.ts";
import { type AuthState, authStateInitial, isInitial } from "./auth-state.ts";
import type { AuthAction, AuthResult, AuthRole, AuthUser, Principal } from "./auth-types.ts";
import { Rights } from "./rights.ts";

/** Told which tokens begin and end. */
export interface TokenObserver {
  tokenIssued(token: string, user: string): void;
  /** Null: everybody's. */
  tokensRevoked(user: string | null): void;
}

/** The keys that die with a lease. */
export type LeaseKeys = (lease: bigint) => Iterable<Uint8Array>;

/** See the head of this file. */
export class AuthTable {
  #state: AuthState = authStateInitial;
  /** PERF: what was found out about users since the last change of rights. */
  #rights: Map<string, Rights> = new Map();
  #hash: number | null = null;

  get enabled(): boolean {
    return this.#state.enabled;
  }

  /** Counts changes of rights, from 1. */
  get revision(): number {
    return this.#state.revision;
  }

  user(name: string): AuthUser | null {
    return this.#state.users.get(name) ?? null;
  }

  role(name: string): AuthRole | null {
    return this.#state.roles.get(name) ?? null;
  }

  /** All users, by name. */
  users(): readonly AuthUser[] {
    return [...this.#state.users.values()];
  }

  /** All roles, by name. */
  roles(): readonly AuthRole[] {
    return [...this.#state.roles.values()];
  }

  /** The state of this moment; later changes do not show in it. */
  pin(): AuthState {
    return this.#state;
  }

  /** CRC-32C over all of it: equal on members that have applied the same log. 0 where nobody ever touched it. */
  hash(): number {
    if (this.#hash === null) {
      this.#hash = 0;
      if (isInitial(this.#state)) {
        return 0;
      }
      const image = new AuthImage(this.#state);
      for (let part = image.read(hashSliceBytes); part !== null; part = image.read(hashSliceBytes)) {
        this.#hash = crc32c(part, this.#hash);
      }
    }
    return this.#hash;
  }

  /** Replaces everything. */
  install(state: AuthState): void {
    this.#state = state;
    this.#rights = new Map();
    this.#hash = null;
  }

  /** Applies one change at log index `index`; `revision` is the store's, which it does not move. */
  apply(
    action: AuthAction,
    index: number,
    revision: Revision,
    observer: TokenObserver,
  ): AuthResult | KvRefusal {
    const outcome = applyAuthAction(this.#state, action, index);
    if (typeof outcome === "string") {
      return { type: "refused", code: outcome };
    }
    assert(outcome.state.revision >= this.#state.revision, "auth: revision goes back");
    assert(outcome.state.revision <= this.#state.revision + 1, "auth: an action counts once at most");
    if (outcome.state !== this.#state) {
      this.install(outcome.state);
    }
    this.#tell(action, outcome.token, outcome.revoked, observer);
    return { type: "auth", revision, token: outcome.token };
  }

  /** Why `principal` may not even ask; null when it may. */
  refuseStranger(principal: Principal | null): KvErrorCode | null {
    if (!this.#state.enabled || principal?.kind === "server") {
      return null;
    }
    return principal === null || principal.name === "" ? "KV_USER_EMPTY" : null;
  }

  /** Why `principal` may not administer; null when it may. */
  refuseAdmin(principal: Principal | null): KvErrorCode | null {
    const stranger = this.refuseStranger(principal);
    if (stranger !== null || !this.#state.enabled || principal === null || principal.kind === "server") {
      return stranger;
    }
    const rights = this.#rightsOf(principal.name);
    // ETCD: here an unknown user is told so.
    return rights === null ? "KV_USER_NOT_FOUND" : rights.isRoot ? null : "KV_PERMISSION_DENIED";
  }

  /** Why `principal` may not have `access` to every key of the range; null when it may. */
  refuseRange(
    principal: Principal | null,
    access: "read" | "write",
    key: Uint8Array,
    rangeEnd: Uint8Array,
  ): KvErrorCode | null {
    if (!this.#state.enabled || principal?.kind === "server") {
      return null;
    }
    if (principal === null) {
      return "KV_USER_EMPTY";
    }
    // ETCD: whoever was told its rights before they changed asks again, root included.
    if (principal.authRevision < this.#state.revision) {
      return "KV_AUTH_OLD_REVISION";
    }
    const rights = this.#rightsOf(principal.name);
    return rights?.allows(access, key, rangeEnd) === true ? null : "KV_PERMISSION_DENIED";
  }

  /** Why `principal` may not have `access` to every key of the lease; null when it may, or where there is no such lease. */
  refuseLease(
    principal: Principal | null,
    access: "read" | "write",
    lease: bigint,
    keysOf: LeaseKeys,
  ): KvErrorCode | null {
    if (lease === 0n || this.refuseAdmin(principal) === null) {
      return null;
    }
    for (const key of keysOf(lease)) {
      const refused = this.refuseRange(principal, access, key, emptyBytes);
      if (refused !== null) {
        return refused;
      }
    }
    return null;
  }

  /** Why `principal` may not run the operation, whichever way its compares go; null when it may. */
  refuseOp(principal: Principal | null, op: RequestOp, keysOf: LeaseKeys): KvErrorCode | null {
    switch (op.type) {
      case "range":
        return this.refuseRange(principal, "read", op.key, op.rangeEnd);
      case "put":
        return (
          this.refuseRange(principal, "write", op.key, emptyBytes) ??
          // ETCD: whoever could not revoke the lease may attach nothing to it.
          this.refuseLease(principal, "write", op.lease, keysOf) ??
          (op.prevKv ? this.refuseRange(principal, "read", op.key, emptyBytes) : null)
        );
      case "delete-range":
        return (
          this.refuseRange(principal, "write", op.key, op.rangeEnd) ??
          (op.prevKv ? this.refuseRange(principal, "read", op.key, op.rangeEnd) : null)
        );
      case "txn":
        return this.#refuseTxn(principal, op, onceEach(keysOf));
      case "none":
        return this.refuseStranger(principal);
    }
  }

  /** ETCD: compares read, and both branches count on every level. */
  #refuseTxn(principal: Principal | null, txn: TxnRequest, keysOf: LeaseKeys): KvErrorCode | null {
    for (const { key, rangeEnd } of txn.compares) {
      const refused = this.refuseRange(principal, "read", key, rangeEnd);
      if (refused !== null) {
        return refused;
      }
    }
    for (const ops of [txn.success, txn.failure]) {
      for (const op of ops) {
        const refused = this.refuseOp(principal, op, keysOf);
        if (refused !== null) {
          return refused;
        }
      }
    }
    return this.refuseStranger(principal);
  }

  #rightsOf(name: string): Rights | null {
    const known = this.#rights.get(name);
    if (known !== undefined) {
      return known;
    }
    const user = this.#state.users.get(name);
    if (user === undefined) {
      return null;
    }
    const rights = new Rights(this.#state, user);
    this.#rights.set(name, rights);
    assert(this.#rights.size <= this.#state.users.size, "auth: rights of users who do not exist");
    return rights;
  }

  #tell(
    action: AuthAction,
    token: string | null,
    revoked: readonly string[] | "all",
    observer: TokenObserver,
  ): void {
    if (token !== null) {
      assert(action.op === "authenticate", "auth: a token for something else");
      observer.tokenIssued(token, action.user);
    }
    if (revoked === "all") {
      observer.tokensRevoked(null);
      return;
    }
    for (const user of revoked) {
      observer.tokensRevoked(user);
    }
  }
}

/** PERF: a lease may have many keys, and a transaction may name it with each of its puts; the answer would be the same. */
function onceEach(keysOf: LeaseKeys): LeaseKeys {
  const asked = new Set<bigint>();
  return (lease) => {
    const keys = asked.has(lease) ? [] : keysOf(lease);
    asked.add(lease);
    return keys;
  };
}

const hashSliceBytes = 64 * 1024;
