/**
 * Users, roles and whether they matter, as one value that is replaced on each change, so that an image keeps what it
 * pinned. Names ascend by their bytes, as etcd lists them.
 */
import { assert } from "@quorate/base";
import type { AuthRole, AuthUser } from "./auth-types.ts";

/** See the head of this file. */
export interface AuthState {
  readonly enabled: boolean;
  /** Counts changes of rights, from 1. */
  readonly revision: number;
  readonly users: ReadonlyMap<string, AuthUser>;
  readonly roles: ReadonlyMap<string, AuthRole>;
}

/** ETCD: what a cluster has that never heard of access control. */
export const authStateInitial: AuthState = {
  enabled: false,
  revision: 1,
  users: new Map(),
  roles: new Map(),
};

/** Whether there is nothing to say about it. */
export function isInitial(state: AuthState): boolean {
  return !state.enabled && state.revision === 1 && state.users.size === 0 && state.roles.size === 0;
}

interface Named {
  readonly name: string;
}

/** `table` with `item` added, or in the place of the one of its name. */
export function withItem<T extends Named>(table: ReadonlyMap<string, T>, item: T): ReadonlyMap<string, T> {
  if (table.has(item.name)) {
    return new Map(table).set(item.name, item);
  }
  const next = new Map<string, T>();
  let placed = false;
  for (const [name, other] of table) {
    if (!placed && compareNames(item.name, name) < 0) {
      next.set(item.name, item);
      placed = true;
    }
    next.set(name, other);
  }
  if (!placed) {
    next.set(item.name, item);
  }
  assert(next.size === table.size + 1, "auth state: an item was lost");
  return next;
}

/** `table` without the item of that name, which exists. */
export function withoutItem<T extends Named>(
  table: ReadonlyMap<string, T>,
  name: string,
): ReadonlyMap<string, T> {
  const next = new Map(table);
  const removed = next.delete(name);
  assert(removed, "auth state: removal of what does not exist");
  return next;
}

/** Names in the order of their UTF-8 bytes, which is that of their code points. */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a !== b) {
      return rank(a) - rank(b);
    }
  }
  return left.length - right.length;
}

/** UTF-16 has halves of the highest code points below some lower ones; here they come last. */
function rank(unit: number): number {
  return unit < 0xd800 ? unit : unit > 0xdfff ? unit - 0x800 : unit + 0x2000;
}
